"""The rows of a query in their order, kept for the pages that follow.

A result is kept as long as its table does not change, so that the pages of one read cost one evaluation. When
the table changes between pages the next page is evaluated anew, as a database would.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import cmp_to_key
from typing import Any

from d365_sandbox.odata.candidates import candidate_keys
from d365_sandbox.odata.filter_parser import parse_filter
from d365_sandbox.odata.predicate import Dialect, compile_filter
from d365_sandbox.odata.surroundings import Surroundings, located, value_of
from d365_sandbox.odata.values import Test
from d365_sandbox.schemas.entity import Entity, Fields, Key, Wire, fold
from d365_sandbox.store.table import Row, Table

_KEPT = 8
Order = list[tuple[str, bool]]


class Matcher:
    """Evaluates queries against tables and keeps the newest results."""

    def __init__(self, dialect: Dialect, surroundings: Surroundings | None = None) -> None:
        self._dialect = dialect
        self._surroundings = surroundings or Surroundings()
        self._kept: OrderedDict[tuple[object, ...], list[Row]] = OrderedDict()

    def rows(
        self, table: Table, text: str, order: Order, aliases: Mapping[str, str], scope: str | None = None
    ) -> list[Row]:
        """The matching rows in order. `scope` limits them to one company (lower case). Raises
        FilterError."""
        readers = self.readers(table.entity, order)
        name = table.entity.set_name
        state = self._surroundings.state() if self._reaches(text, order) else None
        identity = (name, table.revision, text, tuple(order), tuple(sorted(aliases.items())), scope, state)
        rows = self._kept.get(identity)
        if rows is None:
            rows = self._evaluate(table, text, aliases, scope)
            if order:
                rows = in_order(rows, order, readers)
            self._kept[identity] = rows
            for old in [k for k in self._kept if k[0] == name and k[1] != table.revision]:
                del self._kept[old]
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return rows

    def among(
        self, entity: Entity, rows: Iterable[Row], text: str, order: Order, aliases: Mapping[str, str]
    ) -> list[Row]:
        """Those of the rows that match, in order: for the rows of a collection. Raises FilterError."""
        test = self.test(entity, text, aliases)
        found = [row for row in rows if test is None or test(row.fields)]
        return in_order(found, order, self.readers(entity, order)) if order else found

    def test(self, entity: Entity, text: str, aliases: Mapping[str, str]) -> Test | None:
        """The filter as a test of a row's fields; None when there is no filter. Raises FilterError."""
        if not text:
            return None
        return compile_filter(parse_filter(text, aliases), entity, self._dialect, self._surroundings)

    def readers(self, entity: Entity, order: Order) -> list[Callable[[Fields], Wire]]:
        """For each column of an order, what reads it from a row. Raises FilterError for one that is not there."""
        prefix = self._dialect.type_prefix
        return [value_of(*located(entity, name, self._surroundings, prefix)) for name, _ in order]

    def _reaches(self, text: str, order: Order) -> bool:
        """Whether the result may depend on more than the table: on other rows or on the time."""
        return "/" in text or "Dynamics.CRM." in text or any("/" in name for name, _ in order)

    def _evaluate(self, table: Table, text: str, aliases: Mapping[str, str], scope: str | None) -> list[Row]:
        rows: list[Row] | None = None
        test = None
        if text:
            node = parse_filter(text, aliases)
            test = compile_filter(node, table.entity, self._dialect, self._surroundings)
            keys = candidate_keys(node, table)
            rows = None if keys is None else table.pick(keys)
        rows = table.rows() if rows is None else rows
        if scope is not None:
            rows = [row for row in rows if row.key[0] == scope]
        return rows if test is None else [row for row in rows if test(row.fields)]


def in_order(rows: Iterable[Row], order: Order, readers: list[Callable[[Fields], Wire]]) -> list[Row]:
    """The rows sorted by the columns, nulls first, and by key where these are equal."""
    found = list(rows)
    for (_, descending), read in zip(reversed(order), reversed(readers), strict=True):
        found.sort(key=lambda row: sortable(read(row.fields)), reverse=descending)
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
