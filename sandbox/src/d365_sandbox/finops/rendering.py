"""Rows as JSON: every field or the chosen ones, never null, with as much metadata as the caller wants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.expand import Expansion, related
from d365_sandbox.finops.forms import Form
from d365_sandbox.finops.numbers import shown
from d365_sandbox.finops.rows import etag, etag_suffix, key_text, location
from d365_sandbox.finops.views import Tables
from d365_sandbox.schemas.entity import Entity, Field, Wire
from d365_sandbox.store.table import Row

NAMESPACE = "Microsoft.Dynamics.DataEntities"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns by what a row's value needs: its empty value, exact digits, text instead of a number, a type."""

    empties: list[tuple[str, Wire]]
    decimals: list[str]
    texts: list[str]
    types: dict[str, str]


class Renderer:
    """Writes rows of one entity for one request. Raises Refused for a field that there is not."""

    def __init__(
        self,
        entity: Entity,
        select: list[str] | None,
        form: Form,
        base: str,
        tables: Tables,
        expansions: list[Expansion] | None = None,
    ) -> None:
        self._entity = entity
        self._form = form
        self._base = base
        self._tables = tables
        self._suffix = etag_suffix(entity)
        self._columns = _columns(entity, None if select is None else tuple(select))
        self._nested = [
            (e.relation, e.target, Renderer(e.target, e.select, form, base, tables)) for e in expansions or ()
        ]

    def rows(self, rows: list[Row]) -> list[dict[str, Any]]:
        if self._form == Form() and not self._nested:
            return [self._plain(row) for row in rows]
        return [self.row(row) for row in rows]

    def row(self, row: Row) -> dict[str, Any]:
        """One row in the caller's form, with what it expands."""
        found = self._plain(row)
        if self._form.strings:
            for name in self._columns.texts:
                value = row.fields.get(name, 0)
                found[name] = value if isinstance(value, str) else str(value)
        if self._form.level == "none":
            del found["@odata.etag"]
        elif self._form.level == "full":
            found = {**self._links(row), **self._with_types(found)}
        for relation, target, renderer in self._nested:
            rows = renderer.rows(related(self._tables, relation, target, row))
            if relation.many:
                found[relation.name] = rows
            else:
                found[relation.name] = rows[0] if rows else None
        return found

    def _plain(self, row: Row) -> dict[str, Any]:
        value_of = row.fields.get
        found: dict[str, Any] = {"@odata.etag": etag(row.version, self._suffix)}
        found.update([(name, value_of(name, empty)) for name, empty in self._columns.empties])
        for name in self._columns.decimals:
            if isinstance(found[name], str):
                found[name] = shown(found[name])
        return found

    def _links(self, row: Row) -> dict[str, str]:
        """What `odata.metadata=full` adds (finops-odata sheet, section 5)."""
        entity = self._entity
        at = f"{entity.set_name}({location(entity, row)})"
        links = {
            "@odata.type": f"#{NAMESPACE}.{entity.type_name}",
            "@odata.id": f"{self._base}{at}",
            "@odata.editLink": at,
        }
        for name in entity.relations:
            links[f"{name}@odata.associationLink"] = f"{self._base}{at}/{name}/$ref"
            links[f"{name}@odata.navigationLink"] = f"{self._base}{at}/{name}"
        return links

    def _with_types(self, found: dict[str, Any]) -> dict[str, Any]:
        types = self._columns.types
        typed: dict[str, Any] = {}
        for name, value in found.items():
            if name in types:
                typed[f"{name}@odata.type"] = types[name]
            typed[name] = value
        return typed


def value_of(described: Field, row: Row, form: Form) -> Any:
    """One value as JSON writes it."""
    value = row.fields.get(described.name, described.empty)
    if form.strings and (described.kind == "decimal" or described.edm == "Edm.Int64"):
        return str(value)
    return shown(value) if described.kind == "decimal" else value


def context_of(base: str, entity: Entity, select: list[str] | None, expansions: list[Expansion]) -> str:
    """The context URL of an answer with rows of the entity."""
    nested = [f"{e.relation.name}({','.join(e.select or ())})" for e in expansions]
    columns = ",".join([*(select or ()), *nested])
    return f"{base}$metadata#{entity.set_name}{f'({columns})' if columns else ''}"


def key_address(entity: Entity, row: Row) -> str:
    return f"{entity.set_name}({key_text(entity, row)})"


@lru_cache(maxsize=512)
def _columns(entity: Entity, select: tuple[str, ...] | None) -> _Columns:
    """The columns of a query, worked out once. Raises Refused for a field that there is not."""
    names = tuple(entity.fields) if select is None else tuple(dict.fromkeys(select))
    described = [_field(entity, name) for name in names]
    return _Columns(
        empties=[(f.name, f.empty) for f in described],
        decimals=[f.name for f in described if f.kind == "decimal"],
        texts=[f.name for f in described if f.kind == "decimal" or f.edm == "Edm.Int64"],
        types={f.name: _type(f) for f in described if f.kind != "string"},
    )


def _field(entity: Entity, name: str) -> Field:
    described = entity.fields.get(name)
    if described is None:
        raise errors.bad_request(
            f"Could not find a property named '{name}' on type '{NAMESPACE}.{entity.type_name}'."
        )
    return described


def _type(described: Field) -> str:
    return f"#{described.edm.removeprefix('Edm.')}"
