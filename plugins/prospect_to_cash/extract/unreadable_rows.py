"""Find rows that must not land in a raw table.

Postgres accepts ``\\u0000`` and lone surrogates in type ``json``, but every later query of the table fails on them. Such rows
are found by their bytes before they land.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from prospect_to_cash.extract.raw_keys import key_text, storable

_ESCAPES = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class UnreadableRow:
    """A row that no later step can read: its key as far as it is known, the reason, and the field."""

    key: str
    reason: str
    field_name: str | None
    payload: bytes = field(repr=False)


def suspects(rows: Sequence[bytes], text: bytes) -> list[int]:
    """Positions of the rows that may be unreadable; ``text`` is all rows, and usually one search in it is enough."""
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
    """The row as text that Postgres can check, or None when Postgres cannot take it as text."""
    return row.decode() if is_utf8(row) and b"\0" not in row else None


def diagnose(row: bytes, key: Sequence[str]) -> UnreadableRow:
    """Why a row cannot be read, and which record it is.

    A row without a readable key gets a key made from its hash.
    """
    hashed_key = "no key: " + hashlib.md5(row, usedforsecurity=False).hexdigest()
    try:
        record = json.loads(
            row.decode("utf-8", "surrogateescape"), strict=False, parse_float=str, parse_int=str
        )
    except ValueError:
        return UnreadableRow(hashed_key, "not_json", None, row)
    field_name, reason = _cause(record)
    if not is_utf8(row):
        reason = "invalid_utf8"
    values = [record.get(name) if isinstance(record, dict) else None for name in key]
    if any(value is None for value in values):
        return UnreadableRow(hashed_key, "key_missing" if field_name is None else reason, field_name, row)
    return UnreadableRow(storable(key_text(key, [str(value) for value in values])), reason, field_name, row)


def _cause(record: object) -> tuple[str | None, str]:
    """The first field that cannot be stored, and what is wrong with it."""
    for name, value in record.items() if isinstance(record, dict) else ():
        text = name + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        if "\0" in text or "\\u0000" in text:
            return storable(name), "nul_character"
        if _LONE.search(text):
            return storable(name), "lone_surrogate"
    return None, "unreadable_value"
