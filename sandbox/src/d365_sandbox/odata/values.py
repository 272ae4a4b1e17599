"""Constants and field values in the form in which filters compare them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from d365_sandbox.odata.filter_tree import FilterError, Literal, QueryFunction
from d365_sandbox.odata.moments import comparable
from d365_sandbox.schemas.entity import Field, Fields, Wire, fold

Test = Callable[[Fields], bool]


def texts(node: QueryFunction) -> tuple[Literal, ...]:
    """The values of a query function's list."""
    values = node.arguments.get("PropertyValues")
    if not isinstance(values, tuple):
        raise FilterError(f"Microsoft.Dynamics.CRM.{node.name} takes PropertyValues.")
    return values


def text_test(name: str, empty: Wire, pattern: re.Pattern[str]) -> Test:
    """Whether a text column matches the whole pattern."""
    match = pattern.match
    return lambda f: isinstance(v := f.get(name, empty), str) and match(v) is not None


def comparable_constant(described: Field, literal: Literal) -> Any:
    """The literal in the form in which `reader` gives the field's values."""
    try:
        if described.kind == "string":
            return fold(str(literal.value))
        if described.kind == "datetime":
            return comparable(str(literal.value))
        if described.kind == "guid":
            return str(literal.value).lower()
        if described.kind in ("integer", "decimal", "choice") and isinstance(literal.value, str):
            number = float(literal.value)
            if not math.isfinite(number):
                raise ValueError
            return number
    except ValueError:
        raise FilterError(
            f"'{literal.value}' is not a value of '{described.name}' ({described.edm})."
        ) from None
    return literal.value


def reader(described: Field) -> Callable[[Fields], Any]:
    """Reads a field of a row in comparable form."""
    name, empty = described.name, described.empty
    if described.kind == "string":
        return lambda f: fold(v) if isinstance(v := f.get(name, empty), str) else v
    if described.edm == "Edm.Date":
        return lambda f: f"{v}T00:00:00" if isinstance(v := f.get(name, empty), str) else v
    if described.kind == "datetime":
        return lambda f: v[:19] if isinstance(v := f.get(name, empty), str) else v
    return lambda f: f.get(name, empty)
