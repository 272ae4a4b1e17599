"""The flow over hand-made relations that the plan is tested with, and a workshop of three kinds of targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from d365_sandbox import Sandbox
from prospect_to_cash.database import migrate
from prospect_to_cash.database.connections import connect
from tests import stand_ins
from tests.databases import new_database
from tests.load.workshop import BLIND, DEATH, EMPTY, TABLES, Workshop
from tests.plan.conftest import Flow, flow, staging

finops, running = stand_ins.finops, stand_ins.running

__all__ = ["finops", "flow", "running", "staging"]


@pytest.fixture(scope="module")
def workshops(postgres, running: Sandbox, finops) -> Iterator[Callable[[], Workshop]]:
    """Makes workshops, one after the other: each begins with an empty database and keys of its own."""
    finops.create(
        "CustomersV3",
        {"dataAreaId": "usmf", "CustomerAccount": "BASE", "OrganizationName": "Base", "PartyType": "Organization",
         "CustomerGroupId": "10", "SalesCurrencyCode": "USD"},
    )  # fmt: skip
    product = {"dataAreaId": "usmf", "SalesUnitSymbol": "ea", "CurrencyCode": "USD", "SalesPrice": 12.34}
    finops.create("SellableReleasedProducts", {**product, "ProductNumber": "P1", "ProductName": "Pump"})
    (customer,) = finops.rows("CustomersV3?cross-company=true")
    with new_database(postgres) as url, connect(url, None, "test") as connection:
        migrate.migrate(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute(TABLES)
            cursor.execute("reset role")
            cursor.execute(DEATH)
            cursor.execute(BLIND)
        flow = Flow(connection)

        def make() -> Workshop:
            flow.sql(EMPTY)
            shop = Workshop(url, running, flow, customer["PartyNumber"], "BASE")
            shop.peace()
            return shop

        yield make


@pytest.fixture
def shop(workshops: Callable[[], Workshop]) -> Workshop:
    return workshops()
