"""Which constants may be compared with which columns."""

from __future__ import annotations

from d365_sandbox.odata.filter_tree import FilterError, Literal
from d365_sandbox.schemas.entity import Field

LITERALS = {
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


def check_types(described: Field, symbol: str, literal: Literal) -> None:
    """Refuse a constant that does not fit the column. Raises FilterError."""
    wanted = described.edm
    given = literal.enum_type or _EDM_OF_LITERAL[literal.kind]
    if literal.kind not in LITERALS[described.kind] or (
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
