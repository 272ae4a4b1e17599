"""Fixtures for tests that need a sandbox for their module, with F&O set up for two companies."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from d365_sandbox import Sandbox, System


@pytest.fixture(scope="module")
def running(d365_sandbox_factory: Callable[..., Sandbox]) -> Iterator[Sandbox]:
    """An empty sandbox."""
    sandbox = d365_sandbox_factory()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="module")
def finops(running: Sandbox) -> System:
    """F&O with the records that customers and products of two companies refer to."""
    client = running.finops
    client.create("Currencies", {"CurrencyCode": "USD", "Name": "US Dollar"})
    client.create("UnitsOfMeasure", {"UnitSymbol": "ea"})
    for company in ("usmf", "demf"):
        client.create("LegalEntities", {"LegalEntityId": company})
        client.create("CustomerGroups", {"dataAreaId": company, "CustomerGroupId": "10"})
        client.create("OperationalSites", {"dataAreaId": company, "SiteId": "1"})
        client.create("Warehouses", {"dataAreaId": company, "WarehouseId": "13", "OperationalSiteId": "1"})
    return client
