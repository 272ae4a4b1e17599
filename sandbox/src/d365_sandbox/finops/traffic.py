"""Entities that do not support parallel writes (finops-odata sheet, section 8).

A write to a single-threaded entity is held open for as long as the parameters say. Another write in the
meantime gets an update conflict, as with the optimistic locks of X++; the first one is stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

SINGLE_THREADED: dict[str, tuple[str, ...]] = {"CustomersV3": ("CustomersV3", "CustomersV2")}
"""Table -> the sets that write to it and are documented as not made for parallel writes (that a batch counts as a
write to all of them is assumed)."""

contended: ContextVar[frozenset[str]] = ContextVar("contended", default=frozenset())
"""The tables on which the present request meets another one that writes."""


class Traffic:
    """The writes to single-threaded entities that are under way."""

    def __init__(self) -> None:
        self._running: dict[str, int] = {}

    @contextlib.contextmanager
    def writing(self, tables: frozenset[str]) -> Iterator[None]:
        """Be one of the writes to the tables as long as the block runs."""
        busy = frozenset(name for name in tables if self._running.get(name))
        token = contended.set(busy)
        for name in tables:
            self._running[name] = self._running.get(name, 0) + 1
        try:
            yield
        finally:
            contended.reset(token)
            for name in tables:
                self._running[name] -= 1


def tables_written(method: str, path: str) -> frozenset[str]:
    """The single-threaded tables that a request may write to; `path` is the one under `/data/`."""
    if method not in ("POST", "PATCH", "PUT", "DELETE"):
        return frozenset()
    if path == "$batch":
        return frozenset(SINGLE_THREADED)
    name = path.partition("(")[0].partition("/")[0]
    return frozenset(table for table, sets in SINGLE_THREADED.items() if name in sets)
