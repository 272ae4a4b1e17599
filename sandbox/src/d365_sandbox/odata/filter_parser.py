"""`$filter` text to a syntax tree. Both systems parse with this and then allow what they support
(predicate.py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from d365_sandbox.odata.filter_tokens import Token, tokens_of
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

__all__ = ["FilterError", "parse_filter"]

_DEEPEST = 50  # brackets in brackets; the services stop at some depth too, which one is assumed
_QUERY_FUNCTIONS = "Microsoft.Dynamics.CRM."
_COMPARE = {"eq", "ne", "gt", "ge", "lt", "le"}
_SUM = {"add", "sub"}
_PRODUCT = {"mul", "div", "divby", "mod"}


def parse_filter(text: str, aliases: Mapping[str, str] | None = None) -> Node:
    """The tree of a filter. Raises FilterError with a sentence when it cannot be read."""
    return _Parser(text, aliases or {}).whole()


class _Parser:
    """Reads by falling precedence: or, and, not, comparison, sum, product, brackets."""

    def __init__(self, text: str, aliases: Mapping[str, str]) -> None:
        self._text = text
        self._tokens = tokens_of(text, aliases)
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._node(self._disjunction())
        if self._peek()[0] != "end":
            raise FilterError(f"Syntax error: '{self._peek()[1]}' is not expected in '{self._text}'.")
        return node

    def _peek(self) -> Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _take(self, mark: str) -> bool:
        if self._peek() == ("mark", mark):
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._take(mark):
            raise FilterError(f"Syntax error: '{mark}' expected in '{self._text}'.")

    def _word(self, words: set[str]) -> str:
        kind, value = self._peek()
        if kind == "name" and value in words:
            self._at += 1
            return value
        return ""

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FilterError("The node count limit of the filter has been exceeded: it is nested too deep.")

    def _node(self, found: Node | Operand) -> Node:
        if isinstance(found, Property | Literal | Arithmetic):
            unread = self._peek()[1] or "the end"
            raise FilterError(
                f"Syntax error: a comparison operator is expected before {unread} in '{self._text}'."
            )
        return found

    def _operand(self, found: Node | Operand) -> Operand:
        if not isinstance(found, Property | Literal | Arithmetic):
            raise FilterError(f"Syntax error: a value is expected in '{self._text}', not a condition.")
        return found

    def _disjunction(self) -> Node | Operand:
        return self._joined("or", self._conjunction)

    def _conjunction(self) -> Node | Operand:
        return self._joined("and", self._factor)

    def _joined(self, word: str, read: Callable[[], Node | Operand]) -> Node | Operand:
        first = read()
        if self._peek() != ("name", word):
            return first
        parts = [self._node(first)]
        while self._word({word}):
            parts.append(self._node(read()))
        return Junction(word, tuple(parts))

    def _factor(self) -> Node | Operand:
        if self._peek() == ("name", "not"):
            self._next()
            self._deeper()
            inner = self._node(self._factor())
            self._depth -= 1
            return Not(inner)
        left = self._sum()
        operator = self._word(_COMPARE)
        if not operator:
            return left
        right = self._sum()
        if not isinstance(left, Property | Literal | Arithmetic):
            return self._truth(left, operator, right)
        return Compare(operator, left, self._operand(right))

    def _truth(self, node: Node, operator: str, right: Node | Operand) -> Node:
        """`contains(...) eq true` and its like: the condition or its opposite."""
        if operator not in ("eq", "ne") or not isinstance(right, Literal) or right.kind != "boolean":
            raise FilterError(f"Syntax error: a condition is compared with true or false in '{self._text}'.")
        return node if right.value is (operator == "eq") else Not(node)

    def _sum(self) -> Node | Operand:
        left = self._product()
        while operator := self._word(_SUM):
            left = Arithmetic(operator, self._operand(left), self._operand(self._product()))
        return left

    def _product(self) -> Node | Operand:
        left = self._primary()
        while operator := self._word(_PRODUCT):
            left = Arithmetic(operator, self._operand(left), self._operand(self._primary()))
        return left

    def _primary(self) -> Node | Operand:
        kind, value = self._next()
        if kind == "mark" and value == "(":
            self._deeper()
            inner = self._disjunction()
            self._expect(")")
            self._depth -= 1
            return inner
        if kind == "name":
            return self._named(value)
        return self._constant(kind, value)

    def _named(self, value: str) -> Node | Operand:
        if value in ("true", "false"):
            return Literal("boolean", value == "true")
        if value == "null":
            return Literal("null", None)
        if self._peek()[0] == "string" and "." in value:
            return Literal("enum", self._next()[1][1:-1], value)
        if self._take("("):
            return self._function(value)
        return Property(value)

    def _constant(self, kind: str, value: str) -> Literal:
        if kind == "string":
            return Literal("string", value[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal("number", float(value) if re.search(r"[.eE]", value) else int(value))
        if kind == "guid":
            return Literal("guid", value.lower())
        if kind == "datetime":
            return Literal("datetime", value)
        raise FilterError(f"Syntax error: '{value or 'the end'}' is not expected in '{self._text}'.")

    def _function(self, name: str) -> Node:
        path, _, last = name.rpartition("/")
        if path and last in ("any", "all"):
            return self._lambda(path, last)
        if name.startswith(_QUERY_FUNCTIONS):
            return self._query_function(name.removeprefix(_QUERY_FUNCTIONS))
        arguments: list[Operand] = []
        while not self._take(")"):
            arguments.append(self._operand(self._sum()))
            if not self._take(",") and self._peek() != ("mark", ")"):
                raise FilterError(f"Syntax error: ')' expected in '{self._text}'.")
        return Call(name, tuple(arguments))

    def _lambda(self, path: str, quantifier: str) -> Node:
        if self._take(")"):
            if quantifier == "all":
                raise FilterError(f"Syntax error: 'all' needs a condition in '{self._text}'.")
            return Lambda(path, quantifier, "", None)
        kind, variable = self._next()
        if kind != "name" or "/" in variable:
            raise FilterError(f"Syntax error: '{variable}' is no range variable in '{self._text}'.")
        self._expect(":")
        self._deeper()
        part = self._node(self._disjunction())
        self._depth -= 1
        self._expect(")")
        return Lambda(path, quantifier, variable, part)

    def _query_function(self, name: str) -> Node:
        named: dict[str, Literal | tuple[Literal, ...]] = {}
        while not self._take(")"):
            key = self._next()[1]
            self._expect("=")
            named[key] = self._list() if self._take("[") else self._text_constant()
            if not self._take(",") and self._peek() != ("mark", ")"):
                raise FilterError(f"Syntax error: ')' expected in '{self._text}'.")
        return QueryFunction(name, named)

    def _list(self) -> tuple[Literal, ...]:
        values: list[Literal] = []
        while not self._take("]"):
            values.append(self._text_constant())
            if not self._take(",") and self._peek() != ("mark", "]"):
                raise FilterError(f"Syntax error: ']' expected in '{self._text}'.")
        return tuple(values)

    def _text_constant(self) -> Literal:
        """A constant of a query function; texts in double quotes are taken too, as JSON has them."""
        kind, value = self._next()
        if kind == "quoted":
            return Literal("string", value[1:-1].replace('""', '"'))
        if kind == "name" and value in ("true", "false", "null"):
            return Literal("null", None) if value == "null" else Literal("boolean", value == "true")
        if kind == "name" and self._peek()[0] == "string" and "." in value:
            return Literal("enum", self._next()[1][1:-1], value)
        return self._constant(kind, value)
