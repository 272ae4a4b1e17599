"""`$expand` text as a tree of navigation properties with their own options."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from d365_sandbox.odata.options import OptionError, Options
from d365_sandbox.odata.splitting import SplitError, bracketed, split_outside

_MOST = 15  # expansions of one request, as the service documents


@dataclass(frozen=True, slots=True)
class Expansion:
    """One navigation property to expand. `only_references` is `nav/$ref`."""

    name: str
    options: Options
    only_references: bool = False
    inner: tuple[Expansion, ...] = ()


def parse_expand(text: str, known: Iterable[str]) -> tuple[Expansion, ...]:
    """The expansions of a request, nested ones inside. Raises OptionError."""
    allowed = frozenset(known)
    try:
        found = _read(text, allowed)
    except SplitError as error:
        raise OptionError(str(error)) from None
    if _count(found) > _MOST:
        raise OptionError(f"The number of $expand options exceeds the limit of {_MOST}.")
    return found


def _read(text: str, allowed: frozenset[str], depth: int = 0) -> tuple[Expansion, ...]:
    if depth > _MOST:
        raise OptionError(f"The number of $expand options exceeds the limit of {_MOST}.")
    found = tuple(_one(part.strip(), allowed, depth) for part in split_outside(text, ","))
    names = [expansion.name for expansion in found]
    if len(set(names)) < len(names):
        raise OptionError("A navigation property is named more than once in $expand.")
    return found


def _one(text: str, allowed: frozenset[str], depth: int) -> Expansion:
    name, inside = bracketed(text)
    path, mark, tail = name.partition("/")
    if not path or (mark and tail != "$ref"):
        raise OptionError(f"Syntax error in $expand: '{text}'.")
    options = Options()
    inner: tuple[Expansion, ...] = ()
    for pair in filter(None, (p.strip() for p in split_outside(inside or "", ";"))):
        option, _, value = pair.partition("=")
        if option not in allowed:
            raise OptionError(f"The query option {option} is not supported inside $expand.")
        if option in options.values:
            raise OptionError(f"Query option '{option}' was specified more than once in $expand.")
        options.values[option] = value
        options.raw.append((option, value))
        if option == "$expand":
            inner = _read(value, allowed, depth + 1)
    return Expansion(path, options, bool(mark), inner)


def _count(expansions: tuple[Expansion, ...]) -> int:
    return sum(1 + _count(e.inner) for e in expansions)
