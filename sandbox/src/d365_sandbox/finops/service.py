"""The data service: dispatches requests by method and path."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.finops import custom_services, errors, metadata
from d365_sandbox.finops.actions import Actions
from d365_sandbox.finops.admin import administer
from d365_sandbox.finops.batch import run_batch
from d365_sandbox.finops.csdl import csdl
from d365_sandbox.finops.own_actions import OWN_ACTIONS, package_actions
from d365_sandbox.finops.package_service import PREFIXES as PACKAGE_PREFIXES
from d365_sandbox.finops.package_service import PackageService
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.reads import PREFIX, Reader, json_reply, read_options
from d365_sandbox.finops.rows import address_of
from d365_sandbox.finops.writer import Writer
from d365_sandbox.odata.addresses import Address, AddressError
from d365_sandbox.schemas.entity import Entity, Fields
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.web.messages import Call, Reply

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
        self.writer = Writer(entities, store, clock, self._reader, self.actions, default_company, parameters)
        self.parameters = parameters
        self.packages = PackageService(
            entities, store, clock, default_company, parameters.packages, self._imported, client_id
        )

    @property
    def parameters(self) -> Parameters:
        """The switches as they stand; they can be changed at any time."""
        return self._parameters

    @parameters.setter
    def parameters(self, parameters: Parameters) -> None:
        self._parameters = self.writer.parameters = parameters
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
        """Handle a call. Each response has an activity id and the time it took (finops-odata sheet, section
        2)."""
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

    def _imported(self, entity: Entity, given: Fields) -> None:
        """Store a row of an import. Raises Refused, in the user's language."""
        try:
            self.writer.upsert(entity, given)
        except errors.Refused as refusal:
            refusal.language = self._parameters.language
            raise

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
            return self.writer.write(call, entity, address, tx)
        with self.store.transaction() as own:
            return self.writer.write(call, entity, address, own)

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
        gate = self.writer.gate(options.values.get("cross-company"))
        if address.key is not None:
            if address.rest and self.actions.find(entity, address.rest[0]):
                raise errors.wrong_method(call.method)
            return self._reader.one(call, entity, address, options, gate)
        if address.rest == ("$count",):
            return self._reader.count(entity, options, gate)
        if address.rest:
            return errors.no_set(call.root, call.path)
        return self._reader.many(call, entity, options, gate)
