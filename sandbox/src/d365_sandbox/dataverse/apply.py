"""`$apply`: sums and counts over at most 50 000 rows (dataverse sheet, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.query import Query
from d365_sandbox.odata.aggregation import Aggregate, Aggregation, parse_apply
from d365_sandbox.odata.filter_tree import FilterError
from d365_sandbox.odata.matching import Matcher, sortable
from d365_sandbox.odata.options import OptionError
from d365_sandbox.odata.surroundings import Surroundings, located, value_of
from d365_sandbox.schemas.entity import Entity, Field, Fields, Wire, fold
from d365_sandbox.store.table import Row

MOST_ROWS = 50_000
_PREFIX = "Microsoft.Dynamics.CRM."
_NUMBERS = ("integer", "decimal")
_SORTED = (*_NUMBERS, "datetime", "choice")

Read = Callable[[Fields], Wire]


def aggregation_of(query: Query) -> Aggregation:
    """The aggregation that a query asks for. Raises Refused when other options do not go with it."""
    for name in ("$filter", "$expand", "$top", "$count", "$skiptoken"):
        if name in query.options.values:
            raise errors.bad_query(f"The query option {name} cannot be used together with $apply.")
    try:
        return parse_apply(query.apply)
    except OptionError as error:
        raise errors.bad_query(str(error)) from None


def _grouped(rows: list[Fields], reads: list[Read]) -> Iterator[tuple[tuple[Wire, ...], list[Fields]]]:
    """The values of each group as its first row has them, with its rows, in the order of the values.

    Texts are grouped without regard to case. Without columns all rows are one group, even when there are none.
    """
    groups: dict[tuple[Wire, ...], tuple[tuple[Wire, ...], list[Fields]]] = {} if reads else {(): ((), [])}
    for fields in rows:
        values = tuple(read(fields) for read in reads)
        key = tuple(fold(v) if isinstance(v, str) else v for v in values)
        groups.setdefault(key, (values, []))[1].append(fields)
    for key in sorted(groups, key=lambda key: [sortable(value) for value in key]):
        yield groups[key]


def _not_too_many(rows: list[Fields]) -> list[Fields]:
    if len(rows) > MOST_ROWS:
        raise errors.Refused(
            400,
            "0x8004E023",
            "AggregateQueryRecordLimit exceeded. Cannot perform this operation: the maximum record limit "
            f"of {MOST_ROWS} is exceeded. Reduce the number of records.",
        )
    return rows


class Aggregator:
    """Computes aggregations of one table."""

    def __init__(self, entity: Entity, matcher: Matcher, surroundings: Surroundings) -> None:
        self._entity = entity
        self._matcher = matcher
        self._surroundings = surroundings

    def rows(self, wanted: Aggregation, query: Query, rows: list[Row]) -> list[dict[str, Any]]:
        """One object for each group, in the order of the groups' values or of `$orderby` (assumed)."""
        try:
            test = self._matcher.test(self._entity, wanted.filter, query.aliases)
            columns = [(name, self._reader(name)[1]) for name in wanted.columns]
            aggregates = [(a.alias, self._aggregate(a)) for a in wanted.aggregates]
        except FilterError as error:
            raise errors.bad_query(str(error)) from None
        matching = _not_too_many([row.fields for row in rows if test is None or test(row.fields)])
        found = []
        for values, members in _grouped(matching, [read for _, read in columns]):
            answer = _nested(dict(zip((name for name, _ in columns), values, strict=True)))
            answer.update({alias: compute(members) for alias, compute in aggregates})
            found.append(answer)
        return _ordered(found, query, {*wanted.columns, *(a.alias for a in wanted.aggregates)})

    def _reader(self, name: str) -> tuple[Field, Read]:
        described, reach = located(self._entity, name, self._surroundings, _PREFIX)
        return described, value_of(described, reach)

    def _aggregate(self, wanted: Aggregate) -> Callable[[list[Fields]], Wire]:
        if wanted.method == "count":
            return len
        described, read = self._reader(wanted.column)
        allowed = {"sum": _NUMBERS, "average": _NUMBERS, "min": _SORTED, "max": _SORTED}.get(wanted.method)
        if allowed is not None and described.kind not in allowed:
            raise FilterError(
                f"'{wanted.method}' cannot be computed over '{described.name}' ({described.edm})."
            )
        return _over(_METHODS[wanted.method], read)


def _over(method: Callable[[list[Any]], Wire], read: Read) -> Callable[[list[Fields]], Wire]:
    return lambda rows: method([value for fields in rows if (value := read(fields)) is not None])


def _sum(values: list[Any]) -> Decimal:
    """The sum without the errors of binary fractions: amounts are decimals."""
    return sum((Decimal(str(value)) for value in values), Decimal(0))


def _number(value: Decimal) -> Wire:
    return int(value) if value == value.to_integral_value() else float(value)


_METHODS: Mapping[str, Callable[[list[Any]], Wire]] = {
    "sum": lambda values: _number(_sum(values)) if values else None,
    "average": lambda values: _number(_sum(values) / len(values)) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "countdistinct": lambda values: len({fold(v) if isinstance(v, str) else v for v in values}),
}


def _nested(values: Mapping[str, Wire]) -> dict[str, Any]:
    """`contact/name` as an object within, as OData has grouped values of related rows."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        *steps, last = path.split("/")
        inner = found
        for step in steps:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return found


def _ordered(rows: list[dict[str, Any]], query: Query, names: set[str]) -> list[dict[str, Any]]:
    for name, descending in reversed(query.order):
        if name not in names or "/" in name:
            raise errors.bad_query(f"'{name}' in $orderby is no name of the aggregation.")
        rows.sort(key=lambda row: sortable(row[name]), reverse=descending)
    return rows
