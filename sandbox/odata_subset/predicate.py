"""A filter tree becomes a test of one row, checked against the entity's description.

Two-valued logic: a comparison with null is false except `eq null` and `ne <value>`, which hold for rows
without a value (as the platform's own SQL for *not equal* does; assumed).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.description import Entity, Field, Fields, Wire
from sandbox.odata_subset.filter_parser import (
    Arithmetic,
    Call,
    Compare,
    FilterError,
    Junction,
    Literal,
    Node,
    Not,
    Operand,
    Property,
    QueryFunction,
)
from sandbox.odata_subset.patterns import like, starred
from sandbox.odata_subset.values import comparable_constant, reader, texts

Test = Callable[[Fields], bool]
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_MIRRORED = {"eq": "eq", "ne": "ne", "gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "divby": operator.truediv,
    "mod": operator.mod,
}
_LITERALS = {
    "string": {"string"},
    "integer": {"number"},
    "decimal": {"number"},
    "choice": {"number"},
    "boolean": {"boolean"},
    "guid": {"guid"},
    "datetime": {"datetime"},
    "enum": {"enum"},
}
_EDM_OF_LITERAL = {
    "string": "Edm.String",
    "number": "Edm.Int32",
    "boolean": "Edm.Boolean",
    "guid": "Edm.Guid",
    "datetime": "Edm.DateTimeOffset",
    "null": "Edm.Null",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one system allows in a filter."""

    type_prefix: str
    text_functions: bool = False
    query_functions: bool = False
    arithmetic: bool = False
    star_in_eq: bool = False


def compile_filter(node: Node, entity: Entity, dialect: Dialect) -> Test:
    """A test of one row's fields. Raises FilterError for unknown properties, types that do not match and
    functions or operators that the system does not have."""
    return _Compiler(entity, dialect).test(node)


