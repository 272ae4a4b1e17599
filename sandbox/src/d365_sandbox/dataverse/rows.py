"""Finding the row that an address names: by id, by its primary key's name or by a declared
alternate key."""

from __future__ import annotations

import re
from collections.abc import Mapping

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.stamps import OWNERS
from d365_sandbox.odata.addresses import Address, is_guid, is_moment
from d365_sandbox.odata.moments import to_utc, wire
from d365_sandbox.schemas.entity import Entity, Field, Wire
from d365_sandbox.store.store import Store
from d365_sandbox.store.table import Row

_UNUSABLE = set("/<>*%&:\\?+")  # in alternate key values; documented as a known problem, refused here


class RowFinder:
    """Looks rows up in the store by the rules of Web API addresses."""

    def __init__(self, entities: Mapping[str, Entity], store: Store) -> None:
        self.entities = entities
        self.store = store

    def row(self, entity: Entity, address: Address) -> Row:
        """The row. Raises Refused: 404 when there is none, 400 when the key is not one of the table's."""
        row, key = self.maybe(entity, address)
        if row is not None:
            return row
        if self._by_primary(entity, key):
            raise errors.no_row(entity.type_name, str(key[entity.key_fields[0]]))
        named = ",".join(f"{name}={value}" for name, value in key.items())
        raise errors.Refused(
            404,
            "0x80060891",
            f"A record with the specified key values does not exist in {entity.type_name} entity ({named})",
        )

    def maybe(self, entity: Entity, address: Address) -> tuple[Row | None, dict[str, Wire]]:
        """The row or None, and the key as columns. Raises Refused when the key is not one of
        the table's."""
        key = self.key(entity, address)
        table = self.store.tables[entity.set_name]
        if self._by_primary(entity, key):
            return table.get(str(key[entity.key_fields[0]])), key
        sets = [table.holding(name, value) for name, value in key.items()]
        shared = set.intersection(*sets)
        return (table.get(min(shared)) if shared else None), key

    def key(self, entity: Entity, address: Address) -> dict[str, Wire]:
        """The key of the address as columns of the table."""
        given = dict(address.key or {})
        primary = entity.key_fields[0]
        if set(given) == {""} and is_guid(given[""]) and "" not in address.quoted:
            return {primary: given[""].lower()}
        by_owner = entity.set_name in OWNERS
        if set(given) == {"ownerid" if by_owner else primary} and not address.quoted:
            value = next(iter(given.values()))
            if is_guid(value):
                return {primary: value.lower()}
        for columns in entity.alternate_keys:
            if set(columns) == set(given):
                return {name: _alternate(entity.fields[name], given[name], address) for name in columns}
        raise errors.Refused(
            400,
            "0x8006088f",
            f"The key in the request URI is not valid for resource "
            f"'Microsoft.Dynamics.CRM.{entity.type_name}'. "
            "Ensure that the names and number of key properties match the declared or alternate "
            "key properties for "
            f"the resource 'Microsoft.Dynamics.CRM.{entity.type_name}'.",
        )

    def _by_primary(self, entity: Entity, key: Mapping[str, Wire]) -> bool:
        return set(key) == set(entity.key_fields)


def _value_of(described: Field, text: str) -> Wire:
    """The value that a text in an address stands for, None for one that the column does not take."""
    match described.kind:
        case "string" if not _UNUSABLE & set(text):
            return text
        case "guid" if is_guid(text):
            return text.lower()
        case "integer" | "choice" if re.fullmatch(r"-?[0-9]{1,18}", text):
            return int(text)
        case "decimal" if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", text):
            return float(text)
        case "datetime" if is_moment(text):
            moment = wire(to_utc(text))
            return moment[:10] if described.edm == "Edm.Date" else moment
    return None


def _alternate(described: Field, text: str, address: Address) -> Wire:
    """The value of one column of an alternate key: texts in quotes, all others without. Raises Refused."""
    name, kind = described.name, described.kind
    if (kind == "string") is (name in address.quoted):
        value = _value_of(described, text)
        if value is not None:
            return value
    if kind == "string" and _UNUSABLE & set(text):
        raise errors.bad_query(
            f"Bad Request - the value of the key {name} holds one of / < > * % & : \\ ? +."
        )
    raise errors.bad_query(f"Bad Request - the value of the key {name} is not of the type {described.edm}.")
