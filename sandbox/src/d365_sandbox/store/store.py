"""All rows of one system, written in transactions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from d365_sandbox.schemas.entity import Entity, Fields, Key
from d365_sandbox.store.journal import Journal
from d365_sandbox.store.table import Row, Table

_STOCKED = "bulk load finished"
_COMPACT_ABOVE = 64 * 1024 * 1024  # bytes of journal that are folded into the snapshot at the next start


class Store:
    """Tables and counters of one system.

    A journal line is `{"w": [[set, version, fields] or [set, null, key, version] ...], "c": {counter: value}}`. The
    version of a deletion is empty where deletions need not be remembered.
    """

    def __init__(self, entities: Iterable[Entity], folder: Path) -> None:
        self.folder = folder
        self.tables: dict[str, Table] = {e.set_name: Table(e) for e in entities}
        self.counters: dict[str, int] = {}
        self._journal = Journal(folder)
        self._replay()
        if self._journal.size > _COMPACT_ABOVE:
            self.snapshot()

    @property
    def is_stocked(self) -> bool:
        """Whether a bulk load has ever been finished here."""
        return bool(self.counters.get(_STOCKED))

    def counts(self) -> dict[str, int]:
        """Rows per entity set."""
        return {name: len(table) for name, table in self.tables.items()}

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """All writes of the block, or none of them when it raises."""
        transaction = Transaction(self)
        try:
            yield transaction
        except BaseException:
            transaction.undo()
            raise
        if transaction.lines or transaction.counters:
            self._journal.append({"w": transaction.lines, "c": transaction.counters})

    @contextmanager
    def silent_transaction(self) -> Iterator[Transaction]:
        """A transaction that leaves no trace in the journal: for bulk loads, which end with a snapshot."""
        transaction = Transaction(self, silent=True)
        try:
            yield transaction
        except BaseException:
            transaction.undo()
            raise

    def flush(self) -> None:
        """Hand every committed transaction to the operating system."""
        self._journal.flush()

    def stock(self) -> None:
        """Note on disk, together with every row, that a bulk load is finished."""
        self.counters[_STOCKED] = 1
        self.snapshot()

    def snapshot(self) -> None:
        """Write every row to disk anew and forget the journal."""
        self._journal.snapshot(self._everything())

    def close(self) -> None:
        self._journal.close()

    def _everything(self) -> Iterator[Mapping[str, object]]:
        yield {"w": [], "c": self.counters}
        for name, table in self.tables.items():
            for row in table.rows():
                yield {"w": [[name, row.version, row.fields]], "c": {}}
            for key, version in table.deleted.items():
                yield {"w": [[name, None, key, version]], "c": {}}

    def _replay(self) -> None:
        for line in self._journal.read():
            self.counters.update(line["c"])
            for set_name, version, content, *deleted_at in line["w"]:
                table = self.tables[set_name]
                if version is None:
                    table.drop(_key(content))
                    if deleted_at and deleted_at[0]:
                        table.deleted[_key(content)] = deleted_at[0]
                else:
                    row = Row(table.entity.key_of(content), content, version)
                    table.deleted.pop(row.key, None)
                    table.put(row)


class Transaction:
    """Writes that are kept together or not at all. Later reads in the same transaction see them."""

    def __init__(self, store: Store, silent: bool = False) -> None:
        self._store = store
        self._silent = silent
        self._undo: list[tuple[Table, Key, Row | None, str | None]] = []
        self._counters_before: dict[str, int] = {}
        self.lines: list[list[Any]] = []
        self.counters: dict[str, int] = {}

    def table(self, set_name: str) -> Table:
        return self._store.tables[set_name]

    def put(self, set_name: str, fields: Fields, version: str) -> Row:
        """Store a whole row and return it."""
        table = self._store.tables[set_name]
        row = Row(table.entity.key_of(fields), fields, version)
        deleted_at = table.deleted.pop(row.key, None)
        self._undo.append((table, row.key, table.put(row), deleted_at))
        if not self._silent:
            self.lines.append([set_name, version, fields])
        return row

    def drop(self, set_name: str, key: Key, version: str = "") -> None:
        """Remove a row; with a version its deletion is remembered."""
        table = self._store.tables[set_name]
        self._undo.append((table, key, table.drop(key), table.deleted.get(key)))
        if version:
            table.deleted[key] = version
        self.lines.append([set_name, None, key, version])

    def next_number(self, counter: str, start: int = 1) -> int:
        """The next value of a named sequence; a failed transaction gives its numbers back."""
        value = self._store.counters.get(counter, start - 1) + 1
        self._counters_before.setdefault(counter, value - 1)
        self._store.counters[counter] = self.counters[counter] = value
        return value

    def undo(self) -> None:
        for table, key, before, deleted_at in reversed(self._undo):
            if before is None:
                table.drop(key)
            else:
                table.put(before)
            table.deleted.pop(key, None)
            if deleted_at:
                table.deleted[key] = deleted_at
        self._store.counters.update(self._counters_before)


def _key(content: str | list[str]) -> Key:
    return content if isinstance(content, str) else tuple(content)
