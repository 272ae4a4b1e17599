"""A new row together with the rows nested in its body: all of them or none (dataverse sheet, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.payload import PayloadReader, check_key
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_DEEPEST = 20  # levels of nested objects (assumed)


class DeepInserter:
    """Creates rows from bodies in the caller's transaction."""

    def __init__(self, reader: PayloadReader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    def create(
        self,
        tx: Transaction,
        entity: Entity,
        body: Mapping[str, Any],
        key: Mapping[str, Wire] | None = None,
        fixed: Fields | None = None,
        level: int = 0,
    ) -> Row:
        """Create the row. `key` holds the key columns of its URL, which the body may repeat; `fixed` columns
        are always set."""
        if level > _DEEPEST:
            raise errors.bad_payload(entity.set_name, f"Nested objects may be {_DEEPEST} levels deep.")
        payload = self._reader.read_deep(entity, body)
        check_key(payload.fields, key or {})
        fields = {**payload.fields, **(fixed or {}), **(key or {})}
        for parent in payload.parents:
            row = self.create(tx, parent.target, parent.body, level=level + 1)
            fields.update(self._reader.pointing_at(parent.lookup, parent.target, row))
        made = self._writer.create(tx, entity, fields)
        for children in payload.children:
            child = children.relationship.referencing
            lookup = self._reader.pointing_at(children.relationship.lookup, entity, made)
            for nested in children.bodies:
                self.create(tx, child, nested, fixed=lookup, level=level + 1)
            for bound in children.bound:
                self._writer.update(tx, child, bound, lookup)
        return tx.table(entity.set_name).get(made.key) or made
