import uuid

import pytest


def error(answer):
    return answer.status_code, answer.json()["error"]["code"]


def number():
    return f"P-{uuid.uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def new_price(sales, catalog):
    def make(product, **changes):
        body = {
            "amount": 12.5,
            "productid@odata.bind": f"/products({product['productid']})",
            "uomid@odata.bind": f"/uoms({catalog.unit})",
            "pricelevelid@odata.bind": f"/pricelevels({catalog.price_list})",
            **changes,
        }
        return sales.post("productpricelevels", body, Prefer="return=representation")

    return make


@pytest.fixture(scope="module")
def foreign_unit(sales):
    group = sales.create("uomschedules", {"name": "Other group", "baseuomname": "Kilo"})["uomscheduleid"]
    return group, sales.rows(f"uoms?$filter=_uomscheduleid_value eq {group}")[0]["uomid"]


def test_a_unit_group_brings_its_base_unit(sales, catalog):
    unit = sales.get(f"uoms({catalog.unit})").json()
    assert (unit["name"], unit["quantity"], unit["isschedulebaseuom"]) == ("Each", 1, True)


def test_a_unit_of_a_group_counts_in_its_base_unit(sales, catalog):
    bind = {"uomscheduleid@odata.bind": f"/uomschedules({catalog.group})"}
    row = sales.create("uoms", {"name": "Box", "quantity": 12, **bind})
    assert row["_baseuom_value"] == catalog.unit
    again = sales.post("uoms", {"name": "box", "quantity": 6, **bind})
    assert error(again) == (412, "0x80040237")


def test_a_new_product_is_a_draft(new_product):
    row = new_product(number())
    assert (row["statecode"], row["statuscode"], row["productstructure"]) == (2, 0, 1)


def test_a_product_goes_from_draft_to_active_to_retired(sales, new_product):
    path = f"products({new_product(number())['productid']})"
    assert error(sales.patch(path, {"statecode": 1, "statuscode": 2})) == (400, "0x80040233")
    assert sales.patch(path, {"statecode": 0, "statuscode": 1}).status_code == 204
    assert sales.patch(path, {"statecode": 1, "statuscode": 2}).status_code == 204
    assert error(sales.patch(path, {"statecode": 2, "statuscode": 0})) == (400, "0x80040233")
    assert error(sales.patch(path, {"statecode": 0, "statuscode": 0})) == (400, "0x80048408")


def test_a_product_cannot_be_created_active_by_the_caller(sales, catalog, new_product):
    body = {
        "productnumber": number(), "name": "A", "statecode": 0, "statuscode": 1,
        "defaultuomid@odata.bind": f"/uoms({catalog.unit})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalog.group})",
    }  # fmt: skip
    assert error(sales.post("products", body)) == (400, "0x80048408")


def test_the_organisation_may_create_products_active(sales, new_product):
    path = f"organizations({sales.get('WhoAmI').json()['OrganizationId']})"
    switch = "createproductswithoutparentinactivestate"
    assert sales.patch(path, {switch: True}).status_code == 204
    try:
        row = new_product(number())
        assert (row["statecode"], row["statuscode"]) == (0, 1)
    finally:
        sales.patch(path, {switch: False})


def test_the_product_number_is_unique_without_case(sales, catalog, new_product):
    row = new_product("Dup-1")
    body = {
        "productnumber": "dup-1", "name": "A", "defaultuomid@odata.bind": f"/uoms({catalog.unit})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalog.group})",
    }  # fmt: skip
    assert error(sales.post("products", body)) == (412, "0x80040237")
    assert sales.patch(f"products({row['productid']})", {"productnumber": "DUP-1"}).status_code == 204


def test_the_unit_must_belong_to_the_unit_group(sales, catalog, foreign_unit):
    body = {
        "productnumber": number(), "name": "A", "defaultuomid@odata.bind": f"/uoms({foreign_unit[1]})",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalog.group})",
    }  # fmt: skip
    assert error(sales.post("products", body)) == (400, "0x80043b16")


def test_a_product_without_unit_is_refused(sales, catalog):
    body = {
        "productnumber": number(), "name": "A",
        "defaultuomscheduleid@odata.bind": f"/uomschedules({catalog.group})",
    }  # fmt: skip
    assert error(sales.post("products", body)) == (400, "0x80043b0d")


def test_the_unit_group_of_an_existing_product_stays(sales, new_product, foreign_unit):
    group, unit = foreign_unit
    change = {
        "defaultuomscheduleid@odata.bind": f"/uomschedules({group})",
        "defaultuomid@odata.bind": f"/uoms({unit})",
    }
    answer = sales.patch(f"products({new_product(number())['productid']})", change)
    assert error(answer) == (400, "0x80040203")


def test_a_price_item_takes_number_group_and_currency_from_its_parents(
    sales, catalog, new_product, new_price
):
    product = new_product(number())
    answer = new_price(product)
    assert answer.status_code == 201, answer.text
    row = answer.json()
    assert (row["productnumber"], row["pricingmethodcode"]) == (product["productnumber"], 1)
    assert row["_uomscheduleid_value"] == catalog.group
    assert row["_transactioncurrencyid_value"] == catalog.currency
    assert row["amount_base"] == 12.5
    default = {"pricelevelid@odata.bind": f"/pricelevels({catalog.price_list})"}
    assert sales.patch(f"products({product['productid']})", default).status_code == 204


def test_a_second_price_of_product_and_unit_in_a_list_is_refused(new_product, new_price):
    product = new_product(number())
    assert new_price(product).status_code == 201
    assert error(new_price(product, amount=13)) == (400, "0x80043b08")


def test_a_price_item_is_changed_in_place(sales, new_product, new_price):
    row = new_price(new_product(number())).json()
    answer = sales.patch(
        f"productpricelevels({row['productpricelevelid']})", {"amount": 20}, Prefer="return=representation"
    )
    assert (answer.status_code, answer.json()["amount"]) == (200, 20)


def test_a_price_item_needs_product_list_and_a_unit_of_the_products_group(
    new_product, new_price, foreign_unit
):
    product = new_product(number())
    assert error(new_price(product, **{"pricelevelid@odata.bind": None})) == (400, "0x80040203")
    assert error(new_price(product, **{"uomid@odata.bind": None})) == (400, "0x80043b0d")
    assert error(new_price(product, **{"uomid@odata.bind": f"/uoms({foreign_unit[1]})"})) == (
        400,
        "0x80043b16",
    )


def test_price_lists_and_currencies_are_unique(sales):
    name = number()
    sales.create("pricelevels", {"name": name})
    assert error(sales.post("pricelevels", {"name": name.lower()})) == (412, "0x80040237")
    body = {"isocurrencycode": "usd", "currencyname": "again", "currencysymbol": "$", "exchangerate": 1,
            "currencyprecision": 2}  # fmt: skip
    assert error(sales.post("transactioncurrencies", body)) == (412, "0x80040237")


def test_deleting_a_product_takes_its_prices_along(sales, new_product, new_price):
    product = new_product(number())
    price = new_price(product).json()["productpricelevelid"]
    assert sales.delete(f"products({product['productid']})").status_code == 204
    assert sales.get(f"productpricelevels({price})").status_code == 404
