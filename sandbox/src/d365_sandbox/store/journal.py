"""Durability: a snapshot plus the transactions written since, both as lines of JSON in one folder.

`snapshot.<n>.jsonl` holds every row as of generation n and `journal.<n>.jsonl` what was committed after it.
Lines go to the operating system with every batch of writes, so a killed process loses nothing that was
answered. A last line that was cut off is ignored: its request was never answered.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from d365_sandbox.json_text import dumps, loads


class Journal:
    """The files of one system's rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        generations = [int(p.name.split(".")[1]) for p in folder.glob("snapshot.*.jsonl")]
        self._generation = max(generations, default=0)
        self._waiting: list[bytes] = []
        self._file = -1

    @property
    def size(self) -> int:
        """Bytes committed since the snapshot."""
        path = self._path("journal")
        return path.stat().st_size if path.exists() else 0

    def read(self) -> Iterator[Any]:
        """Every line of the snapshot and then of the journal, parsed. Cuts off a torn last line."""
        for kind in ("snapshot", "journal"):
            path = self._path(kind)
            if not path.exists():
                continue
            whole = 0
            with path.open("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    whole += len(line)
                    yield loads(line)
            if whole != path.stat().st_size:
                os.truncate(path, whole)

    def append(self, line: object) -> None:
        """Remember a committed transaction until the next flush."""
        self._waiting.append(dumps(line))

    def flush(self) -> None:
        """Hand everything remembered to the operating system in one write."""
        if not self._waiting:
            return
        if self._file < 0:
            self._file = os.open(self._path("journal"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        text = memoryview(b"\n".join(self._waiting) + b"\n")
        self._waiting.clear()
        while text:
            text = text[os.write(self._file, text) :]

    def snapshot(self, lines: Iterable[object]) -> None:
        """Replace everything on disk by these lines, in one step that a kill cannot tear."""
        self.close()
        old = [self._path("snapshot"), self._path("journal")]
        self._generation += 1
        unfinished = self._path("unfinished")
        with unfinished.open("wb") as out:
            for line in lines:
                out.write(dumps(line) + b"\n")
        unfinished.replace(self._path("snapshot"))
        for path in old:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _path(self, kind: str) -> Path:
        return self._folder / f"{kind}.{self._generation}.jsonl"
