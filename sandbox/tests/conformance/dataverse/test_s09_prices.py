"""Dataverse sheet, section 9: what the pricing engine asks of lines and makes of them."""

import pytest

from support.selling import Shop, error, number


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


def test_s09_a_line_takes_its_unit_price_from_the_price_list_and_the_quote_its_totals_from_the_lines(shop):
    quote = shop.quote(discountpercentage=10, discountamount=1, freightamount=5)
    line = shop.line(quote, shop.product(12.5), quantity=3, manualdiscountamount=2.5, tax=7)
    assert (line["priceperunit"], line["baseamount"], line["extendedamount"]) == (12.5, 37.5, 42)
    assert (line["pricingerrorcode"], line["producttypecode"]) == (0, 1)
    shop.write_in(quote, 65)
    total = shop.now(quote)
    assert (total["totallineitemamount"], total["totallineitemdiscountamount"]) == (100, 2.5)
    assert (total["totaldiscountamount"], total["totaltax"]) == (13.5, 7)
    assert (total["totalamountlessfreight"], total["totalamount"]) == (89, 101)
    assert total["versionnumber"] > line["versionnumber"] > quote["versionnumber"]


def test_s09_ten_digit_decimals_are_kept_and_priced(shop):
    quote = shop.quote()
    line = shop.write_in(quote, 0.1234567891, quantity=1234.5678901234)
    assert (line["priceperunit"], line["quantity"]) == (0.1234567891, 1234.5678901234)
    assert shop.now(quote)["totalamount"] == 152.42


def test_s09_a_price_stands_only_when_it_is_overridden(shop):
    quote, product = shop.quote(), shop.product(12.5)
    assert shop.line(quote, product, priceperunit=1)["priceperunit"] == 12.5
    line = shop.line(quote, product, priceperunit=1, ispriceoverridden=True)
    assert line["priceperunit"] == 1
    shop.sales.patch(f"quotedetails({line['quotedetailid']})", {"ispriceoverridden": False})
    assert shop.sales.get(f"quotedetails({line['quotedetailid']})").json()["priceperunit"] == 12.5


def test_s09_a_product_without_a_price_costs_nothing_and_line_and_quote_say_so(shop):
    quote = shop.quote()
    line = shop.line(quote, shop.product(), quantity=2)
    assert (line["priceperunit"], line["extendedamount"], line["pricingerrorcode"]) == (0, 0, 11)
    assert shop.now(quote)["pricingerrorcode"] == 1
    bare = shop.quote(**{"pricelevelid@odata.bind": None})
    assert shop.line(bare, shop.product(12.5))["pricingerrorcode"] == 2
    assert shop.line(shop.quote(), shop.product(12.5), quantity=None)["pricingerrorcode"] == 4


def test_s09_a_write_in_line_has_a_description_instead_of_product_and_unit(shop):
    quote = shop.quote()
    line = shop.write_in(quote, 9.5, quantity=2)
    assert (line["_productid_value"], line["productname"], line["extendedamount"]) == (None, "Fitting", 19)
    product = shop.product(1)
    body = shop.line_body(quote, product, isproductoverridden=True, productdescription="x")
    assert error(shop.sales.post("quotedetails", body)) == (400, "0x80040203")
    body = shop.line_body(quote, isproductoverridden=True, priceperunit=1)
    assert error(shop.sales.post("quotedetails", body)) == (400, "0x80040203")


def test_s09_a_catalogue_line_needs_an_active_product_and_a_unit_of_its_group(shop, sales):
    quote, product = shop.quote(), shop.product(1)
    group = sales.create("uomschedules", {"name": number("G"), "baseuomname": "Kilo"})["uomscheduleid"]
    kilo = sales.rows(f"uoms?$filter=_uomscheduleid_value eq {group}")[0]["uomid"]
    unit = "uomid@odata.bind"
    draft = shop.new_product(number())["productid"]
    for body, code in (
        (shop.line_body(quote), "0x80043b0e"),
        (shop.line_body(quote, product, **{unit: None}), "0x80043b0d"),
        (shop.line_body(quote, product, **{unit: f"/uoms({kilo})"}), "0x80043b16"),
        (shop.line_body(quote, draft), "0x80040233"),
    ):
        assert error(sales.post("quotedetails", body)) == (400, code)


@pytest.fixture(scope="module")
def yen(sales):
    body = {"isocurrencycode": "JPY", "currencyname": "Yen", "currencysymbol": "¥", "exchangerate": 150,
            "currencyprecision": 0}  # fmt: skip
    return sales.create("transactioncurrencies", body)["transactioncurrencyid"]


def test_s09_amounts_follow_the_decimals_and_the_rate_of_the_currency(shop, yen):
    quote = shop.quote(**{"pricelevelid@odata.bind": f"/pricelevels({shop.price_list(yen)})"})
    assert quote["_transactioncurrencyid_value"] == yen
    line = shop.write_in(quote, 100.5)
    assert (line["_transactioncurrencyid_value"], line["extendedamount"]) == (yen, 101)
    assert (line["extendedamount_base"], line["exchangerate"]) == (0.6733, 150)
    assert shop.now(quote)["totalamount_base"] == 0.6733


def test_s09_the_currency_is_that_of_the_price_list_and_stays_while_there_are_lines(shop, yen):
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({yen})"}
    assert error(shop.sales.post("quotes", shop.header(**bind))) == (400, "0x80048cf6")
    quote = shop.quote()
    shop.write_in(quote, 1)
    assert error(shop.sales.patch(f"quotes({quote['quoteid']})", bind)) == (400, "0x8004480e")


def test_s09_an_organisation_may_calculate_by_itself(shop):
    shop.organization(oobpricecalculationenabled=False)
    try:
        quote = shop.quote(totalamount=999)
        line = shop.line(quote, shop.product(12.5), priceperunit=3)
        shop.sales.patch(f"quotedetails({line['quotedetailid']})", {"extendedamount": 2})
        row = shop.sales.get(f"quotedetails({line['quotedetailid']})").json()
        assert (row["priceperunit"], row["extendedamount"], shop.now(quote)["totalamount"]) == (3, 2, 999)
    finally:
        shop.organization(oobpricecalculationenabled=True)


def test_s09_orders_and_invoices_are_priced_alike(shop):
    for headers, lines, parent, key in (
        ("salesorders", "salesorderdetails", "salesorderid", "ordernumber"),
        ("invoices", "invoicedetails", "invoiceid", "invoicenumber"),
    ):
        header = shop.sales.create(headers, shop.header())
        assert header[key][:4] in ("ORD-", "INV-")
        body = {
            f"{parent}@odata.bind": f"/{headers}({header[parent]})", "quantity": 2, "isproductoverridden": True,
            "productdescription": "Fitting", "priceperunit": 5.25,
        }  # fmt: skip
        line = shop.sales.create(lines, body)
        assert (line["extendedamount"], line[f"{headers[:-1]}statecode"]) == (10.5, 0)
        assert shop.sales.get(f"{headers}({header[parent]})").json()["totalamount"] == 10.5
