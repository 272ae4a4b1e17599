"""Dataverse sheet, section 8: error bodies, statuses and codes."""

import uuid

import pytest

from support.running import batch, part
from support.selling import Shop, error, number

EVERY = 'odata.include-annotations="*"'
DETAILS = {
    "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus",
    "@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode",
    "@Microsoft.PowerApps.CDS.HelpLink",
    "@Microsoft.PowerApps.CDS.TraceText",
    "@Microsoft.PowerApps.CDS.InnerError.Message",
}


def new_id():
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


def test_s08_an_error_is_json_with_a_hexadecimal_code_and_a_message(sales):
    row = new_id()
    refused = sales.get(f"accounts({row})")
    assert refused.headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert refused.json() == {
        "error": {"code": "0x80040217", "message": f"Entity 'account' With Id = {row} Does Not Exist"}
    }


def test_s08_there_is_no_inner_error_of_the_old_format(sales):
    assert set(sales.get(f"accounts({new_id()})").json()["error"]) == {"code", "message"}


def test_s08_details_are_added_when_every_annotation_is_asked_for(sales):
    found = sales.get(f"accounts({new_id()})", Prefer=EVERY).json()["error"]
    assert set(found) == {"code", "message"} | DETAILS
    assert found["@Microsoft.PowerApps.CDS.InnerError.Message"] == found["message"]
    assert found["@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode"] == "-2147220969"


def test_s08_one_named_annotation_adds_no_details(sales):
    prefer = 'odata.include-annotations="OData.Community.Display.V1.FormattedValue"'
    assert set(sales.get(f"accounts({new_id()})", Prefer=prefer).json()["error"]) == {"code", "message"}


def test_s08_details_are_given_in_writes_and_parts_of_batches_too(sales):
    refused = sales.post("accounts", {"name": "x" * 161}, Prefer=EVERY)
    assert set(refused.json()["error"]) >= DETAILS
    answer = sales.batch(batch(part(f"GET accounts({new_id()})", None, Prefer=EVERY)))
    assert "@Microsoft.PowerApps.CDS.TraceText" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "accounts({id})", None, (404, "0x80040217")),
        ("DELETE", "accounts({id})", None, (404, "0x80040217")),
        ("GET", "nosuch", None, (404, "0x80060888")),
        ("GET", "accounts({id})/nosuch", None, (404, "0x80040217")),
        ("GET", "accounts(name='A')", None, (400, "0x8006088f")),
        ("POST", "accounts", {"name": "x" * 161}, (400, "0x80044331")),
        ("POST", "accounts", {"name": "A", "customertypecode": 99}, (400, "0x8004431a")),
        ("POST", "accounts", {"name": "A", "nosuch": 1}, (400, "0x80048d19")),
        ("POST", "pricelevels", {"description": "no name"}, (400, "0x80040203")),
        ("PATCH", "accounts", {"name": "A"}, (405, "0x80060888")),
        ("PATCH", "accounts({id})", {"statecode": 1, "statuscode": 1}, (400, "0x80048408")),
        ("GET", "accounts?$filter=nosuch eq 1", None, (400, "0x80060888")),
    ],
)
def test_s08_the_status_follows_the_class_of_the_error(sales, method, path, body, expected):
    assert error(sales.call(method, path.format(id=new_id()), body)) == expected


def test_s08_text_that_is_too_long_is_refused_and_not_cut_off(sales):
    row = sales.create("accounts", {"name": "A"})["accountid"]
    assert error(sales.patch(f"accounts({row})", {"accountnumber": "x" * 21})) == (400, "0x80044331")
    assert sales.get(f"accounts({row})").json()["accountnumber"] is None


def test_s08_a_row_that_children_need_is_not_deleted(shop, sales):
    quote = shop.quote()
    assert error(sales.delete(f"accounts({quote['_accountid_value']})")) == (405, "0x80040227")


def test_s08_a_catalogue_line_needs_a_unit_and_one_of_its_group(shop, sales):
    quote, product = shop.quote(), shop.product(amount=5)
    bind = {"productid@odata.bind": f"/products({product})"}
    assert error(sales.post("quotedetails", shop.line_body(quote, **bind))) == (400, "0x80043b0d")
    group = sales.create("uomschedules", {"name": number("G"), "baseuomname": "Kilo"})["uomscheduleid"]
    foreign = sales.rows(f"uoms?$filter=_uomscheduleid_value eq {group}")[0]["uomid"]
    body = shop.line_body(quote, **bind, **{"uomid@odata.bind": f"/uoms({foreign})"})
    assert error(sales.post("quotedetails", body)) == (400, "0x80043b16")


def test_s08_activation_needs_a_price_list(shop, sales):
    quote = sales.create(
        "quotes", {"name": "Q", "customerid_account@odata.bind": f"/accounts({shop.customer})"}
    )
    assert error(shop.activate(quote)) == (400, "0x80043b12")


def test_s08_a_second_price_of_a_product_and_unit_is_refused(shop, sales):
    product = shop.product(amount=5)
    body = {
        "amount": 6,
        "productid@odata.bind": f"/products({product})",
        "uomid@odata.bind": f"/uoms({shop.catalog.unit})",
        "pricelevelid@odata.bind": f"/pricelevels({shop.catalog.price_list})",
    }
    assert error(sales.post("productpricelevels", body)) == (400, "0x80043b08")


@pytest.fixture(scope="module")
def euro(sales):
    body = {"isocurrencycode": "EUR", "currencyname": "Euro", "currencysymbol": "E", "exchangerate": 0.5}
    return sales.create("transactioncurrencies", body)["transactioncurrencyid"]


def test_s08_header_and_price_list_share_a_currency(shop, sales, euro):
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({euro})"}
    assert error(sales.post("quotes", shop.header(**bind))) == (400, "0x80048cf6")


def test_s08_the_currency_stays_while_there_are_lines(shop, sales, euro):
    quote = shop.quote()
    shop.write_in(quote, 5)
    bind = {
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({euro})",
        "pricelevelid@odata.bind": f"/pricelevels({shop.price_list(euro)})",
    }
    assert error(sales.patch(f"quotes({quote['quoteid']})", bind)) == (400, "0x8004480e")


def test_s08_only_a_draft_is_activated(shop):
    quote = shop.quote()
    assert shop.activate(quote).status_code == 204
    assert error(shop.activate(quote)) == (400, "0x80100003")


def test_s08_a_quote_with_an_open_revision_is_not_revised(shop):
    quote = shop.quote()
    shop.activate(quote)
    assert error(shop.revise(quote)) == (400, "0x80048d00")


def test_s08_invoices_that_are_not_active_are_neither_paid_nor_canceled(shop, sales):
    path = f"invoices({sales.create('invoices', shop.header())['invoiceid']})"
    assert sales.patch(path, {"statecode": 2, "statuscode": 100001}).status_code == 204
    assert error(sales.patch(path, {"statecode": 3, "statuscode": 100003})) == (400, "0x80100001")
    path = f"invoices({sales.create('invoices', shop.header())['invoiceid']})"
    assert sales.patch(path, {"statecode": 3, "statuscode": 100003}).status_code == 204
    assert error(sales.patch(path, {"statecode": 2, "statuscode": 100001})) == (400, "0x80100000")


def test_s08_prices_are_not_locked_twice(shop, sales):
    order = sales.create("salesorders", shop.header())["salesorderid"]
    assert sales.post("LockSalesOrderPricing", {"SalesOrderId": order}).status_code == 204
    assert error(sales.post("LockSalesOrderPricing", {"SalesOrderId": order})) == (400, "0x80043b1d")
