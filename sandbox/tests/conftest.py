"""Sandboxes for the tests of this folder: one process per module, on free ports."""

from types import SimpleNamespace

import pytest

from support.running import Sandbox

pytest_plugins = ["pytester"]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    sandbox.kill()


@pytest.fixture(scope="module")
def sales(running):
    return running.sales


@pytest.fixture(scope="module")
def finops(running):
    """F&O with two companies, so much set up that customers and products can be stored."""
    client = running.finops
    client.create("Currencies", {"CurrencyCode": "USD", "Name": "US Dollar"})
    client.create("UnitsOfMeasure", {"UnitSymbol": "ea"})
    for company in ("usmf", "demf"):
        client.create("LegalEntities", {"LegalEntityId": company})
        client.create("CustomerGroups", {"dataAreaId": company, "CustomerGroupId": "10"})
        client.create("OperationalSites", {"dataAreaId": company, "SiteId": "1"})
        client.create("Warehouses", {"dataAreaId": company, "WarehouseId": "13", "OperationalSiteId": "1"})
    return client


@pytest.fixture(scope="module")
def catalog(sales):
    """A currency, a unit group with its base unit, and a price list."""
    currency = sales.create(
        "transactioncurrencies",
        {"isocurrencycode": "USD", "currencyname": "US Dollar", "currencysymbol": "$", "exchangerate": 1,
         "currencyprecision": 2},
    )  # fmt: skip
    group = sales.create("uomschedules", {"name": "Default Unit", "baseuomname": "Each"})
    unit = sales.rows(f"uoms?$filter=_uomscheduleid_value eq {group['uomscheduleid']}")[0]
    price_list = sales.create(
        "pricelevels",
        {"name": "USD list",
         "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency['transactioncurrencyid']})"},
    )  # fmt: skip
    return SimpleNamespace(
        currency=currency["transactioncurrencyid"], group=group["uomscheduleid"], unit=unit["uomid"],
        price_list=price_list["pricelevelid"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def new_product(sales, catalog):
    """Makes products: new_product(number, **more columns)."""

    def make(number, **more):
        body = {
            "productnumber": number,
            "name": f"Product {number}",
            "defaultuomid@odata.bind": f"/uoms({catalog.unit})",
            "defaultuomscheduleid@odata.bind": f"/uomschedules({catalog.group})",
        }
        return sales.create("products", {**body, **more})

    return make
