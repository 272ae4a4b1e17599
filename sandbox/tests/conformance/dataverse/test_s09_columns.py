"""Dataverse sheet, section 9: which columns of documents the server keeps, and the rate of exchange."""

import pytest

from support.selling import Shop, error, number

WRONG = (400, "0x80040203")
MOMENT = "2026-01-31T09:15:00Z"
DOCUMENTS = ("quote", "salesorder", "invoice")


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


@pytest.fixture(scope="module")
def line(shop):
    return f"quotedetails({shop.write_in(shop.quote(), 5)['quotedetailid']})"


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize(
    ("column", "value"),
    [("exchangerate", 2), ("totalamount_base", 1), ("createdon", MOMENT), ("modifiedon", MOMENT),
     ("versionnumber", 1)],
)  # fmt: skip
def test_s09_columns_of_a_header_that_are_read_only(sales, shop, kind, column, value):
    assert error(sales.post(f"{kind}s", shop.header(**{column: value}))) == WRONG
    row = sales.create(f"{kind}s", shop.header())[f"{kind}id"]
    assert error(sales.patch(f"{kind}s({row})", {column: value})) == WRONG


@pytest.mark.parametrize("kind", DOCUMENTS)
@pytest.mark.parametrize("navigation", ["createdby", "modifiedby", "accountid", "contactid"])
def test_s09_authors_and_the_sides_of_the_customer_cannot_be_bound(sales, shop, kind, navigation):
    target = {"accountid": f"/accounts({shop.customer})"}.get(
        navigation, f"/systemusers({sales.get('WhoAmI').json()['UserId']})"
    )
    refused = sales.post(f"{kind}s", shop.header(**{f"{navigation}@odata.bind": target}))
    assert refused.status_code == 400


@pytest.mark.parametrize("kind", ["salesorder", "invoice"])
def test_s09_a_line_does_not_take_the_state_of_its_header_from_the_caller(sales, shop, kind):
    header = sales.create(f"{kind}s", shop.header())[f"{kind}id"]
    body = {f"{kind}id@odata.bind": f"/{kind}s({header})", "isproductoverridden": True, "quantity": 1,
            "productdescription": "W", "priceperunit": 5}  # fmt: skip
    assert error(sales.post(f"{kind}details", {**body, f"{kind}statecode": 0})) == WRONG
    assert sales.post(f"{kind}details", body).status_code == 204


@pytest.mark.parametrize("column", ["baseamount", "extendedamount"])
def test_s09_amounts_of_a_line_are_valid_on_update_only(sales, shop, line, column):
    body = shop.line_body(shop.quote(), isproductoverridden=True, productdescription="W", priceperunit=5)
    assert error(sales.post("quotedetails", {**body, column: 1})) == WRONG
    assert sales.patch(line, {column: 1}).status_code == 204
    assert sales.get(line).json()[column] == 5


@pytest.mark.parametrize(
    ("column", "value"),
    [("isproductoverridden", True), ("importsequencenumber", 4), ("overriddencreatedon", MOMENT)],
)
def test_s09_columns_that_are_valid_on_create_only(sales, shop, line, column, value):
    body = shop.line_body(shop.quote(), isproductoverridden=True, productdescription="W", priceperunit=5)
    assert sales.create("quotedetails", {**body, column: value})[column] == value
    assert error(sales.patch(line, {column: value})) == WRONG


@pytest.mark.parametrize("table", ["quote", "quotedetail", "salesorder", "invoicedetail"])
def test_s09_there_are_38_reasons_why_a_price_is_missing(sales, table):
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes(LogicalName='pricingerrorcode')"
    answer = sales.get(f"{path}/Microsoft.Dynamics.CRM.PicklistAttributeMetadata/OptionSet?$select=Options")
    assert len(answer.json()["Options"]) == 38


def test_s09_a_write_in_line_without_a_price_is_told_by_its_code(shop):
    line = shop.line(shop.quote(), isproductoverridden=True, productdescription="W")
    assert (line["extendedamount"], line["pricingerrorcode"]) == (0, 5)


@pytest.fixture
def currency(sales):
    body = {"isocurrencycode": number("")[1:6], "currencyname": "Crown", "currencysymbol": "k",
            "exchangerate": 2, "currencyprecision": 2}  # fmt: skip
    return f"transactioncurrencies({sales.create('transactioncurrencies', body)['transactioncurrencyid']})"


def test_s09_the_rate_is_stamped_at_create_and_refreshed_when_money_changes(sales, currency):
    bind = {"transactioncurrencyid@odata.bind": f"/{currency}"}
    row = sales.create("accounts", {"name": "Rated", "creditlimit": 10, **bind})
    path = f"accounts({row['accountid']})"
    assert (row["exchangerate"], row["creditlimit_base"]) == (2, 5)
    assert sales.patch(currency, {"exchangerate": 4}).status_code == 204
    changes = [
        ({"fax": "1"}, (2, 5)),
        ({"creditlimit": 20}, (4, 5)),
        ({"fax": "2"}, (4, 5)),
        ({"creditlimit": None}, (4, None)),
    ]
    for change, expected in changes:
        assert sales.patch(path, change).status_code == 204
        now = sales.get(path).json()
        assert (now["exchangerate"], now["creditlimit_base"]) == expected


def test_s09_the_rate_of_a_document_is_refreshed_when_a_line_changes_its_totals(sales, shop, currency):
    row = currency.partition("(")[2][:-1]
    quote = shop.quote(**{"pricelevelid@odata.bind": f"/pricelevels({shop.price_list(row)})"})
    shop.write_in(quote, 10)
    sales.patch(currency, {"exchangerate": 4})
    sales.patch(f"quotes({quote['quoteid']})", {"name": "Renamed"})
    assert (shop.now(quote)["exchangerate"], shop.now(quote)["totalamount_base"]) == (2, 5)
    shop.write_in(quote, 10)
    assert (shop.now(quote)["exchangerate"], shop.now(quote)["totalamount_base"]) == (4, 5)


def test_s09_another_currency_brings_its_own_rate(sales, catalog, currency):
    row = sales.create(
        "accounts", {"name": "Moved", "creditlimit": 10, "transactioncurrencyid@odata.bind": f"/{currency}"}
    )
    path = f"accounts({row['accountid']})"
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({catalog.currency})"}
    sales.patch(path, bind)
    assert (sales.get(path).json()["exchangerate"], sales.get(path).json()["creditlimit_base"]) == (1, 10)
