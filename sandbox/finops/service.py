"""The data service as a whole: which handler answers which method and path."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from sandbox.clock import Clock
from sandbox.description import Entity, Fields, fold
from sandbox.finops import errors, metadata, rules
from sandbox.finops.batch import run_batch
from sandbox.finops.package.service import PREFIXES as PACKAGE_PREFIXES
from sandbox.finops.package.service import PackageService
from sandbox.finops.parameters import Parameters
from sandbox.finops.payload import parse_body, read_payload
from sandbox.finops.reads import PREFIX, Reader, json_reply, read_options
from sandbox.finops.rows import CompanyGate, address_of, changed_version, etag, find, key_text, new_version
from sandbox.finops.views import look_up, table_name
from sandbox.finops.write import Write
from sandbox.odata_subset.addresses import Address, AddressError
from sandbox.store.store import Store, Transaction
from sandbox.store.table import Row
from sandbox.web import Call, Reply


class FinopsService:
    """One environment's data entities, seen by one user with a default company."""

    name = "finops"
    prefixes: tuple[str, ...] = (PREFIX, "/metadata/", *PACKAGE_PREFIXES)
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
        self._default_company = default_company
        self._clock = clock
        self._parameters = parameters
        self._reader = Reader(store)
        self.packages = PackageService(
            entities, store, clock, default_company, parameters.packages, self.upsert, client_id
        )

        self.administer = self.packages.administer

    def flush(self) -> None:
        self.store.flush()

    def handle(self, prefix: str, call: Call) -> Reply:
        try:
            self.packages.kick()
            if prefix in PACKAGE_PREFIXES:
                return self.packages.handle(prefix, call)
            if prefix == "/metadata/":
                return metadata.json_metadata(self.entities, call)
            if call.path == "$batch":
                return run_batch(self, call)
            return self.operate(call, None)
        except errors.Refused as refusal:
            return refusal.reply(in_batch=False)

    def operate(self, call: Call, tx: Transaction | None) -> Reply:
        """Answer one operation; a write joins `tx` or makes a transaction of its own. Raises Refused."""
        if call.path == "$metadata" and call.method == "GET":
            return Reply(
                200, {"Content-Type": "application/xml", "OData-Version": "4.0"}, metadata.csdl(self.entities)
            )
        if not call.path and call.method == "GET":
            context = f"{call.root}{PREFIX}$metadata"
            return json_reply(metadata.service_document(context, self.entities), 200, {})
        if call.path.startswith(PackageService.ACTIONS):
            return self.packages.act(call)
        try:
            address = address_of(call.path)
        except AddressError as error:
            raise errors.bad_request(str(error)) from None
        entity = self.entities.get(address.set_name)
        if entity is None:
            return errors.no_set(call.root, call.path)
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
            self._add(tx, entity, given)

    def _read(self, call: Call, entity: Entity, address: Address) -> Reply:
        options = read_options(call.query)
        gate = self._gate(options.values.get("cross-company"))
        if address.key is not None:
            return self._reader.one(call, entity, address, options, gate)
        if address.rest == ("$count",):
            return self._reader.count(entity, options, gate)
        if address.rest:
            return errors.no_set(call.root, call.path)
        return self._reader.many(call, entity, options, gate)

    def _gate(self, cross_company: str | None) -> CompanyGate:
        return CompanyGate(self._default_company, (cross_company or "").lower() == "true")

    def _write(self, call: Call, entity: Entity, address: Address, tx: Transaction) -> Reply:
        gate = self._gate(read_options(call.query).values.get("cross-company"))
        if address.rest:
            return errors.no_set(call.root, call.path)
        if call.method == "POST" and address.key is None:
            return self._create(call, entity, tx)
        if call.method in ("PATCH", "PUT") and address.key is not None:
            row = find(self.store, gate, entity, address)
            _check_match(call, row)
            return self._update(call, entity, row, tx)
        if call.method == "DELETE" and address.key is not None:
            row = find(self.store, gate, entity, address)
            _check_match(call, row)
            return self._delete(entity, row, tx)
        raise errors.Refused(405, f"The requested resource does not support http method '{call.method}'.")

    def _create(self, call: Call, entity: Entity, tx: Transaction) -> Reply:
        row = self._add(tx, entity, self._payload(call, entity, creating=True))
        reply = self._reader.row(call, entity, row, None, 201)
        location = quote(key_text(entity, row), safe="=,'()-._~")
        reply.headers["Location"] = f"{call.root}{PREFIX}{entity.set_name}({location})"
        return reply

    def _add(self, tx: Transaction, entity: Entity, given: Fields) -> Row:
        write = self._begin(tx, entity, given, dict(given), None)
        rules.start(write, self._default_company)
        rules.finish(write)
        return self._put(write, new_version(tx))

    def _update(self, call: Call, entity: Entity, row: Row, tx: Transaction) -> Reply:
        row = self._change(tx, entity, self._payload(call, entity, creating=False), row)
        return Reply(204, {"OData-Version": "4.0", "ETag": etag(row.version)})

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
        today = self._clock.stamp()[:10]
        return Write(tx, entity, stored, given, fields, before, self._parameters, today)

    def _put(self, write: Write, version: str) -> Row:
        row = write.tx.put(write.stored.set_name, _sparse(write.stored, write.fields), version)
        rules.rules_of(write.stored).stored(write.tx, write.before, row)
        return row

    def _payload(self, call: Call, entity: Entity, creating: bool) -> Fields:
        body = parse_body(entity, call.body)
        call.fields = tuple(name for name in body if not name.startswith("@"))
        return read_payload(entity, body, creating)


def _sparse(entity: Entity, fields: Fields) -> Fields:
    """Only what differs from the empty value of its type; key fields always."""
    return {
        name: value
        for name, value in fields.items()
        if name in entity.key_fields or value != entity.fields[name].empty
    }


def _check_match(call: Call, row: Row) -> None:
    expected = call.headers.get("if-match")
    if expected and expected != "*" and expected != etag(row.version):
        raise errors.stale()
