"""Resource paths: an entity set, the key of one row, and what follows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from d365_sandbox.odata.moments import to_utc

_PART = re.compile(r"\s*(?:([A-Za-z_][\w.]*)\s*=\s*)?('(?:[^']|'')*'|[^',()]+)\s*(,|$)")


class AddressError(ValueError):
    """The path cannot be parsed; the message is the one that the system would send."""


@dataclass(frozen=True, slots=True)
class Address:
    """`key` maps key field names to values; the name is empty when only a value was given. None: the whole
    set.

    `rest` are the path segments after the set or row, still percent-encoded.
    """

    set_name: str
    key: dict[str, str] | None
    rest: tuple[str, ...]
    quoted: frozenset[str] = frozenset()


def parse_address(path: str) -> Address:
    """The address of a percent-encoded path under the service root. Raises AddressError."""
    first, *rest = path.split("/")
    name, bracket, tail = first.partition("(")
    if not bracket:
        return Address(unquote(name), None, tuple(s for s in rest if s))
    if not tail.endswith(")"):
        raise AddressError(f"Bad Request - Error in query syntax: '{unquote(path)}'.")
    key, quoted = _parse_key(unquote(tail[:-1]))
    return Address(unquote(name), key, tuple(s for s in rest if s), quoted)


def _parse_key(text: str) -> tuple[dict[str, str], frozenset[str]]:
    found: dict[str, str] = {}
    quoted = set()
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or (part[1] or "") in found:
            raise AddressError(f"Bad Request - Error in query syntax: '({text})'.")
        name, value = part[1] or "", part[2].strip()
        if value.startswith("'"):
            quoted.add(name)
            value = value[1:-1].replace("''", "'")
        found[name] = value
        position = part.end()
    if not found:
        raise AddressError(f"Bad Request - Error in query syntax: '({text})'.")
    return found, frozenset(quoted)


def is_guid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None


def is_moment(text: str) -> bool:
    try:
        to_utc(text)
    except ValueError:
        return False
    return True
