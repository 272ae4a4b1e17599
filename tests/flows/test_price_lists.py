"""A product stays on the price list of its delivery, and a pin moves it, as both systems see it."""

import json

import pytest


def usd_list(world, name: str) -> dict:
    """A price list of Sales in US dollars, created if there is none of this name."""
    (currency,) = world.sales.rows("transactioncurrencies", filter="isocurrencycode eq 'USD'")
    if not world.sales.rows("pricelevels", filter=f"name eq '{name}'"):
        bind = f"/transactioncurrencies({currency['transactioncurrencyid']})"
        world.sales.send("POST", "pricelevels", {"name": name, "transactioncurrencyid@odata.bind": bind})
    return world.sales.rows("pricelevels", filter=f"name eq '{name}'")[0]


@pytest.mark.slow
def test_a_list_that_sorts_first_moves_no_product_and_a_pin_moves_all_with_their_prices(world, monkeypatch):
    world.run("products")
    added = usd_list(world, "2027 Prices")
    world.sales.forget()

    report = world.run("products")

    assert world.sales.writes() == []
    assert report["warned"]["price_list_kept"] > 15
    before = {row["productid"]: row["_pricelevelid_value"] for row in world.sales.rows("products")}
    assert added["pricelevelid"] not in before.values()

    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", json.dumps({"price_list_pin": "2027 prices"}))
    world.run("products", release_safety_limit=True)

    moved = [
        row for row in world.sales.rows("products") if row["_pricelevelid_value"] == added["pricelevelid"]
    ]
    items = world.sales.rows("productpricelevels", filter=f"_pricelevelid_value eq {added['pricelevelid']}")
    assert len(moved) > 15
    assert {row["productid"] for row in moved} <= {item["_productid_value"] for item in items}
    world.run_writes_nothing("products")

    monkeypatch.delitem(world.extra_env, "P2C_DBT_VARS")
    world.run("products")
    world.run_writes_nothing("products")
