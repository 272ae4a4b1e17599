"""`$filter` text to a syntax tree. Both systems parse with this and then allow what they support
(predicate.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


class FilterError(ValueError):
    """The text is no filter that the system understands; the message is what the system would answer."""


@dataclass(frozen=True, slots=True)
class Property:
    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. `kind`: string, number, boolean, null, guid, datetime (also plain dates) or enum.

    `value` of an enum literal is the member name and `enum_type` its qualified type.
    """

    kind: str
    value: str | int | float | bool | None
    enum_type: str = ""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Compare:
    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Junction:
    """`and` or `or` over two or more parts."""

    operator: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A function with positional arguments: contains, startswith, endswith."""

    name: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class QueryFunction:
    """A `Microsoft.Dynamics.CRM.*` function with named arguments; lists are tuples of texts."""

    name: str
    arguments: Mapping[str, Literal | tuple[Literal, ...]]


Operand = Property | Literal | Arithmetic
Node = Compare | Junction | Not | Call | QueryFunction

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<datetime>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?(?![\w-]))
    | (?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w]))
    | (?P<alias>@\w+)
    | (?P<name>[A-Za-z_][\w.]*)
    | (?P<mark>[(),=\[\]])
    )""",
    re.VERBOSE,
)
_COMPARE = {"eq", "ne", "gt", "ge", "lt", "le"}
_SUM = {"add", "sub"}
_PRODUCT = {"mul", "div", "divby", "mod"}


def parse_filter(text: str, aliases: Mapping[str, str] | None = None) -> Node:
    """The tree of a filter. Raises FilterError with a sentence when it cannot be read."""
    parser = _Parser(text, aliases or {})
    node = parser.disjunction()
    parser.end()
    return node


class _Parser:
    def __init__(self, text: str, aliases: Mapping[str, str]) -> None:
        self._text = text
        self._aliases = aliases
        self._tokens = self._scan(text)
        self._at = 0

    def _scan(self, text: str) -> list[tuple[str, str]]:
        tokens: list[tuple[str, str]] = []
        position, length = 0, len(text.rstrip())
        while position < length:
            found = _TOKEN.match(text, position)
            if found is None:
                raise FilterError(
                    f"Syntax error: character '{text[position]}' is not valid at position "
                    f"{position} in '{text}'."
                )
            kind = found.lastgroup or ""
            value = found[kind]
            if kind == "alias":
                if value not in self._aliases:
                    raise FilterError(f"The parameter alias '{value}' has no value in the query.")
                tokens.extend(self._scan(self._aliases[value]))
            else:
                tokens.append((kind, value))
            position = found.end()
        return tokens

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
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

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise FilterError(f"Syntax error: '{self._peek()[1]}' is not expected in '{self._text}'.")

    def disjunction(self) -> Node:
        parts = [self._conjunction()]
        while self._word({"or"}):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else Junction("or", tuple(parts))

    def _conjunction(self) -> Node:
        parts = [self._factor()]
        while self._word({"and"}):
            parts.append(self._factor())
        return parts[0] if len(parts) == 1 else Junction("and", tuple(parts))

    def _factor(self) -> Node:
        if self._word({"not"}):
            return Not(self._factor())
        if self._peek() == ("mark", "("):
            saved = self._at
            self._next()
            try:
                node = self.disjunction()
                self._expect(")")
            except FilterError:
                self._at = saved
            else:
                if self._peek()[1] not in _COMPARE | _SUM | _PRODUCT:
                    return node
                self._at = saved
        kind, value = self._peek()
        if (
            kind == "name"
            and self._at + 1 < len(self._tokens)
            and self._tokens[self._at + 1] == ("mark", "(")
        ):
            return self._function(value)
        left = self._sum()
        operator = self._word(_COMPARE)
        if not operator:
            unread = self._peek()[1] or "the end"
            raise FilterError(
                f"Syntax error: a comparison operator is expected before {unread} in '{self._text}'."
            )
        return Compare(operator, left, self._sum())

    def _function(self, name: str) -> Node:
        self._at += 2
        if name.startswith("Microsoft.Dynamics.CRM."):
            named: dict[str, Literal | tuple[Literal, ...]] = {}
            while not self._take(")"):
                key = self._next()[1]
                self._expect("=")
                named[key] = self._list() if self._take("[") else self._literal()
                self._take(",")
            return QueryFunction(name.rpartition(".")[2], named)
        arguments: list[Operand] = []
        while not self._take(")"):
            arguments.append(self._sum())
            self._take(",")
            if self._peek()[0] == "end":
                raise FilterError(f"Syntax error: ')' expected in '{self._text}'.")
        return Call(name, tuple(arguments))

    def _list(self) -> tuple[Literal, ...]:
        values: list[Literal] = []
        while not self._take("]"):
            values.append(self._literal())
            self._take(",")
        return tuple(values)

    def _literal(self) -> Literal:
        operand = self._primary()
        if not isinstance(operand, Literal):
            raise FilterError(f"Syntax error: a constant is expected in '{self._text}'.")
        return operand

    def _sum(self) -> Operand:
        left = self._product()
        while operator := self._word(_SUM):
            left = Arithmetic(operator, left, self._product())
        return left

    def _product(self) -> Operand:
        left = self._primary()
        while operator := self._word(_PRODUCT):
            left = Arithmetic(operator, left, self._primary())
        return left

    def _primary(self) -> Operand:
        kind, value = self._next()
        if kind == "mark" and value == "(":
            inner = self._sum()
            self._expect(")")
            return inner
        if kind == "string":
            return Literal("string", value[1:-1].replace("''", "'"))
        if kind == "number":
            return Literal("number", float(value) if re.search(r"[.eE]", value) else int(value))
        if kind == "guid":
            return Literal("guid", value.lower())
        if kind == "datetime":
            return Literal("datetime", value)
        if kind == "name":
            if value in ("true", "false"):
                return Literal("boolean", value == "true")
            if value == "null":
                return Literal("null", None)
            if self._peek()[0] == "string" and "." in value:
                return Literal("enum", self._next()[1][1:-1], value)
            return Property(value)
        raise FilterError(f"Syntax error: '{value or 'the end'}' is not expected in '{self._text}'.")