class _Compiler:
    def __init__(self, entity: Entity, dialect: Dialect) -> None:
        self._entity = entity
        self._dialect = dialect

    def test(self, node: Node) -> Test:
        if isinstance(node, Junction):
            tests = tuple(self.test(part) for part in node.parts)
            return _both(tests) if node.operator == "and" else _either(tests)
        if isinstance(node, Not):
            inner = self.test(node.part)
            return lambda fields: not inner(fields)
        if isinstance(node, Call):
            return self._text_function(node)
        if isinstance(node, QueryFunction):
            return self._query_function(node)
        return self._comparison(node)

    def _field(self, name: str) -> Field:
        found = self._entity.fields.get(name)
        if found is None:
            type_name = f"{self._dialect.type_prefix}{self._entity.type_name}"
            raise FilterError(f"Could not find a property named '{name}' on type '{type_name}'.")
        return found

    def _comparison(self, node: Compare) -> Test:
        left, right, symbol = node.left, node.right, node.operator
        if isinstance(left, Literal) and not isinstance(right, Literal):
            left, right, symbol = right, left, _MIRRORED[symbol]
        if isinstance(left, Arithmetic) or isinstance(right, Arithmetic):
            return self._computed(left, symbol, right)
        if not isinstance(left, Property):
            raise FilterError("A comparison needs a property on one side.")
        described = self._field(left.name)
        if isinstance(right, Property):
            return self._two_columns(described, symbol, self._field(right.name))
        if isinstance(right, Literal):
            return self._with_constant(described, symbol, right)
        raise FilterError("A comparison needs a property on one side.")

    def _with_constant(self, described: Field, symbol: str, literal: Literal) -> Test:
        name, empty = described.name, described.empty
        if literal.kind == "null":
            if symbol not in ("eq", "ne"):
                raise FilterError("Only eq and ne can be used with null.")
            return (
                (lambda f: f.get(name) == empty)
                if symbol == "eq"
                else (lambda f: f.get(name, empty) != empty)
            )
        self._match_types(described, symbol, literal)
        if (
            described.kind == "string"
            and self._dialect.star_in_eq
            and symbol in ("eq", "ne")
            and "*" in str(literal.value)
        ):
            pattern = starred(str(literal.value))
            matches = _text_test(name, empty, pattern)
            return matches if symbol == "eq" else (lambda f: not matches(f))
        constant = comparable_constant(described, literal)
        compare = _COMPARISONS[symbol]
        read = reader(described)
        if symbol == "ne":
            return lambda f: read(f) != constant
        if symbol == "eq":
            return lambda f: read(f) == constant

        comparables = str if isinstance(constant, str) else (int, float)

        def ordered(fields: Fields) -> bool:
            value = read(fields)
            return isinstance(value, comparables) and compare(value, constant)

        return ordered

    def _match_types(self, described: Field, symbol: str, literal: Literal) -> None:
        wanted = described.edm
        given = literal.enum_type or _EDM_OF_LITERAL[literal.kind]
        if literal.kind not in _LITERALS[described.kind] or (
            literal.kind == "enum" and literal.enum_type != wanted
        ):
            kind = {"eq": "Equal", "ne": "NotEqual"}.get(
                symbol, "GreaterThan" if symbol[0] == "g" else "LessThan"
            )
            raise FilterError(
                "A binary operator with incompatible types was detected. "
                f"Found operand types '{wanted}' and '{given}' for operator kind '{kind}'."
            )
        if literal.kind == "enum":
            if literal.value not in described.members:
                raise FilterError(
                    f"The string '{literal.value}' is not a valid enumeration type constant of '{wanted}'."
                )
            if symbol not in ("eq", "ne"):
                raise FilterError(f"Only eq and ne can be used with the enumeration '{wanted}'.")

    def _two_columns(self, left: Field, symbol: str, right: Field) -> Test:
        if _LITERALS[left.kind] != _LITERALS[right.kind]:
            raise FilterError(f"'{left.name}' and '{right.name}' have types that cannot be compared.")
        compare, read_left, read_right = _COMPARISONS[symbol], reader(left), reader(right)

        def test(fields: Fields) -> bool:
            a, b = read_left(fields), read_right(fields)
            return a is not None and b is not None and compare(a, b)

        return test

    def _computed(self, left: Operand, symbol: str, right: Operand) -> Test:
        if not self._dialect.arithmetic:
            raise FilterError("Arithmetic operators are not supported.")
        compare, value_left, value_right = _COMPARISONS[symbol], self._number(left), self._number(right)
        return lambda fields: compare(value_left(fields), value_right(fields))

    def _number(self, operand: Operand) -> Callable[[Fields], float]:
        if isinstance(operand, Arithmetic):
            act, left, right = (
                _ARITHMETIC[operand.operator],
                self._number(operand.left),
                self._number(operand.right),
            )
            return lambda fields: act(left(fields), right(fields))
        if isinstance(operand, Literal):
            if operand.kind != "number":
                raise FilterError("Arithmetic needs numbers.")
            constant = float(operand.value or 0)
            return lambda fields: constant
        described = self._field(operand.name)
        if described.kind not in ("integer", "decimal"):
            raise FilterError(f"Arithmetic needs numbers, '{described.name}' is '{described.edm}'.")
        return lambda fields: float(fields.get(described.name) or 0)

    def _text_function(self, node: Call) -> Test:
        if not self._dialect.text_functions or node.name not in ("contains", "startswith", "endswith"):
            raise FilterError(f"An unknown function with name '{node.name}' was found.")
        if len(node.arguments) != 2:
            raise FilterError(f"The function '{node.name}' takes two arguments.")
        column, text = node.arguments
        if not isinstance(column, Property) or not isinstance(text, Literal) or text.kind != "string":
            raise FilterError(f"The function '{node.name}' takes a property and a text.")
        described = self._field(column.name)
        if described.kind != "string":
            raise FilterError(
                f"The function '{node.name}' takes a text property, '{described.name}' is '{described.edm}'."
            )
        return _text_test(described.name, described.empty, like(str(text.value), node.name))

    def _query_function(self, node: QueryFunction) -> Test:
        name = node.arguments.get("PropertyName")
        if not self._dialect.query_functions or not isinstance(name, Literal):
            raise FilterError(
                f"An unknown function with name 'Microsoft.Dynamics.CRM.{node.name}' was found."
            )
        described = self._field(str(name.value))
        read = reader(described)
        if node.name in ("In", "NotIn"):
            values = {comparable_constant(described, v) for v in texts(node)}
            wanted = node.name == "In"
            return lambda fields: (read(fields) in values) is wanted
        if node.name in ("Between", "NotBetween"):
            low, high = (comparable_constant(described, v) for v in texts(node))
            wanted = node.name == "Between"
            return lambda fields: (value := read(fields)) is not None and (low <= value <= high) is wanted
        if node.name in ("OnOrAfter", "OnOrBefore"):
            given = node.arguments.get("PropertyValue")
            if not isinstance(given, Literal):
                raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes PropertyValue.")
            limit, compare = (
                comparable_constant(described, given)[:10],
                _COMPARISONS["ge" if node.name == "OnOrAfter" else "le"],
            )
            return lambda fields: (value := read(fields)) is not None and compare(value[:10], limit)
        raise FilterError(f"The function 'Microsoft.Dynamics.CRM.{node.name}' is not simulated here.")


def _text_test(name: str, empty: Wire, pattern: re.Pattern[str]) -> Test:
    match = pattern.match
    return lambda f: isinstance(v := f.get(name, empty), str) and match(v) is not None


def _both(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda fields: first(fields) and second(fields)
    return lambda fields: all(test(fields) for test in tests)


def _either(tests: tuple[Test, ...]) -> Test:
    return lambda fields: any(test(fields) for test in tests)
