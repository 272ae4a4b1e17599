"""The price list item of a product: on which list and in which unit it is, and when that changes."""

import json

import pytest

from tests.dbt.warehouse import BOX, EACH, ENVIRONMENTS, RETAIL, USD, WHOLESALE, guid

EARLIER = {
    "pricelevelid": RETAIL[:-1] + "8",
    "name": "2027 Prices",
    "statecode": 0,
    "_transactioncurrencyid_value": USD,
}


@pytest.fixture
def delivered(fresh_warehouse):
    """A product that was delivered with a price on list retail USD, in unit Each; returns its key."""
    key = fresh_warehouse.product("P-1")
    fresh_warehouse.build("products")
    deliver(fresh_warehouse, key)
    return key


def deliver(warehouse, key: str, price_list: str = RETAIL, unit: str = EACH) -> None:
    """Store what a delivery leaves behind: the identities of product and price, and the product as Sales has it."""
    item = items(warehouse)[-1]
    identities = (
        ("products", key, {"productnumber": "P-1"}),
        ("productpricelevels", item["source_key"], item["target_key"]),
    )
    for entity, source_key, target_key in identities:
        warehouse.run(
            """
            insert into sync.identity (env_id, entity, source_key, company, target_key, pinned_run) values (%s, %s, %s, '', %s, 1)
            on conflict do nothing
            """,
            ENVIRONMENTS["sales"], entity, source_key, json.dumps(target_key),
        )  # fmt: skip
    warehouse.sales_product(1, "P-1", statecode=0, _pricelevelid_value=price_list, _defaultuomid_value=unit)


def items(warehouse) -> list[dict]:
    """Envelopes of price list items, those to remove first."""
    return warehouse.rows(
        "select * from outbound.outbound_sales__product_prices order by operation, source_key"
    )


def places(warehouse) -> list[tuple[str, str, str]]:
    """(operation, price list, unit) of each price list item."""
    return [
        (item["operation"], item["target_key"]["_pricelevelid_value"], item["target_key"]["_uomid_value"])
        for item in items(warehouse)
    ]


def price_list(warehouse, key: str) -> tuple[str, list[str]]:
    """The default price list of a product, and what has to be in Sales before."""
    envelope = warehouse.envelope("sales__product_price_lists", key)
    return envelope["body"]["pricelevelid@odata.bind"], envelope["requires"]


@pytest.mark.rule("products", "price_list_kept")
def test_a_list_that_sorts_first_is_reported_and_not_followed(fresh_warehouse, delivered):
    fresh_warehouse.land("sales", "pricelevels", EARLIER)
    new = fresh_warehouse.product("P-2")

    fresh_warehouse.build("products")

    assert price_list(fresh_warehouse, delivered) == (
        f"/pricelevels({RETAIL})",
        [f"product_prices:{delivered}"],
    )
    assert fresh_warehouse.violations("products", delivered) == {"price_list_kept": "warn"}
    assert price_list(fresh_warehouse, new)[0] == f"/pricelevels({EARLIER['pricelevelid']})"


def test_a_pin_moves_the_product_by_an_item_of_its_own_and_stays_when_it_is_removed(
    fresh_warehouse, delivered
):
    fresh_warehouse.build("products", price_list_pin=" Wholesale USD")

    item = f"{delivered}#{WHOLESALE}/{EACH}"
    assert [row["source_key"] for row in items(fresh_warehouse)] == [item]
    assert items(fresh_warehouse)[0]["document"] == delivered
    assert price_list(fresh_warehouse, delivered) == (
        f"/pricelevels({WHOLESALE})",
        [f"product_prices:{item}"],
    )

    deliver(fresh_warehouse, delivered, WHOLESALE)
    fresh_warehouse.build("products")
    assert price_list(fresh_warehouse, delivered)[0] == f"/pricelevels({WHOLESALE})"

    fresh_warehouse.build("products", price_list_pin="retail usd")
    assert [row["source_key"] for row in items(fresh_warehouse)] == [delivered]


def test_the_old_item_is_deleted_by_a_var_once_sales_shows_the_new_list(fresh_warehouse, delivered):
    variables = {"price_list_pin": "wholesale usd", "price_item_old": "delete"}
    fresh_warehouse.build("products", **variables)
    assert places(fresh_warehouse) == [("upsert", WHOLESALE, EACH)]

    deliver(fresh_warehouse, delivered, WHOLESALE)
    fresh_warehouse.build("products", **variables)
    assert places(fresh_warehouse) == [("remove", RETAIL, EACH), ("upsert", WHOLESALE, EACH)]


