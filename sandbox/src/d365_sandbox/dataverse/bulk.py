"""CreateMultiple, UpdateMultiple and UpsertMultiple on a standard table: all targets or none (dataverse sheet, 6).

Assumed: a table that does not support them answers 404, a call needs at least one target, and the error for
two targets with the same key in one UpsertMultiple.
"""

from __future__ import annotations

from typing import Any

from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.payload import PayloadReader, check_key, parse_body
from d365_sandbox.dataverse.rows import RowFinder
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.addresses import is_guid
from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call, Reply

NAMES = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
_TYPE = "@odata.type"
_ID = "@odata.id"


class Bulk:
    """Runs one bulk action in the caller's transaction."""

    def __init__(self, finder: RowFinder, reader: PayloadReader, writer: Writer) -> None:
        self._finder = finder
        self._reader = reader
        self._writer = writer

    def run(self, call: Call, entity: Entity, name: str, tx: Transaction) -> Reply:
        """Return the ids of created rows; updates and upserts return nothing. Raises Refused."""
        targets = self._targets(call, entity, name)
        if name == "CreateMultiple":
            ids = [str(self._create(tx, entity, target).key) for target in targets]
            context = f"{call.base}$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
            headers = {"Content-Type": errors.JSON, "OData-Version": "4.0"}
            return Reply(200, headers, dumps({"@odata.context": context, "Ids": ids}))
        if name == "UpdateMultiple":
            for target in targets:
                self._update(tx, entity, target)
        else:
            written: set[str] = set()
            for target in targets:
                row_id = str(self._upsert(tx, entity, target).key)
                if row_id in written:
                    raise errors.duplicate()
                written.add(row_id)
        return Reply(204, {"OData-Version": "4.0"})

    def _targets(self, call: Call, entity: Entity, name: str) -> list[dict[str, Any]]:
        body = parse_body(entity.set_name, call.body)
        targets = body.get("Targets")
        if not isinstance(targets, list) or not targets or len(body) > 1:
            raise errors.bad_payload(name, "The action takes the parameter 'Targets', a list of rows.")
        names: dict[str, None] = {}
        for target in targets:
            if not isinstance(target, dict):
                raise errors.bad_payload(name, "Every target must be a JSON object.")
            if _TYPE not in target:
                raise errors.bad_payload(name, f"Every target needs an {_TYPE} annotation.")
            names.update(dict.fromkeys(target))
        call.fields = tuple(column for column in names if not column.startswith("@"))
        return targets

    def _create(self, tx: Transaction, entity: Entity, target: dict[str, Any]) -> Row:
        return self._writer.create(tx, entity, self._reader.read(entity, target, creating=True))

    def _update(self, tx: Transaction, entity: Entity, target: dict[str, Any]) -> Row:
        """Update the row that the target's primary key or `@odata.id` names."""
        key = self._key(entity, target)
        row = self._held(entity, key)
        if row is None:
            raise errors.no_row(entity.type_name, str(next(iter(key.values()))))
        return self._writer.update(tx, entity, row, self._given(entity, target, key, creating=False))

    def _upsert(self, tx: Transaction, entity: Entity, target: dict[str, Any]) -> Row:
        key = self._key(entity, target)
        row = self._held(entity, key)
        given = self._given(entity, target, key, creating=row is None)
        if row is None:
            self._reader.check_targets(entity, key)
            return self._writer.create(tx, entity, {**given, **key})
        return self._writer.update(tx, entity, row, given)

    def _given(self, entity: Entity, target: dict[str, Any], key: dict[str, Wire], creating: bool) -> Fields:
        given = self._reader.read(entity, target, creating)
        check_key(given, key)
        return given

    def _key(self, entity: Entity, target: dict[str, Any]) -> dict[str, Wire]:
        """The key columns of a target. Raises Refused when it has none."""
        reference = target.get(_ID)
        if reference is None:
            primary = entity.key_fields[0]
            value = target.get(primary)
            if not isinstance(value, str) or not is_guid(value):
                raise errors.bad_payload(
                    entity.set_name, f"Every target needs its primary key '{primary}' or an {_ID} annotation."
                )
            return {primary: value.lower()}
        if not isinstance(reference, str):
            raise errors.bad_payload(entity.set_name, f"The value of '{_ID}' must be a URL.")
        address = self._reader.address(entity.set_name, reference)
        if address.set_name != entity.set_name or address.key is None or address.rest:
            raise errors.bad_payload(entity.set_name, f"'{reference}' names no row of '{entity.set_name}'.")
        return self._finder.key(entity, address)

    def _held(self, entity: Entity, key: dict[str, Wire]) -> Row | None:
        table = self._finder.store.tables[entity.set_name]
        if entity.key_fields[0] in key:
            return table.get(str(key[entity.key_fields[0]]))
        shared = set.intersection(*(table.holding(name, value) for name, value in key.items()))
        return table.get(min(shared)) if shared else None
