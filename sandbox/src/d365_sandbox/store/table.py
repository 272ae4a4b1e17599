"""Rows of one entity set in key order, with hash indexes made when a query first asks for one."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

from d365_sandbox.schemas.entity import Entity, Fields, Key, Wire, fold

_SORT_ANEW = 256  # more new keys than this are sorted in together instead of one by one


class Row:
    """One stored row: its key, its sparse fields in wire form and its version. Never changed in place."""

    __slots__ = ("fields", "key", "version")

    def __init__(self, key: Key, fields: Fields, version: str) -> None:
        self.key = key
        self.fields = fields
        self.version = version


class Table:
    """All rows of one entity set. `revision` grows with every change, so that cached results can be
    recognised. `deleted` holds the version at which a row was deleted, for tables with change tracking."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.revision = 0
        self.deleted: dict[Key, str] = {}
        self._rows: dict[Key, Row] = {}
        self._sorted: list[Key] = []
        self._unsorted: list[Key] = []
        self._ordered: tuple[int, list[Row]] = (-1, [])
        self._indexes: dict[str, dict[Wire, set[Key]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: Key) -> Row | None:
        return self._rows.get(key)

    def put(self, row: Row) -> Row | None:
        """Insert or replace a row and return the one that stood there before."""
        before = self._rows.get(row.key)
        self._rows[row.key] = row
        if before is None:
            self._unsorted.append(row.key)
        self._touch(before, row)
        return before

    def drop(self, key: Key) -> Row | None:
        """Remove a row and return it."""
        before = self._rows.pop(key, None)
        if before is not None:
            self._settle()
            del self._sorted[bisect_left(self._sorted, key)]
            self._touch(before, None)
        return before

    def rows(self) -> list[Row]:
        """Every row in key order. The list belongs to the table: do not change it."""
        revision, ordered = self._ordered
        if revision != self.revision:
            self._settle()
            ordered = [self._rows[key] for key in self._sorted]
            self._ordered = (self.revision, ordered)
        return ordered

    def pick(self, keys: Iterable[Key]) -> list[Row]:
        """The rows of these keys in key order."""
        return [self._rows[key] for key in sorted(keys)]

    def holding(self, name: str, value: Wire) -> set[Key]:
        """Keys of the rows whose field equals the value, compared as the systems do. The set belongs to the
        table."""
        index = self._indexes.get(name)
        if index is None:
            index = {}
            for key, row in self._rows.items():
                index.setdefault(index_value(row.fields, name), set()).add(key)
            self._indexes[name] = index
        return index.get(fold(value) if isinstance(value, str) else value, set())

    def _touch(self, before: Row | None, after: Row | None) -> None:
        self.revision += 1
        for name, index in self._indexes.items():
            old = index_value(before.fields, name) if before else None
            new = index_value(after.fields, name) if after else None
            if before and after and old == new:
                continue
            if before:
                index[old].discard(before.key)
                if not index[old]:
                    del index[old]
            if after:
                index.setdefault(new, set()).add(after.key)

    def _settle(self) -> None:
        if len(self._unsorted) > _SORT_ANEW:
            self._sorted.extend(self._unsorted)
            self._sorted.sort()
        else:
            for key in self._unsorted:
                insort(self._sorted, key)
        self._unsorted.clear()


def index_value(fields: Mapping[str, Wire], name: str) -> Wire:
    """The value under which an index files a row."""
    value = fields.get(name)
    return fold(value) if isinstance(value, str) else value
