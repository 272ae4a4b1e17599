"""Values of columns: from JSON into the form in which they are stored, or refused (dataverse sheet, 4 and 8)."""

from __future__ import annotations

from typing import Any

from d365_sandbox.dataverse import errors
from d365_sandbox.odata.addresses import is_guid, is_moment
from d365_sandbox.odata.moments import to_utc, wire
from d365_sandbox.schemas.entity import Entity, Field, Wire


def converted(entity: Entity, described: Field, value: Any) -> Wire:
    """The value in wire form. Raises Refused when its type, length or range does not fit."""
    match described.kind, value:
        case _, None:
            return None
        case "string", _:
            return _text(entity, described, value)
        case "boolean", bool():
            return value
        case (("integer" | "choice"), int()) if type(value) is int:
            return _whole(entity, described, value)
        case "decimal", int() | float() if not isinstance(value, bool):
            return _in_range(entity, described, value)
        case "guid", str() if is_guid(value):
            return value.lower()
        case "datetime", str() if is_moment(value):
            moment = wire(to_utc(value))
            return moment[:10] if described.edm == "Edm.Date" else moment
    raise errors.bad_payload(
        entity.set_name,
        "Microsoft.OData.ODataException: Cannot convert the value given for "
        f"'{described.name}' to the expected type '{described.edm}'.",
    )


def _text(entity: Entity, described: Field, value: Any) -> Wire:
    """Text is kept as it is; an empty text is stored as null (assumed)."""
    if not isinstance(value, str):
        raise errors.bad_payload(
            entity.set_name,
            "Microsoft.OData.ODataException: Cannot convert the value given for "
            f"'{described.name}' to the expected type 'Edm.String'.",
        )
    if described.max_length is not None and len(value) > described.max_length:
        raise errors.Refused(
            400,
            "0x80044331",
            f"A validation error occurred. The length of the '{described.name}' attribute of the "
            f"'{entity.type_name}' entity exceeded the maximum allowed length of '{described.max_length}'.",
        )
    return value or None


def _whole(entity: Entity, described: Field, value: int) -> Wire:
    if described.options and value not in described.options:
        accepted = ",".join(str(option) for option in described.options)
        raise errors.Refused(
            400,
            "0x8004431a",
            f"A validation error occurred. The value {value} of '{described.name}' on record of type "
            f"'{entity.type_name}' is outside the valid range. Accepted Values: {accepted}",
        )
    return _in_range(entity, described, value)


def _in_range(entity: Entity, described: Field, value: float) -> Wire:
    """The code for numbers out of range is assumed."""
    low, high = described.minimum, described.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise errors.Refused(
            400,
            "0x80044330",
            f"A validation error occurred. The value of '{described.name}' on record of type "
            f"'{entity.type_name}' is outside the valid range.",
        )
    return value
