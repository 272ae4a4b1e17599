"""Rows on their way into Postgres: what a COPY takes, made while Postgres works on the page before.

Keys are read off the bytes where that is certain: a page of flat objects in which the key field
stands exactly once per row. Any other page has its keys read by Postgres, at half the speed.
Nothing here touches a connection.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prospect_to_cash.clients.pages import Page
from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores.keys import LOWERED
from prospect_to_cash.stores.poison import suspects

# A control character is no JSON at all, so that it cannot stand inside a row.
_BETWEEN = b"\x1e"
_VALUE = rb'":("[^"\\\x00-\x1f]*"|-?[0-9][-+.0-9eE]*)'
_WHOLE_NUMBER = re.compile(rb"[0-9]{1,30}")

# postgresql.org/docs/current/sql-copy.html, "Binary Format": signature, flags, extension; fields, lengths.
_OPENING = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_ROW = struct.Struct(">hi").pack
_HASH = struct.pack(">i", 16)
_LENGTH = struct.Struct(">i").pack
_NULL = struct.pack(">i", -1)
_END = b"\xff\xff"


@dataclass(frozen=True)
class Arrival:
    """A page made ready to land; ``suspects`` are positions of rows that need a closer look first.

    ``keyed``: the keys stand beside the rows, Postgres need not parse them. ``pieces`` are complete
    COPY streams of the columns payload, content_hash, key, version.
    """

    page: Page
    suspects: list[int]
    keyed: bool
    pieces: list[bytes] = field(repr=False)


def prepare(page: Page, read: Read) -> Arrival:
    """Make a page ready; one with suspicious rows only as far as to name them."""
    text = _BETWEEN.join(page.rows)
    suspicious = suspects(page.rows, text)
    if suspicious or not page.rows:
        return Arrival(page, suspicious, False, [])
    keys = _keys(text, len(page.rows), read)
    return Arrival(page, [], keys is not None, list(copy_streams(page.rows, keys)))


def copy_streams(rows: Sequence[bytes], keys: _Keys | None = None, at_once: int = 2000) -> Iterator[bytes]:
    """The rows as binary COPY streams; without ``keys`` key and version stay null."""
    for start in range(0, len(rows), at_once):
        parts = [_OPENING]
        for n, row in enumerate(rows[start : start + at_once], start):
            digest = hashlib.md5(row, usedforsecurity=False).digest()
            parts += (_ROW(4, len(row)), row, _HASH, digest)
            parts += (_NULL, _NULL) if keys is None else keys.at(n)
        parts.append(_END)
        yield b"".join(parts)


@dataclass(frozen=True)
class _Keys:
    keys: list[bytes]
    versions: list[bytes] | None

    def at(self, n: int) -> tuple[bytes, ...]:
        key = (_LENGTH(len(self.keys[n])), self.keys[n])
        return (
            (*key, _NULL)
            if self.versions is None
            else (*key, _LENGTH(len(self.versions[n])), self.versions[n])
        )


def _keys(text: bytes, rows: int, read: Read) -> _Keys | None:
    """Keys and versions of all rows, or None where the bytes leave a doubt."""
    if text.count(b"{") != rows:
        return None
    parts = [_values(text, rows, name) for name in read.key]
    versions = _values(text, rows, read.version) if read.version else None
    if None in parts or (
        read.version and (versions is None or not all(map(_WHOLE_NUMBER.fullmatch, versions)))
    ):
        return None
    values = [
        [value.lower() for value in part] if name in LOWERED else part
        for name, part in zip(read.key, parts, strict=True)
        if part is not None
    ]
    if len(values) == 1:
        return _Keys(values[0], versions)
    return _Keys([b'["' + b'", "'.join(key) + b'"]' for key in zip(*values, strict=True)], versions)


def _values(text: bytes, rows: int, name: str) -> list[bytes] | None:
    found = re.findall(b'"' + re.escape(name.encode()) + _VALUE, text)
    return [value.strip(b'"') for value in found] if len(found) == rows else None
