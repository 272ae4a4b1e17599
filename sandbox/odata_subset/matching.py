"""The rows of a query in their order, kept for the pages that follow.

A result is kept as long as its table does not change, so that the pages of one read cost one evaluation. When
the table changes between pages the next page is evaluated anew, as a database would.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Any

from sandbox.description import Entity, Key, Wire, fold
from sandbox.odata_subset.candidates import candidate_keys
from sandbox.odata_subset.filter_parser import FilterError, parse_filter
from sandbox.odata_subset.predicate import Dialect, compile_filter
from sandbox.store.table import Row, Table

_KEPT = 8
Order = list[tuple[str, bool]]


class Matcher:
    """Evaluates queries against tables and keeps the newest results."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept: OrderedDict[tuple[object, ...], list[Row]] = OrderedDict()

    def rows(
        self, table: Table, text: str, order: Order, aliases: Mapping[str, str], scope: str | None = None
    ) -> list[Row]:
        """The matching rows in order. `scope` limits them to one company (lower case). Raises
        FilterError."""
        for name, _ in order:
            if name not in table.entity.fields:
                type_name = f"{self._dialect.type_prefix}{table.entity.type_name}"
                raise FilterError(f"Could not find a property named '{name}' on type '{type_name}'.")
        name = table.entity.set_name
        identity = (name, table.revision, text, tuple(order), tuple(sorted(aliases.items())), scope)
        rows = self._kept.get(identity)
        if rows is None:
            rows = self._evaluate(table, text, aliases, scope)
            if order:
                rows = in_order(table.entity, rows, order)
            self._kept[identity] = rows
            for old in [k for k in self._kept if k[0] == name and k[1] != table.revision]:
                del self._kept[old]
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return rows

    def _evaluate(self, table: Table, text: str, aliases: Mapping[str, str], scope: str | None) -> list[Row]:
        rows: list[Row] | None = None
        test = None
        if text:
            node = parse_filter(text, aliases)
            test = compile_filter(node, table.entity, self._dialect)
            keys = candidate_keys(node, table)
            rows = None if keys is None else table.pick(keys)
        rows = table.rows() if rows is None else rows
        if scope is not None:
            rows = [row for row in rows if row.key[0] == scope]
        return rows if test is None else [row for row in rows if test(row.fields)]


def in_order(entity: Entity, rows: list[Row], order: Order) -> list[Row]:
    """The rows sorted by the columns, nulls first, and by key where these are equal."""
    found = list(rows)
    for name, descending in reversed(order):
        empty = entity.fields[name].empty
        found.sort(key=lambda row: sortable(row.fields.get(name, empty)), reverse=descending)
    return found


def after(order: Order) -> Callable[[Any], Any]:
    """A key function under which (sort values, row key) pairs compare in the query's order."""

    def compare(a: tuple[list[Wire], Key], b: tuple[list[Wire], Key]) -> int:
        for (_, descending), x, y in zip(order, a[0], b[0], strict=True):
            left, right = sortable(x), sortable(y)
            if left != right:
                return -1 if (left < right) is not descending else 1
        return (a[1] > b[1]) - (a[1] < b[1])  # type: ignore[operator]

    return cmp_to_key(compare)


def sortable(value: Wire) -> tuple[int, Any]:
    """A value that sorts among the others of its column, whatever planted rows hold there."""
    if value is None:
        return (0, 0)
    if isinstance(value, str):
        return (2, fold(value))
    return (1, value)
