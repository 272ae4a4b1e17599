"""Wildcards in text filters, as regular expressions without case."""

from __future__ import annotations

import re

_ANY = {"contains": ("%", "%"), "startswith": ("", "%"), "endswith": ("%", ""), "like": ("", "")}


def like(text: str, function: str) -> re.Pattern[str]:
    """The pattern of contains, startswith or endswith in Dataverse, where `%`, `_` and `[...]` are
    wildcards."""
    before, after = _ANY[function]
    return _compiled(_joined(["".join(p) for p in _pieces(before + text + after)]))


def _pieces(text: str) -> list[list[str]]:
    """Patterns of single letters, in groups between the `%`."""
    pieces: list[list[str]] = [[]]
    position = 0
    while position < len(text):
        letter = text[position]
        closing = text.find("]", position + 1) if letter == "[" else -1
        if closing > position + 1:
            pieces[-1].append(_class(text[position + 1 : closing]))
            position = closing
        elif letter == "%":
            pieces.append([])
        else:
            pieces[-1].append("." if letter == "_" else re.escape(letter))
        position += 1
    return pieces


def _class(inside: str) -> str:
    """`[abc]`, `[a-c]` and `[^a]` of SQL as the same of a regular expression."""
    negated = inside.startswith("^") and len(inside) > 1
    rest = inside[negated:]
    out, position = [], 0
    while position < len(rest):
        if rest[position + 1 : position + 2] == "-" and position + 2 < len(rest):
            out.append(f"{re.escape(rest[position])}-{re.escape(rest[position + 2])}")
            position += 3
        else:
            out.append(re.escape(rest[position]))
            position += 1
    return f"[{'^' if negated else ''}{''.join(out)}]"


def _joined(pieces: list[str]) -> str:
    """Groups with anything in between. All but the last take their first place for good, which finds the
    same texts and never tries again, however many wildcards there are."""
    first, *others = pieces
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last


def starred(text: str) -> re.Pattern[str]:
    """The pattern of an F&O `eq` whose value holds `*`."""
    return _compiled(_joined([re.escape(part) for part in text.split("*")]) + " *")


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern + r"\Z", re.IGNORECASE | re.DOTALL)
    except re.error:
        return re.compile(r"(?!)")
