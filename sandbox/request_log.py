"""What was asked of the sandbox, for tests: methods, paths, statuses and field names, never values of
bodies."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

_KEPT = 50_000  # requests and batch operations together; the oldest are forgotten


@dataclass(frozen=True, slots=True)
class LoggedOperation:
    """One operation of a batch."""

    method: str
    path: str
    status: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Entry:
    n: int
    method: str
    path: str
    query: str
    status: int
    fields: tuple[str, ...]
    operations: list[LoggedOperation] | None

    @property
    def size(self) -> int:
        return 1 + len(self.operations or ())


class RequestLog:
    """The newest requests of one system, numbered from 1."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._size = 0
        self._next = 1

    def add(
        self,
        method: str,
        path: str,
        query: str,
        status: int,
        fields: tuple[str, ...] = (),
        operations: list[LoggedOperation] | None = None,
    ) -> None:
        entry = _Entry(self._next, method, path, query, status, fields, operations)
        self._next += 1
        self._entries.append(entry)
        self._size += entry.size
        while self._size > _KEPT and len(self._entries) > 1:
            self._size -= self._entries.popleft().size

    def clear(self) -> None:
        self._entries.clear()
        self._size = 0

    def since(self, n: int) -> list[dict[str, Any]]:
        """The requests whose number is greater than n, as the admin API gives them."""
        return [_as_json(entry) for entry in self._entries if entry.n > n]


def _as_json(entry: _Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "n": entry.n,
        "method": entry.method,
        "path": entry.path,
        "query": entry.query,
        "status": entry.status,
        "fields": list(entry.fields),
    }
    if entry.operations is not None:
        shown["operations"] = [
            {"method": o.method, "path": o.path, "status": o.status, "fields": list(o.fields)}
            for o in entry.operations
        ]
    return shown
