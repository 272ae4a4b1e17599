"""Prepare a page as COPY streams, while Postgres still works on the page before.

Keys are read from the bytes where that is safe: on a page of flat objects in which the key field occurs exactly once
per row. On any other page Postgres reads the keys, at half the speed. Nothing here uses a connection.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.extract.raw_keys import LOWERED
from prospect_to_cash.extract.unreadable_rows import suspects
from prospect_to_cash.flow_card import Read

# A raw control character is not valid JSON, so no row contains it.
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
    """A page ready to land; ``suspects`` are positions of rows that must be checked first.

    ``keyed``: the streams contain the keys, so Postgres need not parse the rows. ``pieces`` are complete
    COPY streams of the columns payload, content_hash, key, version.
    """

    page: Page
    suspects: list[int]
    keyed: bool
    pieces: list[bytes] = field(repr=False)


def prepare(page: Page, read: Read) -> Arrival:
    """Make a page ready to land; with suspicious rows, only find these."""
    text = _BETWEEN.join(page.rows)
    suspicious = suspects(page.rows, text)
    if suspicious or not page.rows:
        return Arrival(page, suspicious, False, [])
    keys = _keys(text, len(page.rows), read)
    return Arrival(page, [], keys is not None, list(copy_streams(page.rows, keys)))


def copy_streams(rows: Sequence[bytes], keys: _Keys | None = None, at_once: int = 2000) -> Iterator[bytes]:
    """The rows as binary COPY streams; without ``keys``, key and version are null."""
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
    """Keys and versions of all rows, or None where reading them from the bytes is not safe."""
    if text.count(b"{") != rows:
        return None
    values = [found for name in read.key if (found := _key_values(text, rows, name)) is not None]
    versions = _versions(text, rows, read.version) if read.version else None
    if len(values) < len(read.key) or (read.version and versions is None):
        return None
    if len(values) == 1:
        return _Keys(values[0], versions)
    return _Keys([b'["' + b'", "'.join(key) + b'"]' for key in zip(*values, strict=True)], versions)


def _key_values(text: bytes, rows: int, name: str) -> list[bytes] | None:
    values = _values(text, rows, name)
    return [value.lower() for value in values] if values and name in LOWERED else values


def _versions(text: bytes, rows: int, name: str) -> list[bytes] | None:
    values = _values(text, rows, name)
    return values if values and all(map(_WHOLE_NUMBER.fullmatch, values)) else None


def _values(text: bytes, rows: int, name: str) -> list[bytes] | None:
    found = re.findall(b'"' + re.escape(name.encode()) + _VALUE, text)
    return [value.strip(b'"') for value in found] if len(found) == rows else None
