"""Conditions of FetchXML as tests of rows: most are what `$filter` has, under other names."""

from __future__ import annotations

import re

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.fetch_xml import Condition, Conditions
from d365_sandbox.odata.filter_tree import Compare, FilterError, Literal, Node, Property, QueryFunction
from d365_sandbox.odata.patterns import like
from d365_sandbox.odata.predicate import Dialect, compile_filter
from d365_sandbox.odata.surroundings import Surroundings
from d365_sandbox.odata.values import Test, text_test
from d365_sandbox.schemas.entity import Entity, Field

_COMPARE = {"eq": "eq", "ne": "ne", "neq": "ne", "gt": "gt", "ge": "ge", "lt": "lt", "le": "le"}
_TEXT = {"like": "like", "begins-with": "startswith", "ends-with": "endswith"}
_NOT_TEXT = {"not-like": "like", "not-begin-with": "startswith", "not-end-with": "endswith"}
_LISTS = {"in": "In", "not-in": "NotIn", "between": "Between", "not-between": "NotBetween"}
_OTHER_NAMES = {
    "last-seven-days": "Last7Days",
    "next-seven-days": "Next7Days",
    "eq-userid": "EqualUserId",
    "ne-userid": "NotEqualUserId",
    "eq-businessid": "EqualBusinessId",
    "ne-businessid": "NotEqualBusinessId",
    "eq-userteams": "EqualUserTeams",
    "eq-useroruserteams": "EqualUserOrUserTeams",
    "eq-or-under": "UnderOrEqual",
    "eq-or-above": "AboveOrEqual",
    "under": "Under",
    "above": "Above",
    "not-under": "NotUnder",
}
_LITERALS = {"string": "string", "guid": "guid", "datetime": "datetime", "boolean": "boolean"}


def test_of(conditions: Conditions, entity: Entity, dialect: Dialect, surroundings: Surroundings) -> Test:
    """The conditions as one test. Raises Refused."""
    tests = [
        test_of(part, entity, dialect, surroundings)
        if isinstance(part, Conditions)
        else _one(part, entity, dialect, surroundings)
        for part in conditions.parts
    ]
    if conditions.junction == "or" and tests:
        return lambda fields: any(test(fields) for test in tests)
    return lambda fields: all(test(fields) for test in tests)


def column(entity: Entity, logical: str) -> Field:
    """The column of a logical name. Raises Refused."""
    found = next((f for f in entity.fields.values() if f.logical == logical), None)
    if found is None:
        raise errors.Refused(
            400,
            "0x80041103",
            f"'{entity.type_name}' entity doesn't contain attribute with Name = '{logical}'.",
        )
    return found


def _one(condition: Condition, entity: Entity, dialect: Dialect, surroundings: Surroundings) -> Test:
    described = column(entity, condition.column)
    operator = condition.operator
    try:
        if operator in _TEXT or operator in _NOT_TEXT:
            return _text(condition, described)
        return compile_filter(_node(condition, described), entity, dialect, surroundings)
    except FilterError as error:
        raise errors.invalid(f"Invalid Fetch XML: {error}") from None


def _text(condition: Condition, described: Field) -> Test:
    if described.kind != "string" or len(condition.values) != 1:
        raise FilterError(f"The operator '{condition.operator}' takes a text column and one value.")
    function = _TEXT.get(condition.operator) or _NOT_TEXT[condition.operator]
    test = text_test(described.name, described.empty, like(condition.values[0], function))
    if condition.operator in _TEXT:
        return test
    return lambda fields: not test(fields)


def _node(condition: Condition, described: Field) -> Node:
    name, operator, values = described.name, condition.operator, condition.values
    if operator in ("null", "not-null"):
        return Compare("eq" if operator == "null" else "ne", Property(name), Literal("null", None))
    if operator in _COMPARE:
        if len(values) != 1:
            raise FilterError(f"The operator '{operator}' takes one value.")
        return Compare(_COMPARE[operator], Property(name), _literal(described, values[0]))
    column_name = Literal("string", name)
    if operator in _LISTS:
        listed = tuple(_literal(described, value) for value in values)
        return QueryFunction(_LISTS[operator], {"PropertyName": column_name, "PropertyValues": listed})
    function = _OTHER_NAMES.get(operator) or _pascal(operator)
    given = {"PropertyValue": Literal("string", values[0])} if values else {}
    return QueryFunction(function, {"PropertyName": column_name, **given})


def _literal(described: Field, text: str) -> Literal:
    """A value, which FetchXML always writes as text, as a constant of the column's type."""
    if described.kind in _LITERALS and described.kind != "boolean":
        return Literal(_LITERALS[described.kind], text.strip("{}") if described.kind == "guid" else text)
    if described.kind == "boolean" and text in ("0", "1", "true", "false"):
        return Literal("boolean", text in ("1", "true"))
    if re.fullmatch(r"-?[0-9]{1,40}", text):
        return Literal("number", int(text))
    if re.fullmatch(r"-?[0-9]{1,40}\.[0-9]{1,40}", text):
        return Literal("number", float(text))
    raise FilterError(f"'{text}' is not a value of '{described.logical}'.")


def _pascal(operator: str) -> str:
    """`olderthan-x-days` and `last-x-days` as the names of the query functions."""
    return "".join(part.capitalize() for part in operator.replace("olderthan", "older-than").split("-"))
