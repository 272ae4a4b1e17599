"""Compiles a filter tree into a test of one row, checked against the entity's description.

Two-valued logic: a comparison with null is false except `eq null` and `ne <value>`, which hold for rows
without a value (as the platform's own SQL for *not equal* does; assumed).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from d365_sandbox.odata.filter_tree import (
    Arithmetic,
    Call,
    Compare,
    FilterError,
    Junction,
    Lambda,
    Literal,
    Node,
    Not,
    Operand,
    Property,
    QueryFunction,
)
from d365_sandbox.odata.literals import LITERALS, check_types
from d365_sandbox.odata.patterns import like, starred
from d365_sandbox.odata.query_functions import query_function
from d365_sandbox.odata.surroundings import Collection, Reach, Surroundings, located, value_of, walked
from d365_sandbox.odata.values import Test, comparable_constant, reader, text_test
from d365_sandbox.schemas.entity import Entity, Field, Fields

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
    "div": lambda a, b: a / b if b else math.nan,
    "divby": lambda a, b: a / b if b else math.nan,
    "mod": lambda a, b: math.fmod(a, b) if b and math.isfinite(a) else math.nan,
}
"""What is divided by nothing is no number: of all comparisons only `ne` holds for it (assumed)."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What one system allows in a filter."""

    type_prefix: str
    text_functions: bool = False
    query_functions: bool = False
    arithmetic: bool = False
    star_in_eq: bool = False


def compile_filter(
    node: Node, entity: Entity, dialect: Dialect, surroundings: Surroundings | None = None
) -> Test:
    """A test of one row's fields. Raises FilterError for unknown properties, types that do not match and
    functions or operators that the system does not have."""
    return _Compiler(entity, dialect, surroundings or Surroundings()).test(node)


class _Compiler:
    """Inside a lambda `variable` names the row, and every path begins with it."""

    def __init__(
        self, entity: Entity, dialect: Dialect, surroundings: Surroundings, variable: str = ""
    ) -> None:
        self._entity = entity
        self._dialect = dialect
        self._surroundings = surroundings
        self._variable = variable

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
        if isinstance(node, Lambda):
            return self._lambda(node)
        return self._comparison(node)

    def _column(self, path: str) -> tuple[Field, Reach | None]:
        return located(self._entity, self._within(path), self._surroundings, self._dialect.type_prefix)

    def _within(self, path: str) -> str:
        """The path without the range variable of the lambda that we are in."""
        if not self._variable:
            return path
        variable, mark, rest = path.partition("/")
        if variable != self._variable or not mark:
            raise FilterError(
                f"Could not find a property named '{variable}': inside the lambda a path begins with "
                f"'{self._variable}/'."
            )
        return rest

    def _lambda(self, node: Lambda) -> Test:
        """`any` and `all` over related rows; `all` holds where there are none."""
        target, reach, name = walked(
            self._entity, self._within(node.path), self._surroundings, self._dialect.type_prefix
        )
        collection = self._surroundings.collection(target, name)
        if collection is None:
            raise FilterError(
                f"Could not find a property named '{name}' on type "
                f"'{self._dialect.type_prefix}{target.type_name}'."
            )
        inner: Test | None = None
        if node.part is not None:
            compiler = _Compiler(collection.target, self._dialect, self._surroundings, node.variable)
            inner = compiler.test(node.part)
        return _at(reach, _quantified(node.quantifier, inner, collection))

    def _comparison(self, node: Compare) -> Test:
        left, right, symbol = node.left, node.right, node.operator
        if isinstance(left, Literal) and not isinstance(right, Literal):
            left, right, symbol = right, left, _MIRRORED[symbol]
        if isinstance(left, Arithmetic) or isinstance(right, Arithmetic):
            return self._computed(left, symbol, right)
        if not isinstance(left, Property):
            raise FilterError("A comparison needs a property on one side.")
        if isinstance(right, Property):
            return self._two_columns(self._column(left.name), symbol, self._column(right.name))
        if isinstance(right, Literal):
            described, reach = self._column(left.name)
            return _at(reach, self._with_constant(described, symbol, right))
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
        check_types(described, symbol, literal)
        if (
            described.kind == "string"
            and self._dialect.star_in_eq
            and symbol in ("eq", "ne")
            and "*" in str(literal.value)
        ):
            pattern = starred(str(literal.value))
            matches = text_test(name, empty, pattern)
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

    def _two_columns(
        self, left: tuple[Field, Reach | None], symbol: str, right: tuple[Field, Reach | None]
    ) -> Test:
        if LITERALS[left[0].kind] != LITERALS[right[0].kind]:
            raise FilterError(f"'{left[0].name}' and '{right[0].name}' have types that cannot be compared.")
        compare, read_left, read_right = _COMPARISONS[symbol], _reading(*left), _reading(*right)

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
            try:
                constant = float(operand.value or 0)
            except OverflowError:
                raise FilterError("A number in the filter is too large.") from None
            return lambda fields: constant
        described, reach = self._column(operand.name)
        if described.kind not in ("integer", "decimal"):
            raise FilterError(f"Arithmetic needs numbers, '{described.name}' is '{described.edm}'.")
        read = value_of(described, reach)
        return lambda fields: float(read(fields) or 0)

    def _text_function(self, node: Call) -> Test:
        if not self._dialect.text_functions or node.name not in ("contains", "startswith", "endswith"):
            raise FilterError(f"An unknown function with name '{node.name}' was found.")
        if len(node.arguments) != 2:
            raise FilterError(f"The function '{node.name}' takes two arguments.")
        column, text = node.arguments
        if not isinstance(column, Property) or not isinstance(text, Literal) or text.kind != "string":
            raise FilterError(f"The function '{node.name}' takes a property and a text.")
        described, reach = self._column(column.name)
        if described.kind != "string":
            raise FilterError(
                f"The function '{node.name}' takes a text property, '{described.name}' is '{described.edm}'."
            )
        return _at(reach, text_test(described.name, described.empty, like(str(text.value), node.name)))

    def _query_function(self, node: QueryFunction) -> Test:
        if not self._dialect.query_functions:
            raise FilterError(
                f"An unknown function with name 'Microsoft.Dynamics.CRM.{node.name}' was found."
            )
        name = node.arguments.get("PropertyName")
        if not isinstance(name, Literal) or not isinstance(name.value, str):
            raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes PropertyName, a text.")
        path = name.value
        if self._variable and not path.startswith(f"{self._variable}/"):
            path = f"{self._variable}/{path}"
        described, reach = self._column(path)
        return _at(reach, query_function(node, self._entity, described, self._surroundings))


def _reading(described: Field, reach: Reach | None) -> Callable[[Fields], Any]:
    read = reader(described)
    return read if reach is None else lambda fields: read(reach(fields))


def _quantified(quantifier: str, inner: Test | None, collection: Collection) -> Test:
    related = collection.related
    if inner is None:
        return lambda fields: any(True for _ in related(fields))
    holds = any if quantifier == "any" else all
    return lambda fields: holds(inner(row) for row in related(fields))


def _at(reach: Reach | None, test: Test) -> Test:
    """The test applied to the row at the end of the path; a missing related row counts as one without values."""
    return test if reach is None else lambda fields: test(reach(fields))


def _both(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda fields: first(fields) and second(fields)
    return lambda fields: all(test(fields) for test in tests)


def _either(tests: tuple[Test, ...]) -> Test:
    return lambda fields: any(test(fields) for test in tests)