def test_another_sales_unit_is_another_item_and_holds_nothing(fresh_warehouse, delivered):
    fresh_warehouse.land("finops", "UnitsOfMeasure", {"UnitSymbol": "bx", "UnitDescription": "Box"})
    fresh_warehouse.product("P-1", SalesUnitSymbol="bx", SalesPrice=99)

    fresh_warehouse.build("products")

    assert fresh_warehouse.violations("products", delivered) == {}
    assert places(fresh_warehouse) == [("upsert", RETAIL, BOX)]
    assert items(fresh_warehouse)[0]["body"]["amount"] == 99
    product = fresh_warehouse.envelope("sales__products", delivered)["body"]
    assert product["defaultuomid@odata.bind"] == f"/uoms({BOX})"


@pytest.mark.rule("products", "price_list_inactive")
def test_a_product_whose_list_is_inactive_is_held_until_a_pin_moves_it(fresh_warehouse, delivered):
    row = {"pricelevelid": RETAIL, "name": "retail USD", "statecode": 1, "_transactioncurrencyid_value": USD}
    fresh_warehouse.land("sales", "pricelevels", row)
    fresh_warehouse.build("products")
    assert fresh_warehouse.violations("products", delivered) == {"price_list_inactive": "block"}

    fresh_warehouse.build("products", price_list_pin="wholesale usd")
    assert fresh_warehouse.violations("products", delivered) == {}


def test_a_product_whose_list_was_deleted_gets_the_first_one(fresh_warehouse, delivered):
    fresh_warehouse.vanish("sales", "pricelevels", RETAIL)

    fresh_warehouse.build("products")

    assert places(fresh_warehouse) == [("upsert", WHOLESALE, EACH)]


@pytest.mark.rule("products", "price_becomes_zero")
@pytest.mark.parametrize(("price", "quantity"), [("0.00004", 1), ("0.004", 100)])
def test_a_price_that_sales_could_only_keep_as_zero_is_held(fresh_warehouse, price, quantity):
    key = fresh_warehouse.product("P-1", SalesPrice=price, price_quantity=quantity)

    fresh_warehouse.build("products")

    assert fresh_warehouse.violations("products", key)["price_becomes_zero"] == "block"
    assert items(fresh_warehouse) == []


@pytest.mark.rule("products", "value_altered")
def test_what_is_rounded_and_trimmed_of_a_product_is_told(fresh_warehouse):
    key = fresh_warehouse.product(
        " P-1\u00a0", SalesPrice="12.3456789012", UnitCost=7.12345, ProductName="Wheel "
    )
    exact = fresh_warehouse.product("P-2", SalesPrice="12.50000", UnitCost=7)

    fresh_warehouse.build("products")

    told = fresh_warehouse.rows(
        "select field, value from validation.violations_products where source_key = %s and broken_rule = 'value_altered'",
        key,
    )
    assert {row["field"]: row["value"] for row in told} == {
        "ProductNumber": "2 blank characters around it are cut off",
        "ProductName": "1 blank character around it is cut off",
        "SalesPrice": "12.3456789012 becomes 12.3457",
        "UnitCost": "7.12345 becomes 7.1235",
    }
    assert fresh_warehouse.violations("products", exact) == {}
    assert fresh_warehouse.envelope("sales__products", key)["body"]["name"] == "Wheel"


@pytest.mark.rule("accounts", "value_altered")
@pytest.mark.rule("contacts", "value_altered")
@pytest.mark.rule("quotes", "value_altered")
def test_what_is_rounded_and_trimmed_of_the_other_records_is_told(fresh_warehouse):
    warehouse = fresh_warehouse
    account = warehouse.account(1, creditlimit=1234.56789, accountnumber="\u3000A-1")
    contact = warehouse.contact(1, account, lastname="Ode\u200b")
    warehouse.product("P-1")
    warehouse.sales_product(1, "P-1")
    quote = warehouse.quote(1, name=" Bikes")

    for flow in ("accounts", "contacts", "quotes"):
        warehouse.build(flow)

    def told(flow: str, key: str) -> dict[str, str]:
        rows = warehouse.rows(
            f"select field, value from validation.violations_{flow} where source_key = %s and effect = 'warn'",
            key,
        )
        return {row["field"]: row["value"] for row in rows}

    assert told("accounts", account) == {
        "creditlimit": "1234.56789 becomes 1234.57",
        "accountnumber": "1 blank character around it is cut off",
    }
    assert told("contacts", contact) == {"lastname": "1 blank character around it is cut off"}
    assert told("quotes", quote) == {"name": "1 blank character around it is cut off"}
    assert guid("account", 1) == account
