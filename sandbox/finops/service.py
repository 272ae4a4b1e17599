"""The data service as a whole: which handler answers which method and path."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from sandbox.clock import Clock
from sandbox.description import Entity, Fields, fold
from sandbox.finops import custom_services, errors, metadata, rules
from sandbox.finops.actions import Actions, Request, read_parameters
from sandbox.finops.actions import run as run_action
from sandbox.finops.admin import administer
from sandbox.finops.batch import run_batch
from sandbox.finops.csdl import csdl
from sandbox.finops.entities import BACKINGS
from sandbox.finops.own_actions import OWN_ACTIONS, package_actions
from sandbox.finops.package.service import PREFIXES as PACKAGE_PREFIXES
from sandbox.finops.package.service import PackageService
from sandbox.finops.parameters import Parameters
from sandbox.finops.payload import parse_body, read_payload
from sandbox.finops.reads import PREFIX, Reader, json_reply, read_options
from sandbox.finops.rows import (
    CompanyGate,
    address_of,
    changed_version,
    etag,
    etag_suffix,
    find,
    location,
    new_version,
)
from sandbox.finops.traffic import contended
from sandbox.finops.views import look_up, table_name
from sandbox.finops.write import Write
from sandbox.odata_subset.addresses import Address, AddressError
from sandbox.store.store import Store, Transaction
from sandbox.store.table import Row
from sandbox.web import Call, Reply

_METADATA = ("/metadata/", "/Metadata/")


class FinopsService:
    """One environment's data entities, seen by one user with a default company."""

    name = "finops"
    prefixes: tuple[str, ...] = (PREFIX, *_METADATA, custom_services.PREFIX, *PACKAGE_PREFIXES)
    unguarded: tuple[str, ...] = PackageService.UNGUARDED

    def __init__(
        self,
        entities: Mapping[str, Entity],
        store: Store,
        default_company: str,
        clock: Clock,
        parameters: Parameters,
        client_id: str = "sandbox",
    ) -> None:
        self.entities = entities
        self.store = store
        self.clock = clock
        self.actions = Actions((*OWN_ACTIONS, *package_actions()))
        self._default_company = default_company
        self._client_id = client_id
        self._reader = Reader(entities, store)
        self._csdl: dict[bool, bytes] = {}
        self.parameters = parameters
        self.packages = PackageService(
            entities, store, clock, default_company, parameters.packages, self.upsert, client_id
        )

    @property
    def parameters(self) -> Parameters:
        """The switches as they stand; they can be changed at any time."""
        return self._parameters

    @parameters.setter
    def parameters(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._reader.text_functions = parameters.text_functions
        self._reader.unfilterable = frozenset(parameters.unfilterable_fields)

    def flush(self) -> None:
        self.packages.management.flush()

    def administer(self, method: str, what: str, body: Any) -> Any:
        """Answer an admin call that is this system's own; None when it is not."""
        answer = administer(self, method, what, body)
        if answer is None:
            answer = self.packages.administer(method, what, body)
            self.flush()
        return answer

    def handle(self, prefix: str, call: Call) -> Reply:
        """Answer a call. Each answer names an activity and says how long it took (finops-odata sheet,
        section 2)."""
        began = time.perf_counter()
        reply = self._answer(prefix, call)
        spent = (time.perf_counter() - began) * 1000
        reply.headers["ms-dyn-aid"] = str(uuid.uuid4())
        reply.headers["server-timing"] = f"total;dur={spent:.1f}"
        return reply

    def _answer(self, prefix: str, call: Call) -> Reply:
        if self._parameters.unmapped_status:
            return Reply(self._parameters.unmapped_status)
        try:
            self.packages.kick()
            if prefix in PACKAGE_PREFIXES:
                return self.packages.handle(prefix, call)
            if prefix in _METADATA:
                return metadata.json_metadata(self.entities, self.actions, call)
            if prefix == custom_services.PREFIX:
                return custom_services.answer(call, self._default_company, self._client_id, self._parameters)
            if call.path == "$batch":
                return run_batch(self, call)
            return self.operate(call, None)
        except errors.Refused as refusal:
            return self.refusal(refusal, in_batch=False)

    def refusal(self, refused: errors.Refused, in_batch: bool) -> Reply:
        """The answer for a refusal, in the user's language."""
        parameters = self._parameters
        return refused.reply(
            in_batch, parameters.refusal_status, parameters.language, parameters.infolog_information
        )

    def operate(self, call: Call, tx: Transaction | None) -> Reply:
        """Answer one operation; a write joins `tx` or makes a transaction of its own. Raises Refused."""
        path = call.path.rstrip("/")
        if path in ("", "$metadata"):
            return self._document(call, path)
        if path.startswith(PackageService.ACTIONS):
            return self.packages.act(call)
        try:
            address = address_of(path)
        except AddressError as error:
            raise errors.bad_request(str(error)) from None
        entity = self.entities.get(address.set_name)
        if entity is None:
            is_page = self._parameters.unknown_set == "page"
            return errors.no_set_page() if is_page else errors.no_set(call.root, call.path)
        if entity.set_name in self._parameters.forbidden_sets:
            raise errors.no_role(entity.set_name)
        if call.method == "GET":
            return self._read(call, entity, address)
        if tx is not None:
            return self._write(call, entity, address, tx)
        with self.store.transaction() as own:
            return self._write(call, entity, address, own)

    def upsert(self, entity: Entity, given: Fields) -> None:
        """Create or update the row that these fields name, as an import does. Raises Refused."""
        with self.store.transaction() as tx:
            if all(given.get(name) not in (None, "") for name in entity.key_fields):
                row = look_up(self.store.tables, entity, entity.key_of(given))
                if row is not None:
                    self._change(tx, entity, dict(given), row)
                    return
            self.add(tx, entity, given)

    def _document(self, call: Call, path: str) -> Reply:
        """The service document or the metadata document."""
        if call.method != "GET":
            raise errors.wrong_method(call.method)
        if not path:
            context = f"{call.root}{PREFIX}$metadata"
            return json_reply(metadata.service_document(context, self.entities), 200, {})
        lengths = self._parameters.published_lengths
        if lengths not in self._csdl:
            self._csdl[lengths] = csdl(self.entities, self.actions, lengths)
        return Reply(200, {"Content-Type": "application/xml", "OData-Version": "4.0"}, self._csdl[lengths])

    def _read(self, call: Call, entity: Entity, address: Address) -> Reply:
        options = read_options(call.query)
        gate = self._gate(options.values.get("cross-company"))
        if address.key is not None:
            if address.rest and self.actions.find(entity, address.rest[0]):
                raise errors.wrong_method(call.method)
            return self._reader.one(call, entity, address, options, gate)
        if address.rest == ("$count",):
            return self._reader.count(entity, options, gate)
        if address.rest:
            return errors.no_set(call.root, call.path)
        return self._reader.many(call, entity, options, gate)

    def _gate(self, cross_company: str | None) -> CompanyGate:
        every = (cross_company or "").lower() == "true"
        return CompanyGate(self._default_company, every, self._parameters.company_key_optional)

    def _write(self, call: Call, entity: Entity, address: Address, tx: Transaction) -> Reply:
        gate = self._gate(read_options(call.query).values.get("cross-company"))
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
            row = find(self.store, gate, entity, address)
            self._check_match(call, entity, row)
            return self._update(call, entity, row, tx)
        if call.method == "DELETE" and address.key is not None:
            row = find(self.store, gate, entity, address)
            self._check_match(call, entity, row)
            return self._delete(entity, row, tx)
        raise errors.wrong_method(call.method)

    def _act(self, call: Call, entity: Entity, address: Address, gate: CompanyGate, tx: Transaction) -> Reply:
        """Run an action (finops-odata sheet, section 7)."""
        action = self.actions.find(entity, address.rest[0]) if len(address.rest) == 1 else None
        if action is None or action.on_row is not (address.key is not None):
            return errors.no_set(call.root, call.path)
        if call.method != "POST":
            raise errors.wrong_method(call.method)
        row = find(self.store, gate, entity, address) if action.on_row else None
        given = read_parameters(action, call.body)
        call.fields = tuple(given)
        result = run_action(action, entity, Request(self, tx, given, row, self.clock.stamp(), call.root))
        if not action.returns:
            return Reply(204, {"OData-Version": "4.0"})
        context = f"{call.root}{PREFIX}$metadata#{action.returns}"
        return json_reply({"@odata.context": context, "value": result}, 200, {})

    def _create(self, call: Call, entity: Entity, tx: Transaction) -> Reply:
        row = self.add(tx, entity, self._payload(call, entity, None))
        reply = self._reader.row(call, entity, row, None, 201)
        reply.headers["Location"] = f"{call.root}{PREFIX}{entity.set_name}({location(entity, row)})"
        return reply

    def add(self, tx: Transaction, entity: Entity, given: Fields) -> Row:
        """Store a new row. Raises Refused."""
        write = self._begin(tx, entity, given, dict(given), None)
        rules.start(write, self._default_company)
        rules.finish(write)
        return self._put(write, new_version(tx))

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
        return Write(tx, entity, stored, given, fields, before, self._parameters, self.clock.stamp())

    def _put(self, write: Write, version: str) -> Row:
        row = write.tx.put(write.stored.set_name, _sparse(write.stored, write.fields), version)
        rules.rules_of(write.stored).stored(write.tx, write.before, row)
        return row

    def _payload(self, call: Call, entity: Entity, stands: Fields | None) -> Fields:
        body = parse_body(entity, call.body)
        call.fields = tuple(name for name in body if not name.startswith("@"))
        return read_payload(entity, body, stands, self._parameters)

    def _check_match(self, call: Call, entity: Entity, row: Row) -> None:
        expected = call.headers.get("if-match")
        if not expected or expected == "*" or not self._parameters.stale_etags_refused:
            return
        if expected != etag(row.version, etag_suffix(entity)):
            raise errors.stale()


def _sparse(entity: Entity, fields: Fields) -> Fields:
    """Only what differs from the empty value of its type; key fields always."""
    return {
        name: value
        for name, value in fields.items()
        if name in entity.key_fields or value != entity.fields[name].empty
    }
