"""What happens to products, rule by rule: one build of many products, each good in every way but one."""

import pytest

from tests.dbt.marks import rule_cases
from tests.dbt.warehouse import EACH, EURO_LIST, GROUP, OTHER_GROUP, RETAIL, USD, guid

HELD = {
    "whose name is blank": ({"ProductName": ""}, "product_name_blank"),
    "whose name has 101 characters": ({"ProductName": "N" * 101}, "product_name_too_long"),
    "whose description has 2001 characters": ({"ProductDescription": "D" * 2001}, "value_too_long"),
    "that is neither item nor service": ({"ProductType": "Catalog"}, "product_type_unknown"),
    "in a currency that Sales does not have": ({"CurrencyCode": "JPY"}, "currency_missing"),
    "without a price list in its currency": ({"CurrencyCode": "CHF"}, "price_list_missing"),
    "without a sales unit": ({"SalesUnitSymbol": ""}, "unit_blank"),
    "sold by a unit that Sales does not have": ({"SalesUnitSymbol": "pal"}, "unit_missing"),
    "sold with 6 decimals": ({"SalesUnitDecimalPrecision": 6}, "decimals_out_of_range"),
    "whose item cannot be read": ({"price_quantity": None}, "price_quantity_unknown"),
    "with a negative price": ({"SalesPrice": -1}, "price_out_of_range"),
    "with a negative cost": ({"UnitCost": -1}, "price_out_of_range"),
    "whose price is no number": ({"SalesPrice": "12x"}, "value_unreadable"),
    "that only another company sells": ({"company": "demf"}, "product_not_in_master"),
}

IN_SALES = {
    "that is a family in Sales": ({"productstructure": 2}, "product_in_family"),
    "that is a bundle in Sales": ({"productstructure": 3}, "product_in_family"),
    "that belongs to a family in Sales": (
        {"_parentproductid_value": guid("product", 1)},
        "product_in_family",
    ),
    "that is under revision in Sales": ({"statecode": 3}, "product_under_revision"),
    "that has another unit group in Sales": (
        {"_defaultuomscheduleid_value": OTHER_GROUP},
        "unit_group_changed",
    ),
}


@pytest.fixture(scope="module")
def keys(warehouse):
    """{what the product is like: its key}, after one build of them all."""
    landed = {}
    for n, (case_name, (fields, _)) in enumerate(HELD.items(), 100):
        landed[case_name] = warehouse.product(f"P-{n}", **fields)
    for n, (case_name, (fields, _)) in enumerate(IN_SALES.items(), 200):
        landed[case_name] = warehouse.product(f"P-{n}")
        warehouse.sales_product(n, f"P-{n}", **fields)
    landed["good"] = warehouse.product("P-1")
    landed["service"] = warehouse.product("S-1", ProductType="Service", SalesUnitDecimalPrecision=2)
    landed["per hundred"] = warehouse.product("P-2", price_quantity=100, SalesPrice=298.43)
    landed["in two companies"] = warehouse.product("P-3")
    landed["the other company's"] = warehouse.product("P-3", "demf", SalesPrice=9)
    landed["same list"] = warehouse.product("P-4")
    landed["the other company's, same list"] = warehouse.product("P-4", "demf", CurrencyCode="USD")
    landed["stopped"] = warehouse.product("P-5", IsSalesStopped="Yes")
    landed["stopped, in Sales"] = warehouse.product("P-6", IsSalesStopped="Yes")
    warehouse.sales_product(6, "P-6", statecode=0)
    landed["active in Sales"] = warehouse.product("P-7")
    warehouse.sales_product(7, "p-7", statecode=0)
    landed["quarantined"] = '["usmf", "P-8"]'
    warehouse.quarantine("finops", "SellableReleasedProducts", landed["quarantined"], "ProductName")
    landed["priced by percentage"] = warehouse.product("P-9")
    warehouse.sales_product(9, "P-9")
    item = {
        "productpricelevelid": guid("price", 9),
        "_productid_value": guid("product", 9),
        "_uomid_value": EACH,
        "_pricelevelid_value": RETAIL,
        "pricingmethodcode": 2,
    }
    warehouse.land("sales", "productpricelevels", item)
    landed["of a company not served"] = warehouse.product("P-10", "frrt")
    landed["odd number"] = warehouse.product('28" : Black & Tan+50%/L')
    warehouse.build("products")
    return landed


@pytest.mark.parametrize("case_name", rule_cases("products", HELD | IN_SALES))
def test_a_product_is_held_alone(warehouse, keys, case_name):
    rule = (HELD | IN_SALES)[case_name][1]

    assert warehouse.violations("products", keys[case_name]) == {rule: "block"}
    for write in ("products", "product_prices", "product_price_lists", "product_states"):
        assert warehouse.envelope(f"sales__{write}", keys[case_name]) is None


