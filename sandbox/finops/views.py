"""Data entities that show the rows of another one's table under their own key and with their own fields.

F&O has several entities over one table, such as `SalesQuotationHeadersV2` beside `CDSSalesQuotationHeaders`:
what is written through one is read through the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import cast

from sandbox.description import Entity, Field, Key, Wire, fold
from sandbox.store.table import Row, Table

VIEWS: Mapping[str, str] = {
    "CustomersBase": "CustomersV3",
    "CDSContactPersonsV2": "CDSContactPersons",
    "ContactPersons": "CDSContactPersons",
    "SalesQuotationHeadersV2": "CDSSalesQuotationHeaders",
    "SalesQuotationLines": "CDSSalesQuotationLines",
}
"""Entity set -> the set whose table it shows."""


def stored_entities(entities: Mapping[str, Entity]) -> dict[str, Entity]:
    """The entities that have a table, each with every field that any entity over it shows."""
    fields: dict[str, dict[str, Field]] = {}
    for name, entity in sorted(entities.items(), key=lambda item: item[0] in VIEWS):
        shown = fields.setdefault(VIEWS.get(name, name), {})
        for field in entity.fields.values():
            shown.setdefault(field.name, field)
    return {name: replace(entities[name], fields=found) for name, found in fields.items()}


def table_name(entity: Entity) -> str:
    return VIEWS.get(entity.set_name, entity.set_name)


def look_up(tables: Mapping[str, Table], entity: Entity, key: Key) -> Row | None:
    """The row that has this key in the entity, whichever entity's table keeps it."""
    table = tables[table_name(entity)]
    if entity.key_fields == table.entity.key_fields:
        return table.get(key)
    for candidate in table.pick(table.holding(entity.key_fields[1], key[1])):
        shown = (candidate.fields.get(name, entity.fields[name].empty) for name in entity.key_fields)
        if tuple(fold(str(value)) for value in shown) == key:
            return candidate
    return None


def as_seen(tables: Mapping[str, Table], entity: Entity) -> Table:
    """The entity's rows for queries, which know the fields of this entity only."""
    table = tables[table_name(entity)]
    return table if len(table.entity.fields) == len(entity.fields) else cast(Table, _View(entity, table))


class _View:
    """What queries need of a table."""

    def __init__(self, entity: Entity, table: Table) -> None:
        self.entity = entity
        self._table = table

    @property
    def revision(self) -> int:
        return self._table.revision

    def rows(self) -> list[Row]:
        return self._table.rows()

    def pick(self, keys: Iterable[Key]) -> list[Row]:
        return self._table.pick(keys)

    def holding(self, name: str, value: Wire) -> set[Key]:
        return self._table.holding(name, value)
