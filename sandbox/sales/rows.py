"""Finding the row that an address names: by id, by its primary key's name or by a declared
alternate key."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.description import Entity, Wire
from sandbox.odata_subset.addresses import Address, is_guid
from sandbox.sales import errors
from sandbox.store.store import Store
from sandbox.store.table import Row

_UNUSABLE = set("/<>*%&:\\?+")  # in alternate key values; documented as a known problem, refused here
_KEYED_AS_OWNER = {"systemusers", "teams"}


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
        by_owner = entity.set_name in _KEYED_AS_OWNER
        if set(given) == {"ownerid" if by_owner else primary}:
            value = next(iter(given.values()))
            if is_guid(value):
                return {primary: value.lower()}
        for columns in entity.alternate_keys:
            if set(columns) == set(given):
                return {name: self._alternate(entity, name, given[name]) for name in columns}
        raise errors.Refused(
            400,
            "0x8006088f",
            f"The key in the request URI is not valid for resource "
            f"'Microsoft.Dynamics.CRM.{entity.type_name}'. "
            "Ensure that the names and number of key properties match the declared or alternate "
            "key properties for "
            f"the resource 'Microsoft.Dynamics.CRM.{entity.type_name}'.",
        )

    def _alternate(self, entity: Entity, name: str, value: str) -> Wire:
        kind = entity.fields[name].kind
        if kind == "string" and _UNUSABLE & set(value):
            raise errors.bad_query(
                f"Bad Request - the value of the key {name} holds one of / < > * % & : \\ ? +."
            )
        return int(value) if kind in ("integer", "choice") and value.isdigit() else value

    def _by_primary(self, entity: Entity, key: Mapping[str, Wire]) -> bool:
        return set(key) == set(entity.key_fields)