def test_a_good_product_goes_in_four_steps_each_waiting_for_the_one_before(warehouse, keys):
    key = keys["good"]
    product, price, price_list, state = (
        warehouse.envelope(f"sales__{write}", key)
        for write in ("products", "product_prices", "product_price_lists", "product_states")
    )

    assert product["target_key"] == {"productnumber": "P-1"}
    assert product["body"] == {
        "productnumber": "P-1",
        "name": "Product P-1",
        "description": None,
        "productstructure": 1,
        "producttypecode": 1,
        "quantitydecimal": 0,
        "price": 10.5,
        "currentcost": 7,
        "defaultuomscheduleid@odata.bind": f"/uomschedules({GROUP})",
        "defaultuomid@odata.bind": f"/uoms({EACH})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({USD})",
    }
    assert price["body"] == {
        "productid@odata.bind": f"/products(@{{products:{key}}})",
        "uomid@odata.bind": f"/uoms({EACH})",
        "pricelevelid@odata.bind": f"/pricelevels({RETAIL})",
        "pricingmethodcode": 1,
        "amount": 10.5,
    }
    assert price["target_key"] == {
        "_productid_value": f"@{{products:{key}}}",
        "_uomid_value": EACH,
        "_pricelevelid_value": RETAIL,
    }
    assert price_list["body"] == {"pricelevelid@odata.bind": f"/pricelevels({RETAIL})"}
    assert state["body"] == {"statecode": 0, "statuscode": 1}
    assert [step["requires"] for step in (product, price, price_list, state)] == [
        [],
        [f"products:{key}"],
        [f"product_prices:{key}"],
        [f"product_price_lists:{key}"],
    ]
    assert {step["document"] for step in (product, price, price_list, state)} == {key}


def test_a_service_has_its_own_type_and_the_decimals_of_its_unit(warehouse, keys):
    body = warehouse.envelope("sales__products", keys["service"])["body"]

    assert (body["producttypecode"], body["quantitydecimal"]) == (3, 2)


def test_a_price_per_hundred_does_not_become_a_price_per_one(warehouse, keys):
    assert warehouse.envelope("sales__products", keys["per hundred"])["body"]["price"] == 2.9843
    assert warehouse.envelope("sales__product_prices", keys["per hundred"])["body"]["amount"] == 2.9843


def test_another_company_only_adds_its_price_to_the_product_of_the_master_company(warehouse, keys):
    key = keys["the other company's"]
    price = warehouse.envelope("sales__product_prices", key)

    assert warehouse.violations("products", key) == {}
    assert price["requires"] == [f"products:{keys['in two companies']}"]
    assert price["body"]["amount"] == 9
    assert price["body"]["pricelevelid@odata.bind"] == f"/pricelevels({EURO_LIST})"
    for write in ("products", "product_price_lists", "product_states"):
        assert warehouse.envelope(f"sales__{write}", key) is None


@pytest.mark.rule("products", "price_of_other_company")
def test_two_companies_never_write_the_same_price_item(warehouse, keys):
    key = keys["the other company's, same list"]

    assert warehouse.violations("products", key) == {"price_of_other_company": "exclude"}
    assert warehouse.envelope("sales__product_prices", key) is None
    assert warehouse.envelope("sales__product_prices", keys["same list"])["body"]["amount"] == 10.5


@pytest.mark.rule("products", "product_stopped")
def test_a_stopped_product_that_sales_never_had_is_excluded_by_name(warehouse, keys):
    assert warehouse.violations("products", keys["stopped"]) == {"product_stopped": "exclude"}


def test_a_stopped_product_is_retired_in_sales_and_nothing_else_of_it_is_sent(warehouse, keys):
    state = warehouse.envelope("sales__product_states", keys["stopped, in Sales"])

    assert (state["operation"], state["body"]) == ("deactivate", {"statecode": 1, "statuscode": 2})
    assert state["target_key"] == {"productid": guid("product", 6)}
    assert warehouse.envelope("sales__products", keys["stopped, in Sales"]) is None


def test_a_product_that_is_active_already_is_not_activated(warehouse, keys):
    assert warehouse.envelope("sales__products", keys["active in Sales"])
    assert warehouse.envelope("sales__product_states", keys["active in Sales"]) is None


@pytest.mark.rule("products", "payload_unreadable")
def test_a_payload_that_nothing_can_read_is_held_by_its_key(warehouse, keys):
    assert warehouse.violations("products", keys["quarantined"]) == {"payload_unreadable": "block"}


@pytest.mark.rule("products", "price_method_replaced")
def test_a_percentage_on_the_price_list_is_replaced_with_a_warning(warehouse, keys):
    key = keys["priced by percentage"]

    assert warehouse.violations("products", key) == {"price_method_replaced": "warn"}
    assert warehouse.envelope("sales__product_prices", key)["body"]["pricingmethodcode"] == 1


def test_products_of_companies_that_the_connection_does_not_name_are_no_business_of_ours(warehouse, keys):
    key = keys["of a company not served"]

    assert warehouse.violations("products", key) == {}
    assert warehouse.one("select count(*) from canonical.canonical_products where source_key = %s", key) == 0


def test_a_product_number_may_hold_any_sign(warehouse, keys):
    key = keys["odd number"]

    assert warehouse.envelope("sales__products", key)["target_key"] == {
        "productnumber": '28" : Black & Tan+50%/L'
    }
    assert warehouse.envelope("sales__product_prices", key)["requires"] == [f"products:{key}"]


def test_every_product_is_sent_held_or_excluded(warehouse, keys):
    sent = " union ".join(
        f"select document from outbound.outbound_sales__{write}"
        for write in ("products", "product_prices", "product_price_lists", "product_states")
    )
    lost = warehouse.one(
        f"""
        select count(*) from (
            (select source_key from canonical.canonical_products
             union select source_key from validation.violations_products)
            except select source_key from validation.violations_products where effect in ('block', 'exclude')
            except ({sent})
        ) as lost
        """
    )

    assert len(keys) == 33
    assert lost == 0
