"""Rows that a row leads to, over the navigation properties of both ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse.foundation import BUSINESS_UNIT, TEAM, USER
from d365_sandbox.dataverse.relationships import PRINCIPAL, Relationship, Relationships
from d365_sandbox.odata.surroundings import Caller, Collection, Single, Surroundings
from d365_sandbox.schemas.entity import Entity, Fields, Key
from d365_sandbox.store.store import Store
from d365_sandbox.store.table import Row, Table

_HIERARCHIES = {
    "accounts": "_parentaccountid_value",
    "products": "_parentproductid_value",
    "businessunits": "_parentbusinessunitid_value",
    "systemusers": "_parentsystemuserid_value",
}


class Related(Surroundings):
    """The store as filters, orders, expansions and paths see it."""

    caller = Caller(USER, BUSINESS_UNIT, (TEAM,))

    def __init__(self, entities: Mapping[str, Entity], store: Store, clock: Clock) -> None:
        self.relationships = Relationships(entities)
        self._entities = entities
        self._store = store
        self._clock = clock
        self._principal = _principal(entities)

    def single(self, entity: Entity, name: str) -> Single | None:
        found = self.relationships.lookups.get(entity.set_name, {}).get(name)
        if found is None:
            return None
        lookup, targets = found
        column, tables = lookup.name, self._tables(targets)

        def reach(fields: Fields) -> Fields:
            row = _first(tables, fields.get(column))
            return {} if row is None else row.fields

        return Single(self.target(targets), reach)

    def target(self, targets: tuple[str, ...]) -> Entity:
        """What a navigation property leads to: a kept table, an owner, or a table without rows here."""
        if set(targets) == {"systemuser", "team"}:
            return self._principal
        return self.relationships.known(targets[0]) or absent(targets[0])

    def row(self, entity: Entity, name: str, fields: Fields) -> Row | None:
        """The row at the end of a single-valued navigation property."""
        lookup, targets = self.relationships.lookups[entity.set_name][name]
        return _first(self._tables(targets), fields.get(lookup.name))

    def relationship(self, entity: Entity, name: str) -> Relationship | None:
        return self.relationships.collections.get(entity.set_name, {}).get(name)

    def rows(self, relationship: Relationship, row_id: str) -> list[Row]:
        """The rows of a collection in key order."""
        table = self._store.tables[relationship.referencing.set_name]
        return table.pick(table.holding(relationship.lookup.name, row_id))

    def collection(self, entity: Entity, name: str) -> Collection | None:
        relationship = self.relationship(entity, name)
        if relationship is None:
            return None
        key, column = entity.key_fields[0], relationship.lookup.name
        table = self._store.tables[relationship.referencing.set_name]

        def related(fields: Fields) -> Iterable[Fields]:
            keys = table.holding(column, fields[key]) if key in fields else ()
            return (row.fields for k in keys if (row := table.get(k)) is not None)

        return Collection(relationship.referencing, related)

    def below(self, entity: Entity, row_id: str) -> set[Key] | None:
        column = _HIERARCHIES.get(entity.set_name)
        if column is None:
            return None
        table = self._store.tables[entity.set_name]
        found: set[Key] = set()
        level: set[Key] = {row_id}
        while level:
            level = {key for parent in level for key in table.holding(column, str(parent))} - found
            found |= level
        return found

    def now(self) -> datetime:
        return self._clock.now()

    def state(self) -> object:
        """Every table's revision, and the minute, which is as fine as results about *now* are kept."""
        return sum(t.revision for t in self._store.tables.values()), self._clock.stamp()[:16]

    def _tables(self, targets: tuple[str, ...]) -> list[Table]:
        known = (self.relationships.known(target) for target in targets)
        return [self._store.tables[entity.set_name] for entity in known if entity is not None]


def absent(type_name: str) -> Entity:
    """A table that lookups point at and that is not kept here: it has a key and no rows."""
    return Entity("sales", "", type_name, type_name, {}, (f"{type_name}id",))


def _principal(entities: Mapping[str, Entity]) -> Entity:
    """What users and teams have in common: their key as owners."""
    shared = {"ownerid": replace(entities["systemusers"].fields["ownerid"], is_key=True)}
    return Entity("sales", "principals", PRINCIPAL, PRINCIPAL, shared, ("ownerid",))


def _first(tables: list[Table], key: object) -> Row | None:
    if not isinstance(key, str):
        return None
    return next(_found(tables, key), None)


def _found(tables: list[Table], key: str) -> Iterator[Row]:
    for table in tables:
        row = table.get(key)
        if row is not None:
            yield row
