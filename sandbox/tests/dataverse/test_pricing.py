from decimal import Decimal

import pytest

from d365_sandbox.dataverse.pricing import in_base_currency, price_line, total_document
from support.selling import Shop, error


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


@pytest.fixture
def per_unit(shop):
    shop.organization(discountcalculationmethod=1)
    yield
    shop.organization(discountcalculationmethod=0)


@pytest.mark.parametrize(
    ("line", "amounts"),
    [
        ({"quantity": 3, "priceperunit": 0.1234567891}, ("0.37", "0.37")),
        ({"quantity": 0.3333333333, "priceperunit": 3}, ("1.00", "1.00")),
        ({"quantity": "99999999999.0000000001", "priceperunit": "0.0000000001"}, ("10.00", "10.00")),
        ({"quantity": 1, "priceperunit": 1.005}, ("1.01", "1.01")),
        ({"quantity": -1, "priceperunit": 1.005}, ("-1.01", "-1.01")),
        ({"quantity": 10, "priceperunit": 9, "volumediscountamount": 0.5, "tax": 3}, ("85.00", "88.00")),
        ({"quantity": 200, "priceperunit": 100, "manualdiscountamount": 10}, ("20000.00", "19990.00")),
        ({"quantity": None, "priceperunit": 5, "tax": None}, ("0.00", "0.00")),
    ],
)
def test_amounts_of_a_line_are_exact_and_rounded_once(line, amounts):
    found = price_line(line, discount_per_unit=False)
    assert (str(found["baseamount"]), str(found["extendedamount"])) == amounts


def test_a_document_of_a_thousand_lines_adds_up_to_the_cent():
    priced = []
    for at in range(1000):
        line = {
            "quantity": 3,
            "priceperunit": f"0.{at:04d}555555",
            "manualdiscountamount": 0.01,
            "tax": 0.125,
        }
        priced.append({**line, **price_line(line, discount_per_unit=True)})
    totals = total_document({"discountpercentage": "3.3333333333", "freightamount": 7.105}, priced)
    items = sum(line["extendedamount"] for line in priced) - 130
    assert totals["totallineitemamount"] == items
    assert (totals["totallineitemdiscountamount"], totals["totaltax"]) == (30, 130)
    of_header = (items * Decimal("0.033333333333")).quantize(Decimal("0.01"))
    assert totals["totaldiscountamount"] == 30 + of_header
    assert totals["totalamount"] == items - of_header + 130 + Decimal("7.11")


def test_the_base_amount_divides_by_the_exchange_rate():
    assert in_base_currency(10, 0.92) == Decimal("10.8696")


def test_a_discount_counts_once_per_line_or_once_per_unit_as_the_organisation_says(shop, per_unit):
    quote = shop.quote()
    line = shop.write_in(quote, 100, quantity=200, manualdiscountamount=10)
    assert line["extendedamount"] == 18000
    assert shop.now(quote)["totallineitemdiscountamount"] == 2000
    shop.organization(discountcalculationmethod=0)
    shop.sales.patch(f"quotedetails({line['quotedetailid']})", {"quantity": 200})
    assert shop.now(quote)["totalamount"] == 19990


def test_changing_and_deleting_a_line_recalculates_the_quote(shop):
    quote = shop.quote()
    first, second = shop.write_in(quote, 10), shop.write_in(quote, 5)
    shop.sales.patch(f"quotedetails({first['quotedetailid']})", {"quantity": 4})
    after = shop.now(quote)
    assert after["totalamount"] == 45
    assert shop.sales.delete(f"quotedetails({second['quotedetailid']})").status_code == 204
    assert shop.now(quote)["totalamount"] == 40
    assert shop.now(quote)["versionnumber"] > after["versionnumber"]


def test_totals_of_the_caller_do_not_stand(shop):
    quote = shop.quote(totalamount=999)
    assert quote["totalamount"] == 0
    line = shop.write_in(quote, 10)
    assert error(shop.sales.post("quotedetails", shop.line_body(quote, baseamount=1))) == (400, "0x80040203")
    shop.sales.patch(f"quotedetails({line['quotedetailid']})", {"extendedamount": 999})
    assert shop.now(quote)["totalamount"] == 10


def test_a_new_price_list_reprices_the_lines(shop):
    quote, product = shop.quote(), shop.product(10)
    line = shop.line(quote, product, quantity=2)
    dear = shop.price_list(shop.catalog.currency)
    shop.price(product, 15, dear)
    path = f"quotes({quote['quoteid']})"
    assert shop.sales.patch(path, {"pricelevelid@odata.bind": f"/pricelevels({dear})"}).status_code == 204
    assert shop.now(quote)["totalamount"] == 30
    assert shop.sales.get(f"quotedetails({line['quotedetailid']})").json()["priceperunit"] == 15
