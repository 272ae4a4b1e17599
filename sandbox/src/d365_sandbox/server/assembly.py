"""Builds both systems: entities, stores, first records, ASGI applications."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse.entities import sales_entities
from d365_sandbox.dataverse.foundation import lay_foundation as lay_sales
from d365_sandbox.dataverse.limits import ProtectedFront
from d365_sandbox.faults.board import FaultBoard
from d365_sandbox.faults.layer import FaultLayer
from d365_sandbox.faults.services import FaultyFinops, FaultySales
from d365_sandbox.finops.entities import finops_entities
from d365_sandbox.finops.foundation import lay_foundation as lay_finops
from d365_sandbox.finops.front_door import FrontDoor
from d365_sandbox.finops.views import stored_entities
from d365_sandbox.identity.assertions import Assertions
from d365_sandbox.identity.routes import IdentityRoutes
from d365_sandbox.identity.tokens import TokenDesk
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.server import samples
from d365_sandbox.server.admin import Admin
from d365_sandbox.server.front import Front, application
from d365_sandbox.server.loading import Loader
from d365_sandbox.server.settings import Settings, SettingsError
from d365_sandbox.store.store import Store
from d365_sandbox.web.request_log import RequestLog


@dataclass(frozen=True, slots=True)
class Systems:
    """The applications of Sales and of F&O, in this order, and their stores."""

    applications: tuple[ASGIApp, ...]
    stores: Mapping[str, Store]

    def close(self) -> None:
        for store in self.stores.values():
            store.close()


def assemble(settings: Settings, desk: TokenDesk) -> Systems:
    """Both systems over the state in the home folder, or over new records when there is none.

    Raises SettingsError when a declared key or the sample records cannot be used.
    """
    clock = Clock()
    try:
        sales = sales_entities(settings.alternate_keys, settings.sales)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    finops = finops_entities()
    stores = {
        "sales": Store(sales.values(), settings.home / "sales"),
        "finops": Store(stored_entities(finops).values(), settings.home / "finops"),
    }
    lay_sales(stores["sales"], clock, [c.client_id for c in settings.clients() if c.has_user])
    lay_finops(stores["finops"])
    loader = Loader(stores, clock)
    if not all(store.is_stocked for store in stores.values()):
        try:
            loader.load(samples.records(settings))
        except ValueError as error:
            raise SettingsError(str(error)) from None
    gc.collect()
    gc.freeze()
    services = (
        FaultySales(sales, stores["sales"], clock, settings.sales),
        FaultyFinops(
            finops, stores["finops"], settings.default_company, clock, settings.finops, settings.client_id
        ),
    )
    assertions = Assertions()
    applications: list[ASGIApp] = []
    for service in services:
        log, board = RequestLog(), FaultBoard()
        service.faults = FaultLayer(service.name, board, desk, log, clock, _type_of(service.entities))
        front = Front(service, desk, log, clock, service.faults, settings.access.transport)
        admin = Admin(settings, service.name, stores[service.name], log, clock, loader, desk, board)
        admin.more = getattr(service, "administer", None)
        secret = settings.access.identity_header or settings.client_secret
        identity = IdentityRoutes(desk, assertions, service.name, secret)
        served: ASGIApp = application(front, admin.handle, identity.routes(front.endpoint))
        if isinstance(service, FaultySales):
            served = ProtectedFront(served, settings.sales.limits, clock, log, desk.client_of)
        else:
            served = FrontDoor(served, service, log, desk.client_of)
        applications.append(served)
    return Systems(tuple(applications), stores)


def _type_of(entities: Mapping[str, Entity]) -> Callable[[str], str]:
    """The name of the entity type of a set, or the set's own name where there is none."""
    return lambda set_name: entities[set_name].type_name if set_name in entities else set_name
