"""The syntax tree of a `$filter`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


class FilterError(ValueError):
    """The filter is not valid; the message is the one that the system would send."""


@dataclass(frozen=True, slots=True)
class Property:
    """A column; `name` holds slashes when the way leads over navigation properties."""

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


@dataclass(frozen=True, slots=True)
class Lambda:
    """`path/any(variable:part)` or `all`; `any()` has neither variable nor part."""

    path: str
    quantifier: str
    variable: str
    part: Node | None


Operand = Property | Literal | Arithmetic
Node = Compare | Junction | Not | Call | QueryFunction | Lambda
