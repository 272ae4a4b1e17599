"""The requests that the sandbox received, for tests: methods, paths, statuses and field names, never values
of bodies."""

from __future__ import annotations

import re
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
    faults: tuple[str, ...]

    @property
    def size(self) -> int:
        return 1 + len(self.operations or ())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests to show: all conditions that are given must hold. `path` is a pattern; `fault` names
    one, `any` or `none`."""

    method: str = ""
    path: str = ""
    status: str = ""
    fault: str = ""

    def holds(self, entry: _Entry) -> bool:
        if self.method and entry.method != self.method.upper():
            return False
        if self.path and not re.search(self.path, entry.path):
            return False
        if self.status and str(entry.status) != self.status:
            return False
        if self.fault in ("any", "none"):
            return bool(entry.faults) == (self.fault == "any")
        return not self.fault or self.fault in entry.faults


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
        faults: tuple[str, ...] = (),
    ) -> None:
        entry = _Entry(self._next, method, path, query, status, fields, operations, faults)
        self._next += 1
        self._entries.append(entry)
        self._size += entry.size
        while self._size > _KEPT and len(self._entries) > 1:
            self._size -= self._entries.popleft().size

    def clear(self) -> None:
        self._entries.clear()
        self._size = 0

    def since(self, n: int, wanted: Wanted | None = None) -> list[dict[str, Any]]:
        """The requests whose number is greater than n, as the admin API gives them."""
        found = (entry for entry in self._entries if entry.n > n)
        return [_as_json(entry) for entry in found if wanted is None or wanted.holds(entry)]


def _as_json(entry: _Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "n": entry.n,
        "method": entry.method,
        "path": entry.path,
        "query": entry.query,
        "status": entry.status,
        "fields": list(entry.fields),
    }
    if entry.faults:
        shown["faults"] = list(entry.faults)
    if entry.operations is not None:
        shown["operations"] = [
            {"method": o.method, "path": o.path, "status": o.status, "fields": list(o.fields)}
            for o in entry.operations
        ]
    return shown
