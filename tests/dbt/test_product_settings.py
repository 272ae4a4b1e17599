"""What an organisation can set for products, and products that come and go."""

import pytest

from tests.dbt.warehouse import EURO_LIST, OTHER_EACH, OTHER_GROUP, RETAIL, WHOLESALE


def price_list(warehouse, key: str) -> str:
    return warehouse.envelope("sales__product_price_lists", key)["body"]["pricelevelid@odata.bind"]


def test_a_pinned_price_list_comes_first_in_its_currency_and_only_there(fresh_warehouse):
    key = fresh_warehouse.product("P-1")
    fresh_warehouse.product("P-2")
    other = fresh_warehouse.product("P-2", "demf")

    fresh_warehouse.build("products", price_list_pin="wholesale usd")

    assert price_list(fresh_warehouse, key) == f"/pricelevels({WHOLESALE})"
    price = fresh_warehouse.envelope("sales__product_prices", other)["body"]
    assert price["pricelevelid@odata.bind"] == f"/pricelevels({EURO_LIST})"


@pytest.mark.rule("products", "price_list_missing")
def test_a_pinned_price_list_that_does_not_exist_holds_all_products(fresh_warehouse):
    key = fresh_warehouse.product("P-1")

    fresh_warehouse.build("products", price_list_pin="standart")

    assert fresh_warehouse.violations("products", key) == {"price_list_missing": "block"}


def test_a_product_is_released_when_its_currency_gets_a_price_list(fresh_warehouse):
    key = fresh_warehouse.product("P-1", CurrencyCode="CHF")
    fresh_warehouse.build("products")
    assert fresh_warehouse.violations("products", key) == {"price_list_missing": "block"}
    currency = fresh_warehouse.one(
        "select currency_id::text from canonical.canonical_products where source_key = %s", key
    )
    cut = fresh_warehouse.cut()
    row = {"pricelevelid": RETAIL[:-1] + "9", "name": "Swiss", "_transactioncurrencyid_value": currency}
    fresh_warehouse.land("sales", "pricelevels", {**row, "statecode": 0})

    fresh_warehouse.build("products", scope="changed", cut_from=cut)

    assert fresh_warehouse.violations("products", key) == {}
    assert price_list(fresh_warehouse, key) == f"/pricelevels({row['pricelevelid']})"


def test_another_unit_group_can_be_set_whatever_its_case(fresh_warehouse):
    key = fresh_warehouse.product("P-1")

    fresh_warehouse.build("products", unit_group="FREIGHT")

    body = fresh_warehouse.envelope("sales__products", key)["body"]
    assert body["defaultuomscheduleid@odata.bind"] == f"/uomschedules({OTHER_GROUP})"
    assert body["defaultuomid@odata.bind"] == f"/uoms({OTHER_EACH})"


@pytest.mark.rule("products", "unit_group_missing")
def test_a_unit_group_that_sales_does_not_have_holds_the_product(fresh_warehouse):
    key = fresh_warehouse.product("P-1")

    fresh_warehouse.build("products", unit_group="Pieces")

    assert fresh_warehouse.violations("products", key) == {"unit_group_missing": "block"}


def test_another_company_can_own_the_products(fresh_warehouse):
    fresh_warehouse.product("P-1")
    key = fresh_warehouse.product("P-1", "demf", ProductName="Rad")

    fresh_warehouse.build("products", product_master_company="DEMF")

    assert fresh_warehouse.envelope("sales__products", key)["body"]["name"] == "Rad"
    assert fresh_warehouse.one("select count(*) from outbound.outbound_sales__products") == 1


def test_without_activation_products_stay_as_sales_makes_them(fresh_warehouse):
    key = fresh_warehouse.product("P-1")

    fresh_warehouse.build("products", product_activation=False)

    assert fresh_warehouse.envelope("sales__products", key)
    assert fresh_warehouse.envelope("sales__product_states", key) is None


class TestVanished:
    """A product that is no longer sellable is reported, and retired only when it stays away."""

    @pytest.mark.rule("products", "product_vanished")
    def test_it_is_reported_first_and_stays_as_it_is(self, fresh_warehouse):
        key = fresh_warehouse.product("P-1")
        fresh_warehouse.sales_product(1, "P-1", statecode=0)
        fresh_warehouse.build("products")
        before = fresh_warehouse.envelope("sales__products", key)
        fresh_warehouse.vanish("finops", "SellableReleasedProducts", key, absent_reads=2)

        fresh_warehouse.build("products")

        assert fresh_warehouse.violations("products", key) == {"product_vanished": "warn"}
        assert fresh_warehouse.envelope("sales__products", key) == before

    def test_it_is_retired_after_three_complete_reads_and_comes_back_when_it_is_back(self, fresh_warehouse):
        key = fresh_warehouse.product("P-1")
        fresh_warehouse.sales_product(1, "P-1", statecode=0)
        fresh_warehouse.vanish("finops", "SellableReleasedProducts", key, absent_reads=3)
        fresh_warehouse.build("products")

        assert fresh_warehouse.violations("products", key) == {}
        assert fresh_warehouse.envelope("sales__product_states", key)["operation"] == "deactivate"
        assert fresh_warehouse.envelope("sales__products", key) is None

        fresh_warehouse.product("P-1")
        fresh_warehouse.sales_product(1, "P-1", statecode=1)
        fresh_warehouse.build("products")
        assert fresh_warehouse.envelope("sales__product_states", key)["operation"] == "upsert"

    @pytest.mark.rule("products", "product_gone")
    def test_one_that_sales_never_had_is_excluded_by_name(self, fresh_warehouse):
        key = fresh_warehouse.product("P-1")
        fresh_warehouse.vanish("finops", "SellableReleasedProducts", key)

        fresh_warehouse.build("products")

        assert fresh_warehouse.violations("products", key) == {"product_gone": "exclude"}
