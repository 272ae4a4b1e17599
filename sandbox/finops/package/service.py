"""Where data management is reached: its actions, the blob store, the connector and the admin API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.clock import Clock
from sandbox.description import Entity
from sandbox.finops.package import blobs
from sandbox.finops.package.actions import PATH, Actions
from sandbox.finops.package.administration import Administration
from sandbox.finops.package.importing import Upsert
from sandbox.finops.package.management import DataManagement
from sandbox.finops.package.switches import Switches
from sandbox.store.store import Store
from sandbox.web import Call, Reply

PREFIXES = (blobs.PREFIX,)


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
    ) -> None:
        self.management = DataManagement(entities, store, clock, default_company, switches, upsert)
        self.management.projects.lay_foundation()
        self._actions = Actions(self.management)
        self._administration = Administration(self.management)

    def kick(self) -> None:
        """Go on with jobs that wait."""
        self.management.jobs.kick()

    def act(self, call: Call) -> Reply:
        """Answer an OData action. Raises Refused."""
        return self._actions.handle(call)

    def handle(self, prefix: str, call: Call) -> Reply:
        """Answer a request under one of PREFIXES."""
        return self.management.blobs.handle(call, self.management.switches)

    def administer(self, method: str, what: str, body: Any) -> Any:
        """Answer the admin API under `packages/`; None for what it does not know."""
        return self._administration.answer(method, what, body)
