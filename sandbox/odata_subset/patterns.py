"""Wildcards in text filters, as regular expressions without case."""

from __future__ import annotations

import re

_ANY = {"contains": (".*", ".*"), "startswith": ("", ".*"), "endswith": (".*", "")}


def like(text: str, function: str) -> re.Pattern[str]:
    """The pattern of contains, startswith or endswith in Dataverse, where `%`, `_` and `[...]` are
    wildcards."""
    before, after = _ANY[function]
    out, position = [], 0
    while position < len(text):
        letter = text[position]
        closing = text.find("]", position + 1) if letter == "[" else -1
        if closing > position + 1:
            out.append("[" + re.sub(r"([\\\[])", r"\\\1", text[position + 1 : closing]) + "]")
            position = closing
        else:
            out.append({"%": ".*", "_": "."}.get(letter) or re.escape(letter))
        position += 1
    return _compiled(before + "".join(out) + after)


def starred(text: str) -> re.Pattern[str]:
    """The pattern of an F&O `eq` whose value holds `*`."""
    return _compiled(".*".join(re.escape(part) for part in text.split("*")) + " *")


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern + r"\Z", re.IGNORECASE | re.DOTALL)
    except re.error:
        return re.compile(r"(?!)")
