"""Rows that must not land.

``\\u0000`` and lone surrogates pass as type ``json`` and break every later read of the whole table,
so such rows are found by their bytes before they land.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from prospect_to_cash.stores.keys import key_text, storable

_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Poison:
    """One row that no later step could read: its key as far as it can be told, why, in which field."""

    key: str
    reason: str
    where: str | None
    payload: bytes = field(repr=False)


def suspects(rows: Sequence[bytes], text: bytes) -> list[int]:
    """Positions of the rows that may be poison; ``text`` is all rows, and one look at it mostly enough."""
    if not _suspicious(text):
        return []
    return [n for n, row in enumerate(rows) if _suspicious(row)]


def _suspicious(text: bytes) -> bool:
    return not is_utf8(text) or b"\0" in text or _ESCAPES.search(text) is not None


def is_utf8(text: bytes) -> bool:
    if text.isascii():
        return True
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def readable_text(row: bytes) -> str | None:
    """The row as Postgres can take it for a closer look, or None when it cannot even be text."""
    return row.decode() if is_utf8(row) and b"\0" not in row else None


def diagnose(row: bytes, key: Sequence[str]) -> Poison:
    """Why a row is refused and which record it is.

    A row without a readable key is named by its hash, so that it is still one named row.
    """
    nameless = "no key: " + hashlib.md5(row, usedforsecurity=False).hexdigest()
    try:
        said = json.loads(
            row.decode("utf-8", "surrogateescape"), strict=False, parse_float=str, parse_int=str
        )
    except ValueError:
        return Poison(nameless, "not_json", None, row)
    where, reason = _cause(said)
    if not is_utf8(row):
        reason = "invalid_utf8"
    values = [said.get(name) if isinstance(said, dict) else None for name in key]
    if any(value is None for value in values):
        return Poison(nameless, "key_missing" if where is None else reason, where, row)
    return Poison(storable(key_text(key, [str(value) for value in values])), reason, where, row)


def _cause(said: object) -> tuple[str | None, str]:
    """The first field that cannot be stored, and what is wrong with it."""
    for name, value in said.items() if isinstance(said, dict) else ():
        text = name + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        if "\0" in text or "\\u0000" in text:
            return storable(name), "nul_character"
        if _LONE.search(text):
            return storable(name), "lone_surrogate"
    return None, "unreadable_value"
