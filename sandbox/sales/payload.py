"""Bodies of writes: names and values checked against the table, lookups resolved, into columns to set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.description import Entity, Field, Fields, Wire
from sandbox.odata_subset.addresses import Address, AddressError, is_guid, parse_address
from sandbox.odata_subset.json_text import loads
from sandbox.odata_subset.moments import to_utc, wire
from sandbox.sales import errors
from sandbox.sales.derived import pointing
from sandbox.sales.rows import RowFinder

_BIND = "@odata.bind"


def parse_body(entity: Entity, body: bytes) -> dict[str, Any]:
    """The JSON object of a write. Raises Refused."""
    try:
        given = loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise errors.bad_payload(
            entity.set_name, "An unexpected content was found: a JSON object is expected."
        )
    return given


class PayloadReader:
    """Turns the JSON of a write into columns. `references` maps the Content-IDs of a change set to rows'
    paths."""

    def __init__(self, finder: RowFinder, prefix: str, references: Mapping[str, str]) -> None:
        self._finder = finder
        self._prefix = prefix
        self._references = references

    def read(self, entity: Entity, given: Mapping[str, Any], creating: bool) -> Fields:
        """The columns to set; None clears one. Raises Refused."""
        found: Fields = {}
        for name, value in given.items():
            if name.endswith(_BIND):
                described = self._navigation(entity, name.removesuffix(_BIND))
                self._check_writable(entity, described, name, creating)
                if value is not None or described.name not in found:
                    found.update(self._bound(entity, described, name.removesuffix(_BIND), value))
            elif "@" in name:
                continue
            else:
                described = self._property(entity, name)
                self._check_writable(entity, described, name, creating)
                found[name] = _converted(entity, described, value)
        return found

    def _navigation(self, entity: Entity, name: str) -> Field:
        described = entity.navigation.get(name)
        if described is None:
            raise errors.bad_payload(
                entity.set_name,
                f"Microsoft.OData.ODataException: An undeclared property '{name}' which only "
                f"has property annotations "
                "in the payload but no property value was found in the payload. In OData, only "
                "declared navigation "
                "properties and declared named streams can be represented as properties without values.",
            )
        return described

    def _property(self, entity: Entity, name: str) -> Field:
        described = entity.fields.get(name)
        if described is None and name in entity.navigation:
            raise errors.not_simulated(f"A nested object at the navigation property '{name}' (deep insert)")
        if described is None:
            raise errors.bad_payload(
                entity.set_name,
                f"Microsoft.OData.ODataException: The property '{name}' does not exist on type "
                f"'Microsoft.Dynamics.CRM.{entity.type_name}'. Make sure to only use property "
                f"names that are defined "
                "by the type.",
            )
        if described.is_lookup:
            raise errors.bad_payload(
                entity.set_name,
                "CRM do not support direct update of Entity Reference properties, Use "
                "Navigation properties instead.",
            )
        return described

    def _check_writable(self, entity: Entity, described: Field, name: str, creating: bool) -> None:
        """Columns that the server keeps are refused (that they are not silently ignored is assumed)."""
        if described.is_key or (described.on_create if creating else described.on_update):
            return
        moment = "create" if creating else "update"
        raise errors.invalid(f"The property '{name}' of '{entity.type_name}' is not valid for {moment}.")

    def _bound(self, entity: Entity, described: Field, navigation: str, value: Any) -> Fields:
        if value is None:
            return pointing(described.name, None, None)
        if not isinstance(value, str):
            raise errors.bad_payload(
                entity.set_name, f"The value of '{navigation}@odata.bind' must be a URL."
            )
        address = self._address(entity, value)
        target = self._finder.entities.get(address.set_name)
        if target is None or address.key is None or address.rest:
            raise errors.no_resource(address.set_name)
        if (
            target.type_name not in described.navigation[navigation]
            and "?" not in described.navigation[navigation]
        ):
            raise errors.bad_payload(
                entity.set_name,
                f"A node of type 'Microsoft.Dynamics.CRM.{target.type_name}' cannot be bound to "
                f"the navigation "
                f"property '{navigation}' of '{entity.type_name}'.",
            )
        return pointing(described.name, target.type_name, str(self._finder.row(target, address).key))

    def _address(self, entity: Entity, value: str) -> Address:
        if value.lstrip("/").startswith("$"):
            reference = value.lstrip("/").removeprefix("$")
            if reference not in self._references:
                raise errors.bad_payload(entity.set_name, f"The content id reference '{value}' is not known.")
            value = self._references[reference]
        path = urlsplit(value).path if "://" in value else value
        path = path[len(self._prefix) :] if path.startswith(self._prefix) else path.lstrip("/")
        try:
            return parse_address(path)
        except AddressError as error:
            raise errors.bad_payload(entity.set_name, str(error)) from None


def _converted(entity: Entity, described: Field, value: Any) -> Wire:
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
