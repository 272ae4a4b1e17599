"""Products from F&O to Sales, end to end; each test continues where the one before it ended."""

import pytest


def products(world) -> dict[str, dict]:
    rows = world.sales.rows("products")
    return {row["productnumber"]: row for row in rows}


def released(world, number: str, **more: object) -> None:
    """Release a product in F&O, in all three entities that contain it."""
    item = f"I-{number}"[:20]
    base = {"dataAreaId": "usmf", "ProductNumber": number}
    values = {"ProductName": f"Product {number}", "ProductType": "Item", "CurrencyCode": "USD", "SalesPrice": 10.5,
            "UnitCost": 7, "SalesUnitSymbol": "ea", "InventoryUnitSymbol": "ea", "IsSalesStopped": "No", **more}  # fmt: skip
    world.finops.send("POST", "SellableReleasedProducts", {**base, **values})
    shared = {
        name: values[name] for name in ("ProductName", "ProductType", "CurrencyCode", "SalesUnitSymbol")
    }
    world.finops.send("POST", "CDSReleasedDistinctProducts", {**base, "ItemNumber": item, **shared})
    world.finops.send(
        "POST", "ReleasedProductsV2", {"dataAreaId": "usmf", "ItemNumber": item, "SalesPriceQuantity": 1}
    )


@pytest.fixture(scope="module")
def first(world) -> dict:
    return world.run("products")


def test_every_sellable_product_is_in_the_report(world, first):
    assert first["read"] == len(world.finops.rows("SellableReleasedProducts", filter="dataAreaId eq 'usmf'"))
    assert first["created"] + first["updated"] > 15, "Sales already has the products of its quotes"
    assert first["rejected"] == {}


def test_a_product_is_active_and_on_the_first_price_list_of_its_currency(world, first):
    released(world, "P-100")
    world.run("products")

    product = products(world)["P-100"]
    lists = {row["pricelevelid"]: row for row in world.sales.rows("pricelevels")}
    usd = sorted(
        (row["name"].lower(), row["pricelevelid"]) for row in lists.values()
        if row["statecode"] == 0 and row["_transactioncurrencyid_value"] == product["_transactioncurrencyid_value"]
    )  # fmt: skip
    assert product["statecode"] == 0
    assert product["_pricelevelid_value"] == usd[0][1]
    (item,) = world.sales.rows("productpricelevels", filter=f"_productid_value eq {product['productid']}")
    assert item["amount"] == 10.5
    assert item["_pricelevelid_value"] == usd[0][1]


def test_a_second_run_writes_nothing_to_either_system(world, first):
    world.run("products")

    world.run_writes_nothing("products")


def test_a_new_price_changes_only_the_product_and_its_price_item(world, first):
    key = "SellableReleasedProducts(dataAreaId='usmf',ProductNumber='P-100')"
    world.finops.send("PATCH", key, {"SalesPrice": 11.25})
    world.sales.forget()

    report = world.run("products")

    assert report["updated"] == 1
    assert sorted(tuple(write["fields"]) for write in world.sales.writes()) == [("amount",), ("price",)]


def test_a_product_is_held_until_its_currency_has_a_price_list(world, first):
    if not world.finops.rows("Currencies", filter="CurrencyCode eq 'SEK'"):
        world.finops.send("POST", "Currencies", {"CurrencyCode": "SEK", "Name": "Swedish krona"})
    rows = world.sales.rows("transactioncurrencies", filter="isocurrencycode eq 'SEK'")
    if not rows:
        world.sales.send("POST", "transactioncurrencies", {
            "isocurrencycode": "SEK", "currencyname": "Swedish Krona", "currencysymbol": "kr",
            "currencyprecision": 2, "exchangerate": 10,
        })  # fmt: skip
        rows = world.sales.rows("transactioncurrencies", filter="isocurrencycode eq 'SEK'")
    released(world, "P-SEK", CurrencyCode="SEK")
    held = world.run("products")
    assert held["held"]["price_list_missing"] >= 1
    assert "P-SEK" not in products(world)

    world.sales.send("POST", "pricelevels", {
        "name": "Standard SEK",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({rows[0]['transactioncurrencyid']})",
    })  # fmt: skip
    report = world.run("products")

    assert report["created"] >= 1
    assert products(world)["P-SEK"]["statecode"] == 0


NUMBERS = ("A/B", "A:B", "A+B", "A%B", "A&B", "A'B", "A B")


@pytest.fixture(scope="module")
def spelled(world, first) -> dict:
    """The report of one run that brings products whose numbers have characters of every kind."""
    for number in NUMBERS:
        released(world, number)
    return world.run("products")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_product_number_may_have_any_character(world, spelled, number):
    assert spelled["created"] == len(NUMBERS)
    assert products(world)[number]["name"] == f"Product {number}"


def test_an_existing_product_of_sales_is_adopted_with_its_own_id(world, first):
    unit = world.sales.rows("products", filter="productnumber eq 'P-100'")[0]
    guid = "aaaaaaaa-0000-4000-8000-00000000000a"
    world.sales.send("POST", "products", {
        "productid": guid, "productnumber": "P-OLD", "name": "Old name", "quantitydecimal": 0, "productstructure": 1,
        "defaultuomid@odata.bind": f"/uoms({unit['_defaultuomid_value']})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({unit['_defaultuomscheduleid_value']})",
    })  # fmt: skip
    released(world, "P-OLD")

    report = world.run("products")

    assert report["created"] == 0
    assert products(world)["P-OLD"]["productid"] == guid
    assert products(world)["P-OLD"]["name"] == "Product P-OLD"


def test_a_product_whose_sales_are_stopped_is_retired(world, first):
    key = "SellableReleasedProducts(dataAreaId='usmf',ProductNumber='P-100')"
    world.finops.send("PATCH", key, {"IsSalesStopped": "Yes"})

    report = world.run("products")

    assert report["deactivated"] == 1
    assert products(world)["P-100"]["statecode"] == 1


@pytest.mark.slow
def test_a_deleted_product_is_retired_after_three_complete_reads(world, first):
    released(world, "P-GONE")
    world.run("products")
    world.finops.send("DELETE", "SellableReleasedProducts(dataAreaId='usmf',ProductNumber='P-GONE')")

    states = []
    for _ in range(3):
        world.run("products")
        states.append(products(world)["P-GONE"]["statecode"])

    assert states == [0, 0, 1]
