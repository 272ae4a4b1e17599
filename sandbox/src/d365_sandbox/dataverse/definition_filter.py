"""`$filter` over pieces of metadata: their properties are compared as they are shown."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Set
from typing import Any

from d365_sandbox.dataverse.definition import Json
from d365_sandbox.odata.filter_parser import parse_filter
from d365_sandbox.odata.filter_tree import (
    Call,
    Compare,
    FilterError,
    Junction,
    Literal,
    Node,
    Not,
    Operand,
    Property,
)
from d365_sandbox.odata.patterns import like
from d365_sandbox.schemas.entity import fold

Test = Callable[[Json], bool]
Names = Set[str]
_ENUMS = {
    "AttributeType": "AttributeTypeCode",
    "OwnershipType": "OwnershipTypes",
    "RelationshipType": "RelationshipType",
    "EntityKeyIndexStatus": "EntityKeyIndexStatus",
    "OptionSetType": "OptionSetType",
    "RequiredLevel/Value": "AttributeRequiredLevel",
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def compile_test(text: str, aliases: Mapping[str, str], names: Names, type_name: str) -> Test:
    """A test of one piece. Raises FilterError for names that it does not have and literals that do not fit."""
    return _test(parse_filter(text, aliases), names, type_name)


def _test(node: Node, names: Names, type_name: str) -> Test:
    if isinstance(node, Junction):
        tests = [_test(part, names, type_name) for part in node.parts]
        holds = all if node.operator == "and" else any
        return lambda data: holds(test(data) for test in tests)
    if isinstance(node, Not):
        inner = _test(node.part, names, type_name)
        return lambda data: not inner(data)
    if isinstance(node, Compare):
        return _comparison(node, names, type_name)
    if isinstance(node, Call) and node.name in ("contains", "startswith", "endswith"):
        return _text(node, names, type_name)
    raise FilterError("Metadata is filtered by comparisons and text functions only.")


def _path(operand: Operand, names: Names, type_name: str) -> str:
    if not isinstance(operand, Property):
        raise FilterError("A comparison needs a property on its left side.")
    if operand.name.partition("/")[0] not in names:
        raise FilterError(
            f"Could not find a property named '{operand.name}' on type 'Microsoft.Dynamics.CRM.{type_name}'."
        )
    return operand.name


def _comparison(node: Compare, names: Names, type_name: str) -> Test:
    path, literal = _path(node.left, names, type_name), node.right
    if not isinstance(literal, Literal):
        raise FilterError("A comparison needs a constant on its right side.")
    wanted = f"Microsoft.Dynamics.CRM.{_ENUMS[path]}" if path in _ENUMS else ""
    if literal.kind != "null" and literal.enum_type != wanted:
        raise FilterError(
            "A binary operator with incompatible types was detected. "
            f"'{path}' is compared with a constant of the type '{wanted or 'of the property'}'."
        )
    compare, value = _COMPARISONS[node.operator], _comparable(literal.value)
    ordered = node.operator not in ("eq", "ne")

    def test(data: Json) -> bool:
        found = _comparable(_value(data, path))
        if ordered and (type(found) is not type(value) or value is None):
            return False
        return compare(found, value)

    return test


def _text(node: Call, names: Names, type_name: str) -> Test:
    if len(node.arguments) != 2 or not isinstance(node.arguments[1], Literal):
        raise FilterError(f"The function '{node.name}' takes a property and a text.")
    path, pattern = _path(node.arguments[0], names, type_name), like(str(node.arguments[1].value), node.name)
    return lambda data: pattern.match(str(_value(data, path) or "")) is not None


def _value(data: Json, path: str) -> Any:
    found: Any = data
    for step in path.split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _comparable(value: Any) -> Any:
    return fold(value) if isinstance(value, str) else value
