"""The query string of an OData request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_plus


class OptionError(ValueError):
    """A query option is unknown, repeated or malformed; the message is the one that the system would send."""


@dataclass(slots=True)
class Options:
    """The options of one request, decoded. `raw` keeps the text as it came, in order, for next links."""

    raw: list[tuple[str, str]] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def filter(self) -> str:
        return self.values.get("$filter", "")

    @property
    def select(self) -> list[str] | None:
        text = self.values.get("$select", "").strip()
        return [name.strip() for name in text.split(",")] if text and text != "*" else None

    @property
    def orderby(self) -> list[tuple[str, bool]]:
        """Pairs of property and descending."""
        found = []
        for part in filter(None, (p.strip() for p in self.values.get("$orderby", "").split(","))):
            name, _, direction = part.partition(" ")
            if name.startswith("@"):
                name = self._alias(name)
            if direction.strip() not in ("", "asc", "desc"):
                raise OptionError(f"Syntax error in $orderby: '{part}'.")
            found.append((name, direction.strip() == "desc"))
        return found

    def _alias(self, name: str) -> str:
        if name not in self.aliases:
            raise OptionError(f"The parameter alias '{name}' has no value in the query.")
        return self.aliases[name].strip()

    @property
    def count(self) -> bool:
        text = self.values.get("$count", "false")
        if text not in ("true", "false"):
            raise OptionError(f"Invalid value '{text}' for $count: true or false is expected.")
        return text == "true"

    def number(self, name: str) -> int | None:
        """The value of `$top` or `$skip`."""
        text = self.values.get(name)
        if text is None:
            return None
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise OptionError(f"Invalid value '{text}' for {name}: a non-negative whole number is expected.")
        return int(text)

    def rewritten(self, replace: dict[str, str | None]) -> str:
        """The query text with some options replaced (encoded values), removed (None) or added
        at the end."""
        kept = [(n, v) for n, v in self.raw if unquote_plus(n) not in replace]
        added = [(n, v) for n, v in replace.items() if v is not None]
        return "&".join(f"{n}={v}" for n, v in kept + added)


def parse_options(query: str, known: Iterable[str]) -> Options:
    """The options of a query string. Raises OptionError for one that is not known or given twice."""
    allowed = set(known)
    options = Options()
    for pair in filter(None, query.split("&")):
        raw_name, _, raw_value = pair.partition("=")
        name, value = unquote_plus(raw_name), unquote_plus(raw_value)
        options.raw.append((raw_name, raw_value))
        if name.startswith("@"):
            options.aliases[name] = value
            continue
        if name not in allowed:
            raise OptionError(f"The query parameter {name} is not supported")
        if name in options.values:
            raise OptionError(
                f"Query option '{name}' was specified more than once, but it must be specified at most once."
            )
        options.values[name] = value
    return options
