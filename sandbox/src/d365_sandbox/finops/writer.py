"""Writes of rows, and calls of actions, of the data service."""

from __future__ import annotations

from collections.abc import Mapping

from d365_sandbox.clock import Clock
from d365_sandbox.finops import errors, rules
from d365_sandbox.finops.actions import Actions, Request, read_parameters
from d365_sandbox.finops.actions import run as run_action
from d365_sandbox.finops.entities import BACKINGS
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.payload import parse_body, read_payload
from d365_sandbox.finops.reads import PREFIX, Reader, json_reply, read_options
from d365_sandbox.finops.rows import (
    CompanyGate,
    changed_version,
    etag,
    etag_suffix,
    find,
    location,
    new_version,
)
from d365_sandbox.finops.traffic import contended
from d365_sandbox.finops.views import look_up, table_name
from d365_sandbox.finops.write import Write
from d365_sandbox.odata.addresses import Address
from d365_sandbox.schemas.entity import Entity, Fields, fold
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call, Reply


class Writer:
    """Stores, changes and deletes rows under the rules of their tables. `parameters` may change at any time."""

    def __init__(
        self,
        entities: Mapping[str, Entity],
        store: Store,
        clock: Clock,
        reader: Reader,
        actions: Actions,
        default_company: str,
        parameters: Parameters,
    ) -> None:
        self.entities = entities
        self.parameters = parameters
        self._store = store
        self._clock = clock
        self._reader = reader
        self._actions = actions
        self._default_company = default_company

    def write(self, call: Call, entity: Entity, address: Address, tx: Transaction) -> Reply:
        """Answer one write or action inside a transaction. Raises Refused."""
        gate = self.gate(read_options(call.query).values.get("cross-company"))
        if address.rest:
            return self._act(call, entity, address, gate, tx)
        if entity.read_only:
            raise errors.wrong_method(call.method)
        stored = table_name(entity)
        if stored in contended.get():
            raise errors.update_conflict(entity.label, BACKINGS[stored].caption, BACKINGS[stored].table)
        if call.method == "POST" and address.key is None:
            return self._create(call, entity, tx)
        if call.method in ("PATCH", "PUT") and address.key is not None:
            row = find(self._store, gate, entity, address)
            self._check_match(call, entity, row)
            return self._update(call, entity, row, tx)
        if call.method == "DELETE" and address.key is not None:
            row = find(self._store, gate, entity, address)
            self._check_match(call, entity, row)
            return self._delete(entity, row, tx)
        raise errors.wrong_method(call.method)

    def upsert(self, entity: Entity, given: Fields) -> None:
        """Create or update the row that these fields name, as an import does. Raises Refused."""
        with self._store.transaction() as tx:
            if all(given.get(name) not in (None, "") for name in entity.key_fields):
                row = look_up(self._store.tables, entity, entity.key_of(given))
                if row is not None:
                    self._change(tx, entity, dict(given), row)
                    return
            self.add(tx, entity, given)

    def add(self, tx: Transaction, entity: Entity, given: Fields) -> Row:
        """Store a new row. Raises Refused."""
        write = self._begin(tx, entity, given, dict(given), None)
        rules.start(write, self._default_company)
        rules.finish(write)
        return self._put(write, new_version(tx))

    def _act(self, call: Call, entity: Entity, address: Address, gate: CompanyGate, tx: Transaction) -> Reply:
        """Run an action (finops-odata sheet, section 7)."""
        action = self._actions.find(entity, address.rest[0]) if len(address.rest) == 1 else None
        if action is None or action.on_row is not (address.key is not None):
            return errors.no_set(call.root, call.path)
        if call.method != "POST":
            raise errors.wrong_method(call.method)
        row = find(self._store, gate, entity, address) if action.on_row else None
        given = read_parameters(action, call.body)
        call.fields = tuple(given)
        result = run_action(action, entity, Request(tx, given, row, self._clock.stamp(), call.root))
        if not action.returns:
            return Reply(204, {"OData-Version": "4.0"})
        context = f"{call.root}{PREFIX}$metadata#{action.returns}"
        return json_reply({"@odata.context": context, "value": result}, 200, {})

    def _create(self, call: Call, entity: Entity, tx: Transaction) -> Reply:
        row = self.add(tx, entity, self._payload(call, entity, None))
        reply = self._reader.row(call, entity, row, None, 201)
        reply.headers["Location"] = f"{call.root}{PREFIX}{entity.set_name}({location(entity, row)})"
        return reply

    def _update(self, call: Call, entity: Entity, row: Row, tx: Transaction) -> Reply:
        row = self._change(tx, entity, self._payload(call, entity, row.fields), row)
        return Reply(204, {"OData-Version": "4.0", "ETag": etag(row.version, etag_suffix(entity))})

    def _change(self, tx: Transaction, entity: Entity, given: Fields, row: Row) -> Row:
        stored = tx.table(table_name(entity)).entity
        for name in dict.fromkeys((*entity.key_fields, *stored.key_fields)):
            stands = row.fields.get(name, stored.fields[name].empty)
            if name in given and fold(str(given[name])) != fold(str(stands)):
                raise errors.rejected(
                    entity.label, [f"Error: Field '{name}' is part of the key and cannot be changed"]
                )
            given.pop(name, None)
        write = self._begin(tx, entity, given, {**row.fields, **given}, row)
        rules.finish(write)
        return self._put(write, changed_version(row))

    def _delete(self, entity: Entity, row: Row, tx: Transaction) -> Reply:
        stored = tx.table(table_name(entity)).entity
        rules.check_unused(tx, entity, stored, row)
        rules.rules_of(stored).check_delete(tx, entity, row)
        tx.drop(stored.set_name, row.key)
        rules.rules_of(stored).stored(tx, row, None)
        return Reply(204, {"OData-Version": "4.0"})

    def _begin(
        self, tx: Transaction, entity: Entity, given: Fields, fields: Fields, before: Row | None
    ) -> Write:
        stored = tx.table(table_name(entity)).entity
        return Write(tx, entity, stored, given, fields, before, self.parameters, self._clock.stamp())

    def _put(self, write: Write, version: str) -> Row:
        row = write.tx.put(write.stored.set_name, _sparse(write.stored, write.fields), version)
        rules.rules_of(write.stored).stored(write.tx, write.before, row)
        return row

    def _payload(self, call: Call, entity: Entity, stands: Fields | None) -> Fields:
        body = parse_body(entity, call.body)
        call.fields = tuple(name for name in body if not name.startswith("@"))
        return read_payload(entity, body, stands, self.parameters)

    def _check_match(self, call: Call, entity: Entity, row: Row) -> None:
        expected = call.headers.get("if-match")
        if not expected or expected == "*" or not self.parameters.stale_etags_refused:
            return
        if expected != etag(row.version, etag_suffix(entity)):
            raise errors.stale()

    def gate(self, cross_company: str | None) -> CompanyGate:
        every = (cross_company or "").lower() == "true"
        return CompanyGate(self._default_company, every, self.parameters.company_key_optional)


def _sparse(entity: Entity, fields: Fields) -> Fields:
    """Only what differs from the empty value of its type; key fields always."""
    return {
        name: value
        for name, value in fields.items()
        if name in entity.key_fields or value != entity.fields[name].empty
    }
