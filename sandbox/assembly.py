"""Putting the two systems together: descriptions, stores, first records, applications."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp

from sandbox import samples
from sandbox.admin import Admin
from sandbox.clock import Clock
from sandbox.finops.entities import finops_entities
from sandbox.finops.foundation import lay_foundation as lay_finops
from sandbox.finops.front_door import FrontDoor
from sandbox.finops.service import FinopsService
from sandbox.finops.views import stored_entities
from sandbox.loading import Loader
from sandbox.request_log import RequestLog
from sandbox.sales.entities import sales_entities
from sandbox.sales.foundation import lay_foundation as lay_sales
from sandbox.sales.limits import ProtectedFront
from sandbox.sales.service import SalesService
from sandbox.settings import Settings, SettingsError
from sandbox.store.store import Store
from sandbox.tokens import TokenDesk
from sandbox.web import Service, application


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
    lay_sales(stores["sales"], clock, settings.client_id)
    lay_finops(stores["finops"])
    loader = Loader(stores, clock)
    if not all(store.is_stocked for store in stores.values()):
        try:
            loader.load(samples.records(settings))
        except ValueError as error:
            raise SettingsError(str(error)) from None
    gc.collect()
    gc.freeze()
    finops_service = FinopsService(
        finops, stores["finops"], settings.default_company, clock, settings.finops, settings.client_id
    )
    services: tuple[Service, ...] = (
        SalesService(sales, stores["sales"], clock, settings.sales),
        finops_service,
    )
    applications: list[ASGIApp] = []
    for service in services:
        log = RequestLog()
        admin = Admin(settings, service.name, stores[service.name], log, clock, loader)
        admin.more = getattr(service, "administer", None)
        served: ASGIApp = application(service, desk, log, clock, admin.handle)
        if service is finops_service:
            served = FrontDoor(served, finops_service, log)
        else:
            served = ProtectedFront(served, settings.sales.limits, clock, log, lambda _: settings.client_id)
        applications.append(served)
    return Systems(tuple(applications), stores)
