"""Values of columns: from JSON into the form in which they are stored, or refused (dataverse sheet, 4 and 8)."""

from __future__ import annotations

from typing import Any

from sandbox.description import Entity, Field, Wire
from sandbox.odata_subset.addresses import is_guid
from sandbox.odata_subset.moments import to_utc, wire
from sandbox.sales import errors


def converted(entity: Entity, described: Field, value: Any) -> Wire:
    """The value in wire form. Raises Refused when its type, length or range does not fit."""
    if value is None:
        return None
    if described.kind == "string":
        return _text(entity, described, value)
    if described.kind == "boolean" and isinstance(value, bool):
        return value
    if described.kind in ("integer", "choice") and isinstance(value, int) and not isinstance(value, bool):
        return _whole(entity, described, value)
    if described.kind == "decimal" and isinstance(value, int | float) and not isinstance(value, bool):
        return _in_range(entity, described, value)
    if described.kind == "guid" and isinstance(value, str) and is_guid(value):
        return value.lower()
    if described.kind == "datetime" and isinstance(value, str):
        try:
            moment = wire(to_utc(value))
            return moment[:10] if described.edm == "Edm.Date" else moment
        except ValueError:
            pass
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
