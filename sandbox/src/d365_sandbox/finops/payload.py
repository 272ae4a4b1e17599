"""Bodies of writes: names and values checked against the data entity, into fields to set."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.csdl import is_dimension
from d365_sandbox.finops.numbers import exact, parse_json
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.rows import as_field
from d365_sandbox.odata.addresses import is_guid
from d365_sandbox.odata.moments import to_utc, wire
from d365_sandbox.schemas.entity import Entity, Field, Fields, Wire

_DELIMITER = "-"  # of dimension display values (assumed, as is the sentence)


def parse_body(entity: Entity, body: bytes) -> dict[str, Any]:
    """The JSON object of a write. Raises Refused."""
    try:
        given = parse_json(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise errors.bad_request("The request body is not a JSON object that describes an entity.")
    return given


def read_payload(
    entity: Entity, body: dict[str, Any], stands: Fields | None, parameters: Parameters
) -> Fields:
    """The fields to set, in payload order; `stands` is the row as it is, None for a new one.

    Null and "" both mean empty; whether they clear a field that has a value is a parameter. Fields whose
    configuration key is off take no values. Raises Refused.
    """
    found: Fields = {}
    for name, value in body.items():
        if "@" in name:
            continue
        described = entity.fields.get(name)
        if described is None:
            raise errors.bad_request(
                f"The property '{name}' does not exist on type "
                f"'Microsoft.Dynamics.DataEntities.{entity.type_name}'. "
                "Make sure to only use property names that are defined by the type."
            )
        converted = described.empty if value is None else _converted(entity, described, value, parameters)
        keeps = converted == "" and stands is not None and not parameters.empty_text_clears
        if not keeps and described.enabled and _is_writable(entity, described, converted, stands, parameters):
            found[name] = converted
    return found


def _is_writable(
    entity: Entity, described: Field, value: Wire, stands: Fields | None, parameters: Parameters
) -> bool:
    """Fields that may not be edited are refused, or ignored where a parameter says so (both are seen). One that
    is sent as it stands, as clients do that write whole rows, is nothing to refuse (assumed)."""
    if described.is_key or (described.on_create if stands is None else described.on_update):
        return True
    if parameters.read_only_fields == "ignore" or value == (stands or {}).get(
        described.name, described.empty
    ):
        return False
    raise errors.rejected(
        entity.label,
        [f"Warning: Field '{described.name}' does not allow editing", _noise(entity, described)],
    )


def _noise(entity: Entity, described: Field) -> str:
    return f"Warning: validateField failed on field '{entity.label}.{described.name}'"


def _converted(entity: Entity, described: Field, value: Any, parameters: Parameters) -> Wire:
    match described.kind, value:
        case "string", str():
            return _text(entity, described, value, parameters)
        case "enum", str():
            return _member(described, value)
        case "integer", int() if _fits(described, value):
            return int(value)
        case "decimal", _ if _is_number(value):
            return _exact(described, str(value))
        case "guid", str() if is_guid(value):
            return value.lower()
        case "datetime", str():
            return _moment(described, value)
    raise _unconverted(described)


def _fits(described: Field, value: int) -> bool:
    """Whether an integer, which a boolean is not, lies in the range of the field's type."""
    bits = 63 if described.edm == "Edm.Int64" else 31
    return not isinstance(value, bool) and -(2**bits) <= value < 2**bits


def _is_number(value: Any) -> bool:
    """Numbers, and text that holds one (IEEE754Compatible)."""
    if isinstance(value, str):
        return re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _exact(described: Field, text: str) -> Wire:
    try:
        return exact(text)
    except ValueError:
        raise _unconverted(described) from None


def _unconverted(described: Field) -> errors.Refused:
    return errors.bad_request(
        f"Cannot convert the value given for '{described.name}' to the expected type '{described.edm}'."
    )


def _text(entity: Entity, described: Field, value: str, parameters: Parameters) -> Wire:
    """Over-long text is refused, or cut where a parameter says so (both are seen). Trailing blanks do not count."""
    parts = parameters.dimension_parts
    if parts and value and is_dimension(described) and value.count(_DELIMITER) + 1 != parts:
        raise errors.rejected(
            entity.label,
            [
                f"Error: The value '{value}' in field '{described.name}' does not have the {parts} dimensions of the "
                "configured format",
                _noise(entity, described),
            ],
        )
    if described.max_length is not None and len(value.rstrip(" ")) > described.max_length:
        if parameters.long_text == "cut":
            return value[: described.max_length]
        raise errors.rejected(
            entity.label,
            [
                f"Error: The value in field '{described.name}' is too long: at most "
                f"{described.max_length} characters "
                "are allowed",
                _noise(entity, described),
            ],
        )
    return value


def _member(described: Field, value: str) -> Wire:
    if value == "":
        return described.empty
    if value not in described.members:
        raise errors.bad_request(
            f"Cannot convert the literal '{value}' to the expected type '{described.edm}' of "
            f"'{described.name}'."
        )
    return value


def _moment(described: Field, value: str) -> Wire:
    """Dates become noon UTC of their day; date-times keep their time."""
    try:
        moment = to_utc(value)
    except ValueError:
        raise errors.bad_request(
            f"Cannot convert the literal '{value}' to the expected type '{described.edm}' of "
            f"'{described.name}'."
        ) from None
    return wire(as_field(described, moment))
