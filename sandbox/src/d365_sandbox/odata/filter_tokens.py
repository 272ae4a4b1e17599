"""`$filter` text as tokens, parameter aliases put in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from d365_sandbox.odata.filter_tree import FilterError

Token = tuple[str, str]

_LONGEST_NUMBER = 60
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<quoted>"(?:[^"]|"")*")
    | (?P<datetime>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?(?![\w-]))
    | (?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?![\w-]))
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w]))
    | (?P<alias>@\w+)
    | (?P<name>\$?[A-Za-z_][\w.]*(?:/[A-Za-z_][\w.]*)*)
    | (?P<mark>[(),=\[\]:])
    )""",
    re.VERBOSE,
)


def tokens_of(text: str, aliases: Mapping[str, str]) -> list[Token]:
    """Pairs of kind and text. Raises FilterError for characters and aliases that mean nothing.

    The value of an alias may not name aliases itself.
    """
    found: list[Token] = []
    position, length = 0, len(text.rstrip())
    while position < length:
        match = _TOKEN.match(text, position)
        if match is None:
            raise FilterError(
                f"Syntax error: character '{text[position]}' is not valid at position {position} in '{text}'."
            )
        kind = match.lastgroup or ""
        value = match[kind]
        if kind == "alias":
            if value not in aliases:
                raise FilterError(f"The parameter alias '{value}' has no value in the query.")
            found.extend(tokens_of(aliases[value], {}))
        elif kind == "number" and len(value) > _LONGEST_NUMBER:
            raise FilterError(f"Syntax error: '{value}' is not a number that can be read.")
        else:
            found.append((kind, value))
        position = match.end()
    return found
