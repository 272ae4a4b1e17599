"""Dispatches writes by method and path: rows, single values, references and bulk actions (dataverse sheet,
6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from d365_sandbox.dataverse import bulk, errors
from d365_sandbox.dataverse.deep_insert import DeepInserter
from d365_sandbox.dataverse.payload import PayloadReader, check_key, parse_body
from d365_sandbox.dataverse.reads import Reader
from d365_sandbox.dataverse.references import References
from d365_sandbox.dataverse.relationships import Relationships
from d365_sandbox.dataverse.rows import RowFinder
from d365_sandbox.dataverse.stamps import etag
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.json_text import loads
from d365_sandbox.odata.addresses import Address
from d365_sandbox.odata.preferences import read_preferences
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call, Reply

_OPERATION = "Microsoft.Dynamics.CRM."


class Changes:
    """Handles every request that changes rows, in the caller's transaction."""

    def __init__(
        self,
        finder: RowFinder,
        relationships: Relationships,
        reader: Reader,
        writer: Writer,
    ) -> None:
        self._finder = finder
        self._relationships = relationships
        self._reader = reader
        self._writer = writer

    def payload_reader(self, references: Mapping[str, str]) -> PayloadReader:
        return PayloadReader(self._finder, self._relationships, references)

    def answer(
        self, call: Call, entity: Entity, address: Address, tx: Transaction, references: Mapping[str, str]
    ) -> Reply:
        """Run one write. Raises Refused."""
        reader = self.payload_reader(references)
        writer = self._writer.for_call(call)
        rest = tuple(unquote(segment) for segment in address.rest)
        if rest:
            if rest[0].startswith(_OPERATION):
                operation = rest[0].removeprefix(_OPERATION)
                return self._bulk(call, entity, address, operation, reader, writer, tx)
            if address.key is None:
                raise errors.no_resource(rest[0])
            return self._below_row(call, entity, address, rest, reader, writer, tx)
        if call.method == "POST" and address.key is None:
            body = self._body(call, entity)
            row = DeepInserter(reader, writer).create(tx, entity, body)
            return self._written(call, entity, row, 201)
        if call.method == "PATCH" and address.key is not None:
            return self._patch(call, entity, address, reader, writer, tx)
        if call.method == "DELETE" and address.key is not None:
            return self._delete(call, entity, address, writer, tx)
        raise not_allowed(call.method)

    def _delete(self, call: Call, entity: Entity, address: Address, writer: Writer, tx: Transaction) -> Reply:
        row = self._finder.row(entity, address)
        check_match(call, entity, row)
        writer.delete(tx, entity, row)
        return done()

    def _patch(
        self,
        call: Call,
        entity: Entity,
        address: Address,
        reader: PayloadReader,
        writer: Writer,
        tx: Transaction,
    ) -> Reply:
        """PATCH is an upsert unless If-Match or If-None-Match say otherwise."""
        row, key = self._finder.maybe(entity, address)
        if row is not None and call.headers.get("if-none-match") == "*":
            raise errors.duplicate()
        if row is None and call.headers.get("if-match"):
            self._finder.row(entity, address)
        if row is not None:
            check_match(call, entity, row)
        body = self._body(call, entity)
        if row is None:
            reader.check_targets(entity, key)
            made = DeepInserter(reader, writer).create(tx, entity, body, key)
            return self._written(call, entity, made, 201)
        given = reader.read(entity, body, creating=False)
        check_key(given, key)
        return self._written(call, entity, writer.update(tx, entity, row, given), 200)

    def _below_row(
        self,
        call: Call,
        entity: Entity,
        address: Address,
        rest: tuple[str, ...],
        reader: PayloadReader,
        writer: Writer,
        tx: Transaction,
    ) -> Reply:
        """A value, a reference, or a new row of a collection of this row."""
        row = self._finder.row(entity, address)
        name, more = rest[0], rest[1:]
        if more == ("$ref",):
            check_match(call, entity, row)
            References(self._relationships, reader, writer).change(call, entity, row, name, tx)
            return done()
        described = entity.fields.get(name)
        collection = self._relationships.collections[entity.set_name].get(name)
        if collection is not None and not more and call.method == "POST":
            child = collection.referencing
            lookup = reader.pointing_at(collection.lookup, entity, row)
            made = DeepInserter(reader, writer).create(tx, child, self._body(call, child), fixed=lookup)
            return self._written(call, child, made, 201)
        if described is None or more:
            raise errors.no_resource(more[0] if more and described is not None else name)
        if call.method not in ("PUT", "DELETE"):
            raise not_allowed(call.method)
        check_match(call, entity, row)
        value = _single_value(call, entity) if call.method == "PUT" else None
        call.fields = (name,)
        writer.update(tx, entity, row, reader.read(entity, {name: value}, creating=False))
        return done()

    def _bulk(
        self,
        call: Call,
        entity: Entity,
        address: Address,
        name: str,
        reader: PayloadReader,
        writer: Writer,
        tx: Transaction,
    ) -> Reply:
        """CreateMultiple, UpdateMultiple and UpsertMultiple, bound to the set."""
        if (
            address.key is not None
            or len(address.rest) > 1
            or name not in bulk.NAMES
            or not entity.bulk_actions
        ):
            raise errors.no_resource(_OPERATION + name)
        if call.method != "POST":
            raise not_allowed(call.method)
        return bulk.Bulk(self._finder, reader, writer).run(call, entity, name, tx)

    def _body(self, call: Call, entity: Entity) -> dict[str, Any]:
        body = parse_body(entity.set_name, call.body)
        call.fields = tuple(name for name in body if not name.startswith("@"))
        return body

    def _written(self, call: Call, entity: Entity, row: Row, status: int) -> Reply:
        """The row if the caller prefers it, else its URL. Only new rows have a Location header (dataverse
        sheet, 6)."""
        path = f"{entity.set_name}({row.key})"
        preferences = read_preferences(call.headers.get("prefer", ""))
        if preferences.get("return") == "representation":
            select = self._reader.select_of(call, entity)
            reply = self._reader.row(call, entity, row, select, status, preferences)
            reply.row_path = path
            return reply
        uri = call.base + path
        headers = {"OData-Version": "4.0", "OData-EntityId": uri}
        if status == 201:
            headers["Location"] = uri
        return Reply(204, headers, row_path=path)


def done() -> Reply:
    return Reply(204, {"OData-Version": "4.0"})


def not_allowed(method: str) -> errors.Refused:
    return errors.Refused(
        405, "0x80060888", f"The requested resource does not support http method '{method}'."
    )


def check_match(call: Call, entity: Entity, row: Row) -> None:
    """Refuse a write if the row's version is not in If-Match; `*` matches every version."""
    expected = call.headers.get("if-match", "").strip()
    if not expected or expected == "*":
        return
    if not entity.optimistic_concurrency:
        raise errors.Refused(
            400, "0x8006088d", f"Optimistic concurrency isn't enabled for entity type {entity.type_name}."
        )
    etags = {one.strip() for one in expected.split(",")}
    if not any(one.removeprefix("W/").strip('"') for one in etags):
        raise errors.Refused(
            400, "0x80060883", "The RowVersion property must be provided."
        )  # the sentence is assumed
    if etag(row.version) not in etags:
        raise errors.stale()


def _single_value(call: Call, entity: Entity) -> Any:
    try:
        return loads(call.body)["value"]
    except (ValueError, KeyError, TypeError):
        raise errors.bad_payload(entity.set_name, 'The body must be {"value": ...}.') from None
