"""Where data management is reached: its actions, the blob store, the connector and the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.finops.connector import service as connector
from d365_sandbox.finops.connector.activities import ready
from d365_sandbox.finops.connector.administration import ActivityAdministration
from d365_sandbox.finops.connector.queue import Queue
from d365_sandbox.finops.data_management import blobs
from d365_sandbox.finops.data_management.administration import Administration
from d365_sandbox.finops.data_management.importing import Upsert
from d365_sandbox.finops.data_management.management import DataManagement
from d365_sandbox.finops.package_actions import PATH, Actions
from d365_sandbox.finops.switches import Switches
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Store
from d365_sandbox.web.messages import Call, Reply

PREFIXES = (blobs.PREFIX, *connector.PREFIXES)


class PackageService:
    """Data management of one environment."""

    ACTIONS = PATH
    UNGUARDED = (blobs.PREFIX,)
    """Prefixes under which no bearer token is asked for: the link itself is signed."""

    def __init__(
        self,
        entities: Mapping[str, Entity],
        store: Store,
        clock: Clock,
        default_company: str,
        switches: Switches,
        upsert: Upsert,
        client_id: str,
    ) -> None:
        self.management = DataManagement(entities, store, clock, default_company, switches, upsert)
        self.management.projects.lay_foundation()
        self._queue = Queue(self.management, clock, ready(client_id))
        self._connector = connector.Connector(self.management, self._queue)
        self._actions = Actions(self.management, self._queue)
        self._activities = ActivityAdministration(self._queue, self.management.jobs, client_id)
        self._administration = Administration(self.management)

    def kick(self) -> None:
        """Go on with messages and jobs that wait."""
        self._queue.advance()
        self.management.jobs.kick()

    def act(self, call: Call) -> Reply:
        """Answer an OData action. Raises Refused."""
        return self._actions.handle(call)

    def handle(self, prefix: str, call: Call) -> Reply:
        """Answer a request under one of PREFIXES."""
        if prefix in connector.PREFIXES:
            return self._connector.handle(call)
        return self.management.blobs.handle(call, self.management.switches)

    def administer(self, method: str, what: str, body: Any) -> Any:
        """Answer the admin API under `packages/`; None for what it does not know."""
        answer = self._administration.answer(method, what, body)
        return self._activities.answer(method, what, body) if answer is None else answer
