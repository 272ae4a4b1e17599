"""`$expand`, first level only (finops-odata sheet, section 5), and the rows that a navigation property leads to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from d365_sandbox.finops import errors
from d365_sandbox.finops.views import Tables, as_seen
from d365_sandbox.schemas.entity import Entity, Relation, fold
from d365_sandbox.store.table import Row, Table, index_value

_ITEM = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Expansion:
    """One expanded navigation property with the fields that are chosen of its rows."""

    relation: Relation
    target: Entity
    select: list[str] | None


def read_expand(text: str, entity: Entity, entities: Mapping[str, Entity]) -> list[Expansion]:
    """The expansions of a query. Nested options other than `$select` are refused (that they do not work is
    assumed; the sheet has seen `$select` alone). Raises Refused."""
    found: list[Expansion] = []
    position = 0
    while position < len(text):
        item = _ITEM.match(text, position)
        if item is None:
            raise errors.bad_request(f"Syntax error in $expand: '{text}'.")
        position = item.end()
        relation = relation_of(entity, item[1])
        target = entities[relation.target_set]
        found.append(Expansion(relation, target, _nested_select(item[2] or "", target)))
    return found


def relation_of(entity: Entity, name: str) -> Relation:
    relation = entity.relations.get(name)
    if relation is None:
        raise errors.bad_request(
            f"Could not find a property named '{name}' on type "
            f"'Microsoft.Dynamics.DataEntities.{entity.type_name}'."
        )
    return relation


def related(tables: Tables, relation: Relation, target: Entity, row: Row) -> list[Row]:
    """The rows of the target that belong to a row, in key order."""
    table = as_seen(tables, target)
    wanted = [(other, fold(str(row.fields.get(own) or ""))) for own, other in relation.pairs]
    name, value = wanted[min(1, len(wanted) - 1)]
    if not value:
        return []
    found = table.pick(table.holding(name, _as_stored(table, name, row, relation)))
    return [r for r in found if all(fold(str(r.fields.get(n) or "")) == v for n, v in wanted)]


def _as_stored(table: Table, name: str, row: Row, relation: Relation) -> str | int | float | None:
    own = next(own for own, other in relation.pairs if other == name)
    return index_value(row.fields, own)


def _nested_select(text: str, target: Entity) -> list[str] | None:
    chosen = None
    for option in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = option.partition("=")
        if name.strip() != "$select":
            raise errors.bad_request(
                f"The query option '{name.strip()}' is not supported inside $expand: only the first level can be "
                "expanded."
            )
        names = [part.strip() for part in value.split(",")]
        chosen = None if names == ["*"] else names
    for name in chosen or ():
        if name not in target.fields:
            raise errors.bad_request(
                f"Could not find a property named '{name}' on type "
                f"'Microsoft.Dynamics.DataEntities.{target.type_name}'."
            )
    return chosen
