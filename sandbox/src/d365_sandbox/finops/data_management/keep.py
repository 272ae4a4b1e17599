"""What data management remembers over a restart beside its rows: records in a journal, files in a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from d365_sandbox.store.journal import Journal

_COMPACT_ABOVE = 16 * 1024 * 1024  # bytes of journal that are folded into the snapshot at the next start


class Keep:
    """Records by kind and name. A journal line is `[kind, name, content]`, with null for what was dropped, or
    `[kind, name, members, true]` for members that are added to a record."""

    def __init__(self, folder: Path) -> None:
        self._files = folder / "files"
        self._journal = Journal(folder)
        self._found: dict[str, dict[str, Any]] = {}
        for kind, name, content, *added in self._journal.read():
            records = self._found.setdefault(kind, {})
            if added:
                records.setdefault(name, {}).update(content)
            elif content is None:
                records.pop(name, None)
            else:
                records[name] = content
        if self._journal.size > _COMPACT_ABOVE:
            self._journal.snapshot(self._everything())

    def take(self, kind: str) -> Mapping[str, Any]:
        """The records that were found at the start; the caller holds them from now on."""
        return self._found.pop(kind, {})

    def put(self, kind: str, name: str, content: object) -> None:
        self._journal.append([kind, name, content])

    def add(self, kind: str, name: str, members: Mapping[str, Any]) -> None:
        self._journal.append([kind, name, members, True])

    def drop(self, kind: str, name: str) -> None:
        self._journal.append([kind, name, None])

    def flush(self) -> None:
        """Hand every record to the operating system."""
        self._journal.flush()

    def write(self, kind: str, name: str, content: bytes) -> None:
        """Keep a file."""
        path = self._path(kind, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(content)
        unfinished.replace(path)

    def read(self, kind: str, name: str) -> bytes | None:
        """A file, unless it is gone."""
        try:
            return self._path(kind, name).read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, kind: str, name: str) -> None:
        self._path(kind, name).unlink(missing_ok=True)

    def _path(self, kind: str, name: str) -> Path:
        return self._files / f"{kind}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()}"

    def _everything(self) -> Iterator[object]:
        for kind, records in self._found.items():
            for name, content in records.items():
                yield [kind, name, content]
