"""The Web API: dispatches requests by method and path."""

from __future__ import annotations

from collections.abc import Mapping

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse import actions, errors, metadata, privileges
from d365_sandbox.dataverse.batch import run_batch
from d365_sandbox.dataverse.changes import Changes
from d365_sandbox.dataverse.definition_reads import SETS, DefinitionReader
from d365_sandbox.dataverse.definitions import Definitions
from d365_sandbox.dataverse.functions import Functions
from d365_sandbox.dataverse.options import SalesOptions
from d365_sandbox.dataverse.paths import PathReader
from d365_sandbox.dataverse.reads import Reader
from d365_sandbox.dataverse.related import Related
from d365_sandbox.dataverse.rows import RowFinder
from d365_sandbox.dataverse.tracking import Tracker
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.json_text import dumps
from d365_sandbox.odata.addresses import Address, AddressError, parse_address
from d365_sandbox.odata.preferences import read_preferences
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.web.messages import Call, Reply

PREFIXES = ("/api/data/v9.2/", "/api/data/v9.1/", "/api/data/v9.0/")
LONGEST_URL = 32 * 1024  # the status is assumed


class SalesService:
    """One organisation's Web API, v9.2 and the earlier versions that exist beside it; links answer in the version
    that was asked."""

    name = "sales"
    prefixes: tuple[str, ...] = PREFIXES

    def __init__(
        self, entities: Mapping[str, Entity], store: Store, clock: Clock, options: SalesOptions
    ) -> None:
        self.entities = entities
        self.store = store
        self._finder = RowFinder(entities, store)
        self._related = Related(entities, store, clock)
        self._reader = Reader(self._finder, self._related)
        self._paths = PathReader(self._reader, self._related, entities)
        self._functions = Functions(entities, store)
        self._definitions = DefinitionReader(Definitions(entities, self._related.relationships))
        self._tracker = Tracker(
            self._finder, clock, options.change_tracking_days, options.links_from_last_page
        )
        writer = Writer(entities, store, clock)
        self._changes = Changes(self._finder, self._related.relationships, self._reader, writer)
        self._actions = actions.Actions(self._finder, writer, clock)

    def flush(self) -> None:
        self.store.flush()

    def handle(self, prefix: str, call: Call) -> Reply:
        call.prefix = prefix
        try:
            if call.path == "$batch":
                return run_batch(self, call)
            if len(prefix) + len(call.path) + len(call.query) > LONGEST_URL:
                return Reply(414, {"Content-Type": "text/html"}, b"<html><body>URI too long</body></html>")
            return self.operate(call, None, {})
        except errors.Refused as refusal:
            return errors.answer(refusal, call.headers.get("prefer", ""))

    def operate(self, call: Call, tx: Transaction | None, references: Mapping[str, str]) -> Reply:
        """Answer one operation; a write joins `tx` or makes a transaction of its own. Raises Refused."""
        path = self._resolved(call.path, references)
        if path in ("", "$metadata"):
            return self._about(call, path)
        if path.partition("/")[0].partition("(")[0] in SETS:
            return self._describe(call, path)
        if self._functions.is_one(path):
            return self._functions.run(call, path)
        try:
            address = parse_address(path)
        except AddressError as error:
            raise errors.bad_query(str(error)) from None
        if call.method == "GET":
            entity = self._entity(address)
            privileges.check(self.store, call, entity, address)
            return self._read(call, entity, address)
        if tx is not None:
            return self._change(call, address, tx, references)
        with self.store.transaction() as own:
            return self._change(call, address, own, references)

    def _entity(self, address: Address) -> Entity:
        entity = self.entities.get(address.set_name)
        if entity is None:
            raise errors.no_resource(address.set_name)
        return entity

    def _change(self, call: Call, address: Address, tx: Transaction, references: Mapping[str, str]) -> Reply:
        """A write of rows, or an action. What an action answers with is read like a row."""
        if address.set_name not in actions.NAMES or address.key is not None or address.rest:
            entity = self._entity(address)
            privileges.check(self.store, call, entity, address)
            return self._changes.answer(call, entity, address, tx, references)
        privileges.check_action(self.store, call, address.set_name)
        if call.method != "POST":
            raise errors.Refused(405, "0x80060888", f"The action {address.set_name} is called with POST.")
        reader = self._changes.payload_reader(references)
        made = self._actions.run(address.set_name, call, reader, tx)
        if made is None:
            return Reply(204, {"OData-Version": "4.0"})
        preferences = read_preferences(call.headers.get("prefer", ""))
        return self._reader.row(call, made.entity, made.row, made.select, 200, preferences)

    def _resolved(self, path: str, references: Mapping[str, str]) -> str:
        if not path.startswith("$") or path == "$metadata":
            return path
        head, _, tail = path[1:].partition("/")
        if head not in references:
            raise errors.no_resource(f"${head}")
        return references[head] + (f"/{tail}" if tail else "")

    def _about(self, call: Call, path: str) -> Reply:
        if call.method != "GET":
            raise errors.Refused(405, "0x80060888", f"The method {call.method} is not allowed here.")
        if path == "$metadata":
            annotated = "annotations=true" in call.query.split("&")
            text = metadata.csdl(self.entities, self._related.relationships, annotated)
            return Reply(200, {"Content-Type": "application/xml", "OData-Version": "4.0"}, text)
        answer = metadata.service_document(f"{call.base}$metadata", self.entities)
        return Reply(200, {"Content-Type": errors.JSON, "OData-Version": "4.0"}, dumps(answer))

    def _describe(self, call: Call, path: str) -> Reply:
        if call.method != "GET":
            raise errors.not_simulated("A change of metadata")
        return self._definitions.read(call, path)

    def _read(self, call: Call, entity: Entity, address: Address) -> Reply:
        if address.key is not None and address.rest:
            return self._paths.read(call, entity, self._finder.row(entity, address), address.rest)
        if address.key is not None:
            return self._reader.one(call, entity, address)
        if address.rest in ((), ("$count",)) and self._tracker.is_asked(call, bool(address.rest)):
            return self._tracker.count(call, entity) if address.rest else self._tracker.many(call, entity)
        if address.rest == ("$count",):
            return self._reader.count(call, entity)
        if address.rest:
            raise errors.no_resource(address.rest[0])
        return self._reader.many(call, entity)
