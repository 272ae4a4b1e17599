"""Amounts of generated quotes: what Sales computes, to the cent."""

from collections import defaultdict
from decimal import Decimal

import pytest

from d365_sandbox.records import generate


@pytest.fixture(scope="module")
def quotes():
    """(header, lines) of some thousand quotes, nasty ones among them."""
    headers, lines = {}, defaultdict(list)
    for _, kind, row in generate(900, 300, contacts=500, quotes=1500):
        if kind == "quotes":
            headers[row["quoteid"]] = row
        elif kind == "quotedetails":
            lines[row["_quoteid_value"]].append(row)
    assert set(lines) <= set(headers)
    return [(header, lines[guid]) for guid, header in headers.items()]


def money(row, name):
    return Decimal(str(row.get(name, 0)))


def test_every_line_is_worth_quantity_times_price_less_its_discount(quotes):
    for _, lines in quotes:
        for line in lines:
            base = money(line, "quantity") * money(line, "priceperunit")
            assert abs(money(line, "baseamount") - base) <= Decimal("0.005")
            assert money(line, "extendedamount") == money(line, "baseamount") - money(
                line, "manualdiscountamount"
            )
            assert line["pricingerrorcode"] == 0


def test_every_header_is_the_sum_of_its_lines_to_the_cent(quotes):
    discounted = 0
    for header, lines in quotes:
        items = sum((money(line, "extendedamount") for line in lines), Decimal(0))
        line_discounts = sum((money(line, "manualdiscountamount") for line in lines), Decimal(0))
        percentage = (items * money(header, "discountpercentage") / 100).quantize(
            Decimal("0.01"), "ROUND_HALF_UP"
        )
        of_header = money(header, "discountamount") + percentage
        assert money(header, "totallineitemamount") == items
        assert money(header, "totallineitemdiscountamount") == line_discounts
        assert money(header, "totaldiscountamount") == line_discounts + of_header
        assert money(header, "totalamountlessfreight") == items - of_header
        assert money(header, "totalamount") == items - of_header + money(header, "freightamount")
        discounted += bool(line_discounts) + bool(of_header)
    assert discounted > 500


def test_ordinary_quotes_have_three_to_six_lines_numbered_from_one(quotes):
    sizes = set()
    for header, lines in quotes:
        if not header["name"].startswith("Quote for "):
            continue
        assert [line["lineitemnumber"] for line in lines] == list(range(1, len(lines) + 1))
        assert {line["quotestatecode"] for line in lines} == {header["statecode"]}
        assert all(money(line, "extendedamount") >= 0 for line in lines)
        sizes.add(len(lines))
    assert sizes == {3, 4, 5, 6}


def test_many_discounts_leave_a_remainder_when_shared_among_the_pieces(quotes):
    shares = [
        money(line, "manualdiscountamount") * 100 % money(line, "quantity")
        for _, lines in quotes
        for line in lines
        if "manualdiscountamount" in line and money(line, "quantity") >= 1
    ]

    assert len([share for share in shares if share]) > 100


def test_a_german_quote_is_in_euro_and_sells_what_demf_sells():
    rows = defaultdict(list)
    for _, kind, row in generate(400, 200, nasty=False):
        rows[kind].append(row)
    german = "b0000000-0000-4000-8000-0000000000a2"
    euro = next(
        c["transactioncurrencyid"] for c in rows["transactioncurrencies"] if c["isocurrencycode"] == "EUR"
    )
    numbers = {p["productid"]: p["productnumber"] for p in rows["products"]}
    demf = {p["ProductNumber"] for p in rows["SellableReleasedProducts"] if p["dataAreaId"] == "demf"}
    quotes = {q["quoteid"]: q for q in rows["quotes"] if q.get("_owningbusinessunit_value") == german}

    assert len(quotes) > 5
    assert {q["_transactioncurrencyid_value"] for q in quotes.values()} == {euro}
    lines = [line for line in rows["quotedetails"] if line["_quoteid_value"] in quotes]
    assert {numbers[line["_productid_value"]] for line in lines} <= demf
