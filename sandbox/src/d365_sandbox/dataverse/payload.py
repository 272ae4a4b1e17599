"""Bodies of writes: names and values checked against the table, lookups resolved, into columns to set.

Nested objects are kept apart for deep inserts (dataverse sheet, section 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.columns import converted
from d365_sandbox.dataverse.derived import pointing
from d365_sandbox.dataverse.relationships import Relationship, Relationships
from d365_sandbox.dataverse.rows import RowFinder
from d365_sandbox.json_text import loads
from d365_sandbox.odata.addresses import Address, AddressError, parse_address
from d365_sandbox.schemas.entity import Entity, Field, Fields, Wire
from d365_sandbox.store.table import Row

_BIND = "@odata.bind"
_TYPE = "@odata.type"
_NAMESPACE = "Microsoft.Dynamics.CRM."
_ROOT = "/api/data/"  # before the version, which need not be that of the request


@dataclass(frozen=True, slots=True)
class Parent:
    """A nested object at a single-valued navigation property: the row that the lookup will point at."""

    lookup: Field
    target: Entity
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Children:
    """Nested objects at a collection, and rows bound to it."""

    relationship: Relationship
    bodies: list[dict[str, Any]]
    bound: list[Row]


@dataclass(slots=True)
class Payload:
    """A body: columns to set, and what a deep insert makes before and after the row."""

    fields: Fields = field(default_factory=dict)
    parents: list[Parent] = field(default_factory=list)
    children: list[Children] = field(default_factory=list)


def check_key(given: Fields, key: Mapping[str, Wire]) -> None:
    """Refuse key columns in a body that differ from those of its address (dataverse sheet, 6)."""
    for name, value in key.items():
        if given.get(name, value) != value:
            raise errors.invalid(f"The key column '{name}' in the body differs from the one in the URL.")


def parse_body(name: str, body: bytes) -> dict[str, Any]:
    """The JSON object of a write; `name` is what messages call its target. Raises Refused."""
    try:
        given = loads(body)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise errors.bad_payload(name, "An unexpected content was found: a JSON object is expected.")
    return given


class PayloadReader:
    """Turns the JSON of a write into columns. `references` maps the Content-IDs of a change set to rows'
    paths."""

    def __init__(
        self, finder: RowFinder, relationships: Relationships, references: Mapping[str, str]
    ) -> None:
        self._finder = finder
        self._relationships = relationships
        self._references = references

    def read(self, entity: Entity, given: Mapping[str, Any], creating: bool) -> Fields:
        """The columns to set, of a body without nested objects; None clears one. Raises Refused."""
        found: Fields = {}
        fields = entity.fields
        for name, value in given.items():
            described = fields.get(name)
            if described is not None and not described.is_lookup:
                self._check_writable(entity, described, name, creating)
                found[name] = converted(entity, described, value)
            elif name.endswith(_BIND):
                self._bind(entity, name.removesuffix(_BIND), value, creating, found)
            elif "@" in name:
                _check_annotation(entity, name, value)
            elif name in entity.navigation or name in self._collections(entity):
                raise errors.bad_payload(
                    entity.set_name, f"Deep update of the navigation property '{name}' is not allowed."
                )
            else:
                raise self._no_property(entity, name)
        return found

    def read_deep(self, entity: Entity, given: Mapping[str, Any]) -> Payload:
        """The columns and nested objects of a row that is created. Raises Refused."""
        collections = self._collections(entity)
        payload, plain = Payload(), {}
        for name, value in given.items():
            navigation = name.removesuffix(_BIND)
            if navigation in collections:
                payload.children.append(
                    self._children(entity, collections[navigation], value, bound=navigation != name)
                )
            elif name in entity.navigation and name not in entity.fields:
                payload.parents.append(self._parent(entity, name, value))
            else:
                plain[name] = value
        payload.fields = self.read(entity, plain, creating=True)
        return payload

    def row(self, reference: Any, target: Entity | None = None) -> tuple[Entity, Row]:
        """The row that an `@odata.id` names. Raises Refused when it is not a row, or not one of the target
        table."""
        name = target.set_name if target else "$ref"
        if not isinstance(reference, str):
            raise errors.bad_payload(name, "The value of '@odata.id' must be a URL.")
        address = self.address(name, reference)
        entity = self._finder.entities.get(address.set_name)
        if entity is None or address.key is None or address.rest:
            raise errors.no_resource(address.set_name)
        if target is not None and entity is not target:
            raise errors.bad_payload(
                name,
                f"A node of type '{_NAMESPACE}{entity.type_name}' does not belong to '{target.set_name}'.",
            )
        return entity, self._finder.row(entity, address)

    def check_targets(self, entity: Entity, key: Mapping[str, Wire]) -> None:
        """Refuse lookups of an alternate key that point at nothing. Raises Refused."""
        for name, value in key.items():
            described = entity.fields[name]
            targets = [self._relationships.known(target) for target in described.targets]
            tables = [self._finder.store.tables[target.set_name] for target in targets if target]
            if tables and not any(table.get(str(value)) for table in tables):
                raise errors.no_row(described.targets[0], str(value))

    @staticmethod
    def pointing_at(lookup: Field, target: Entity, row: Row) -> Fields:
        """The columns that make the lookup point at this row."""
        return pointing(lookup.name, target.type_name, str(row.key))

    def bound(self, entity: Entity, navigation: str, value: Any) -> Fields:
        """What `<navigation>@odata.bind` sets. Raises Refused."""
        return self._bound(entity, self._navigation(entity, navigation), navigation, value)

    def _bind(self, entity: Entity, navigation: str, value: Any, creating: bool, found: Fields) -> None:
        described = self._navigation(entity, navigation)
        self._check_writable(entity, described, navigation, creating)
        if value is not None or described.name not in found:
            found.update(self._bound(entity, described, navigation, value))

    def _collections(self, entity: Entity) -> Mapping[str, Relationship]:
        return self._relationships.collections[entity.set_name]

    def _parent(self, entity: Entity, navigation: str, body: Any) -> Parent:
        lookup = entity.navigation[navigation]
        self._check_writable(entity, lookup, navigation, creating=True)
        if not isinstance(body, dict):
            raise errors.bad_payload(
                entity.set_name, f"A JSON object is expected at the navigation property '{navigation}'."
            )
        targets = lookup.navigation[navigation]
        named = str(body.get(_TYPE, "")).removeprefix("#").removeprefix(_NAMESPACE)
        target = self._relationships.known(named if named in targets else targets[0])
        if target is None or (len(targets) > 1 and named not in targets):
            raise errors.bad_payload(
                entity.set_name,
                f"The nested object at '{navigation}' needs an {_TYPE} of {', '.join(targets)}.",
            )
        return Parent(lookup, target, body)

    def _children(self, entity: Entity, relationship: Relationship, value: Any, bound: bool) -> Children:
        child = relationship.referencing
        if not isinstance(value, list) or not (bound or all(isinstance(body, dict) for body in value)):
            raise errors.bad_payload(
                entity.set_name, f"A list is expected at the navigation property '{relationship.name}'."
            )
        if bound:
            return Children(relationship, [], [self.row(reference, child)[1] for reference in value])
        return Children(relationship, value, [])

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

    def _no_property(self, entity: Entity, name: str) -> errors.Refused:
        if name in entity.fields:
            return errors.bad_payload(
                entity.set_name,
                "CRM do not support direct update of Entity Reference properties, Use "
                "Navigation properties instead.",
            )
        return errors.bad_payload(
            entity.set_name,
            f"Microsoft.OData.ODataException: The property '{name}' does not exist on type "
            f"'{_NAMESPACE}{entity.type_name}'. Make sure to only use property "
            f"names that are defined "
            "by the type.",
        )

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
        address = self.address(entity.set_name, value)
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

    def address(self, set_name: str, value: str) -> Address:
        """The address of a reference: relative with or without slash, absolute, or a Content-ID. Raises Refused."""
        if value.lstrip("/").startswith("$"):
            reference = value.lstrip("/").removeprefix("$")
            if reference not in self._references:
                raise errors.bad_payload(set_name, f"The content id reference '{value}' is not known.")
            value = self._references[reference]
        path = urlsplit(value).path if "://" in value else value
        if path.startswith(_ROOT):
            path = path[len(_ROOT) :].partition("/")[2]
        try:
            return parse_address(path.lstrip("/"))
        except AddressError as error:
            raise errors.bad_payload(set_name, str(error)) from None


def _check_annotation(entity: Entity, name: str, value: Any) -> None:
    """Annotations are passed over; a type that is not the table's is refused (assumed)."""
    if name == _TYPE and str(value).removeprefix("#") != f"{_NAMESPACE}{entity.type_name}":
        raise errors.bad_payload(
            entity.set_name,
            f"A type named '{value}' is not compatible with the expected type '{_NAMESPACE}{entity.type_name}'.",
        )
