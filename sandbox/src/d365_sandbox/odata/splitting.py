"""Lists inside query options, split where neither quotes nor brackets are open."""

from __future__ import annotations

from collections.abc import Iterator

_OPEN, _CLOSE = "([", ")]"


class SplitError(ValueError):
    """Quotes or brackets do not match."""


def split_outside(text: str, separator: str) -> list[str]:
    """The parts between separators that stand outside of quotes and brackets. Raises SplitError."""
    parts, start = [], 0
    for position in _outside(text):
        if text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
    return [*parts, text[start:]]


def bracketed(text: str) -> tuple[str, str | None]:
    """`name(inside)` as its two halves; None when there is no bracket. Raises SplitError."""
    name, mark, rest = text.partition("(")
    if not mark:
        return name.strip(), None
    inside = rest.rstrip()
    if not inside.endswith(")"):
        raise SplitError(f"Syntax error: ')' expected in '{text}'.")
    inside = inside[:-1]
    for _ in _outside(inside):
        pass
    return name.strip(), inside


def _outside(text: str) -> Iterator[int]:
    """Positions that are in no quotes and no brackets; a doubled quote is two texts that touch."""
    depth, quoted = 0, False
    for position, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif letter in _OPEN:
            depth += 1
        elif letter in _CLOSE:
            depth -= 1
            if depth < 0:
                raise SplitError(f"Syntax error: '{letter}' is not expected in '{text}'.")
        elif depth == 0:
            yield position
    if depth or quoted:
        raise SplitError(f"Syntax error: {'a quote' if quoted else 'a bracket'} is not closed in '{text}'.")
