"""The `Microsoft.Dynamics.CRM.*` functions of a filter, each a test of one column.

They are named and explained in the published reference of Web API query functions; what they do with null is
assumed: only the negated ones hold for a row without a value (as `ne` does).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from d365_sandbox.odata import periods
from d365_sandbox.odata.filter_tree import FilterError, Literal, QueryFunction
from d365_sandbox.odata.patterns import like
from d365_sandbox.odata.surroundings import Surroundings
from d365_sandbox.odata.values import Test, comparable_constant, reader, text_test, texts
from d365_sandbox.schemas.entity import Entity, Field, Fields

_HIERARCHY = {"Above": (True, False), "AboveOrEqual": (True, True), "Under": (False, False)} | {
    "UnderOrEqual": (False, True),
    "NotUnder": (False, False),
}
_MULTIPLE = {"ContainValues", "DoesNotContainValues"}


def query_function(node: QueryFunction, entity: Entity, described: Field, surroundings: Surroundings) -> Test:
    """The test of a column. Raises FilterError for a function that does not exist or does not fit the column."""
    make = _FUNCTIONS.get(node.name)
    if make is not None:
        return make(node, described)
    if node.name in _HIERARCHY:
        return _hierarchy(node, entity, described, surroundings)
    identity = _identity(node, described, surroundings)
    if identity is not None:
        return identity
    span = _span(node, described, surroundings.now())
    if span is not None:
        return span
    if node.name in _MULTIPLE:
        raise FilterError(
            f"Microsoft.Dynamics.CRM.{node.name} takes a column of several choices; '{described.name}' is none."
        )
    raise FilterError(f"An unknown function with name 'Microsoft.Dynamics.CRM.{node.name}' was found.")


def _one(node: QueryFunction, name: str = "PropertyValue") -> Literal:
    given = node.arguments.get(name)
    if not isinstance(given, Literal):
        raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes {name}.")
    return given


def _whole(node: QueryFunction, name: str) -> int:
    value = _one(node, name).value
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit():
        raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes {name}, a whole number.")
    return int(text)


def _in(node: QueryFunction, described: Field) -> Test:
    values = {comparable_constant(described, v) for v in texts(node)}
    read, wanted = reader(described), node.name == "In"
    return lambda fields: (read(fields) in values) is wanted


def _between(node: QueryFunction, described: Field) -> Test:
    given = texts(node)
    if len(given) != 2:
        raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes two PropertyValues.")
    low, high = (comparable_constant(described, v) for v in given)
    if type(low) is not type(high):
        raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes two values of one type.")
    read, wanted = reader(described), node.name == "Between"
    comparables = str if isinstance(low, str) else (int, float)

    def test(fields: Fields) -> bool:
        value = read(fields)
        return isinstance(value, comparables) and (low <= value <= high) is wanted

    return test


def _contains(node: QueryFunction, described: Field) -> Test:
    if described.kind != "string":
        raise FilterError(f"Microsoft.Dynamics.CRM.Contains takes a text column; '{described.name}' is none.")
    return text_test(described.name, described.empty, like(str(_one(node).value), "contains"))


def _on(node: QueryFunction, described: Field) -> Test:
    """On, OnOrAfter, OnOrBefore: the day alone is compared."""
    _check_date(node, described)
    limit = comparable_constant(described, _one(node))[:10]
    compare: Callable[[str], bool] = {
        "On": lambda day: day == limit,
        "NotOn": lambda day: day != limit,
        "OnOrAfter": lambda day: day >= limit,
        "OnOrBefore": lambda day: day <= limit,
    }[node.name]
    read = reader(described)
    return lambda fields: isinstance(value := read(fields), str) and compare(value[:10])


_FUNCTIONS: Mapping[str, Callable[[QueryFunction, Field], Test]] = {
    "In": _in,
    "NotIn": _in,
    "Between": _between,
    "NotBetween": _between,
    "Contains": _contains,
    "On": _on,
    "NotOn": _on,
    "OnOrAfter": _on,
    "OnOrBefore": _on,
}


def _check_date(node: QueryFunction, described: Field) -> None:
    if described.kind != "datetime":
        raise FilterError(
            f"Microsoft.Dynamics.CRM.{node.name} takes a date column; '{described.name}' is '{described.edm}'."
        )


def _span(node: QueryFunction, described: Field, now: datetime) -> Test | None:
    span = periods.named_span(node.name, now)
    if span is None and node.name.partition("X")[0] in ("Last", "Next", "OlderThan"):
        try:
            span = periods.counted_span(node.name, now, _whole(node, "PropertyValue"))
        except ValueError as error:
            raise FilterError(f"Microsoft.Dynamics.CRM.{node.name}: {error}.") from None
    if span is None:
        span = _fiscal(node, now)
    if span is None:
        return None
    _check_date(node, described)
    low, high = (moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") for moment in span)
    inclusive = node.name.startswith("Last") and high == now.strftime("%Y-%m-%dT%H:%M:%S")
    read = reader(described)

    def test(fields: Fields) -> bool:
        value = read(fields)
        return isinstance(value, str) and (low <= value < high or (inclusive and value == high))

    return test


def _fiscal(node: QueryFunction, now: datetime) -> periods.Span | None:
    """InFiscalYear and the functions of a period (a quarter, 1 to 4) in a year."""
    first = _fiscal_argument(node, 1)
    if node.name == "InFiscalYear":
        return _quarters(now, first, 1, 4)
    if node.name == "InFiscalPeriod":
        return _quarters(now, now.year, first, 1)
    if node.name == "InFiscalPeriodAndYear":
        return _quarters(now, _fiscal_argument(node, 2), first, 1)
    if node.name == "InOrAfterFiscalPeriodAndYear":
        return _quarters(now, _fiscal_argument(node, 2), first, 1)[0], now.replace(year=9999)
    if node.name == "InOrBeforeFiscalPeriodAndYear":
        return now.replace(year=1, day=1), _quarters(now, _fiscal_argument(node, 2), first, 1)[1]
    return None


def _fiscal_argument(node: QueryFunction, position: int) -> int:
    if "Fiscal" not in node.name:
        return 0
    name = "PropertyValue" if f"PropertyValue{position}" not in node.arguments else f"PropertyValue{position}"
    return _whole(node, name)


def _quarters(now: datetime, year: int, quarter: int, length: int) -> periods.Span:
    if not 1 <= year < 9999 or not 1 <= quarter <= 4:
        raise FilterError("A fiscal year or period is out of range.")
    start = periods.day(now).replace(year=year, month=quarter * 3 - 2, day=1)
    last = quarter * 3 - 3 + length * 3
    return start, start.replace(year=year + last // 12, month=last % 12 + 1)


def _identity(node: QueryFunction, described: Field, surroundings: Surroundings) -> Test | None:
    """The functions about the caller; nobody is above another here, so a hierarchy is the user alone."""
    caller = surroundings.caller
    user, teams = {caller.user}, set(caller.teams)
    wanted = {
        "EqualUserId": user,
        "NotEqualUserId": user,
        "EqualBusinessId": {caller.business_unit},
        "NotEqualBusinessId": {caller.business_unit},
        "EqualUserTeams": teams,
        "EqualUserOrUserTeams": user | teams,
        "EqualUserOrUserHierarchy": user,
        "EqualUserOrUserHierarchyAndTeams": user | teams,
    }.get(node.name)
    if wanted is None:
        return None
    if described.kind != "guid":
        raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes a lookup; '{described.name}' is none.")
    read, negated = reader(described), node.name.startswith("Not")
    return lambda fields: (read(fields) in wanted) is not negated


def _hierarchy(node: QueryFunction, entity: Entity, described: Field, surroundings: Surroundings) -> Test:
    """Above and Under follow the table's own parent lookup, from the row whose id is given."""
    above, itself = _HIERARCHY[node.name]
    row_id = str(_one(node).value).lower()
    below = surroundings.below(entity, row_id)
    if below is None or described.name != entity.key_fields[0]:
        raise FilterError(
            f"Microsoft.Dynamics.CRM.{node.name} takes the primary key of a table with a hierarchy."
        )
    if above:
        return lambda fields: _is_above(entity, fields, row_id, itself, surroundings)
    found: set[Any] = below | {row_id} if itself else below
    negated = node.name == "NotUnder"
    return lambda fields: (fields.get(described.name) in found) is not negated


def _is_above(entity: Entity, fields: Fields, row_id: str, itself: bool, surroundings: Surroundings) -> bool:
    key = str(fields.get(entity.key_fields[0]))
    if key == row_id:
        return itself
    return row_id in (surroundings.below(entity, key) or set())
