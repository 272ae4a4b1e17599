"""Requested delivery dates: columns that show a date and hold an instant, written by forms and by other programs (ruling 19)."""

import pytest


@pytest.fixture
def quotes(fresh_warehouse):
    fresh_warehouse.account(1)
    fresh_warehouse.product("P-1")
    fresh_warehouse.sales_product(1, "P-1")
    return fresh_warehouse


def shipped(warehouse, key: str) -> tuple[str, str]:
    """The date of the header and that of its first line."""
    header = warehouse.envelope("finops__quotes", key)["body"]["RequestedShippingDate"]
    line = warehouse.envelope("finops__quote_lines", f"{key}:1")["body"]["RequestedShippingDate"]
    return header[:10], line[:10]


# Value in Sales, time zone code of its row, the date that was typed, and whether that is certain; by var sales_time_zone.
TYPED = {
    "": [
        ("2026-05-01T00:00:00Z", None, "2026-05-01", True),
        ("2026-05-01T00:00:00Z", 4, "2026-05-01", True),
        ("2026-04-30T22:00:00Z", 110, "2026-05-01", True),
        ("2026-12-31T23:00:00Z", 110, "2027-01-01", True),
        ("2026-05-01T07:00:00Z", 4, "2026-05-01", True),
        ("2026-04-30T18:30:00Z", 190, "2026-05-01", True),
        ("2026-04-30T12:00:00Z", 290, "2026-05-01", True),
        ("2026-04-30T22:00:00Z", None, "2026-05-01", False),
        ("2026-05-01T07:00:00Z", 9999, "2026-05-01", False),
    ],
    "Europe/Berlin": [
        ("2026-04-30T22:00:00Z", None, "2026-05-01", True),
        ("2026-04-30T22:00:00Z", 4, "2026-05-01", True),
        ("2026-05-01T09:15:00Z", 110, "2026-05-01", False),
    ],
}


@pytest.mark.parametrize("zone", TYPED)
def test_the_date_that_was_typed_goes_over(quotes, zone):
    keys = []
    for n, (value, code, _, _) in enumerate(TYPED[zone], start=1):
        fields = {"requestdeliveryby": value, "utcconversiontimezonecode": code}
        keys.append(quotes.quote(n, 0, totallineitemamount=21, **fields))
        quotes.quote_line(n, 1, **fields)

    quotes.build("quotes", sales_time_zone=zone)

    told: dict[str, dict[str, str]] = {key: {} for key in keys}
    for row in quotes.rows(
        "select source_key, field, value from validation.violations_quotes where broken_rule = 'date_zone_uncertain'"
    ):
        told[row["source_key"]][row["field"]] = row["value"]
    for key, (value, code, date, is_certain) in zip(keys, TYPED[zone], strict=True):
        uncertain = {} if is_certain else {"requestdeliveryby": value, "line 1 requestdeliveryby": value}
        assert (shipped(quotes, key), told[key]) == ((date, date), uncertain), (value, code)


def test_a_date_without_the_zone_of_its_row_is_read_in_the_zone_of_its_owner(quotes):
    berlin, nowhere = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
    for owner, code in ((berlin, 110), (nowhere, 9999)):
        quotes.land("sales", "usersettingscollection", {"systemuserid": owner, "timezonecode": code})
    keys = [
        quotes.quote(n, 1, _ownerid_value=owner, requestdeliveryby="2026-04-30T22:00:00Z")
        for n, owner in enumerate((berlin, nowhere), start=1)
    ]
    quotes.quote_line(1, 1, requestdeliveryby="2026-04-30T22:00:00Z")

    quotes.build("quotes")

    assert shipped(quotes, keys[0]) == ("2026-05-01", "2026-05-01")
    assert quotes.violations("quotes", keys[0]) == {}
    assert quotes.violations("quotes", keys[1]) == {"date_zone_uncertain": "warn"}


@pytest.mark.rule("quotes", "date_zone_uncertain")
def test_a_date_that_is_midnight_nowhere_is_told(quotes):
    key = quotes.quote(1, requestdeliveryby="2026-05-01T09:15:00Z")
    quotes.build("quotes")
    assert quotes.violations("quotes", key) == {"date_zone_uncertain": "warn"}


@pytest.mark.rule("quotes", "quote_date_out_of_range")
def test_a_date_that_the_target_cannot_hold_holds_the_quote(quotes):
    key = quotes.quote(1, requestdeliveryby="2155-01-01T00:00:00Z")
    quotes.build("quotes")
    assert quotes.violations("quotes", key) == {"quote_date_out_of_range": "block"}


def test_a_time_zone_that_does_not_exist_stops_the_build_with_a_sentence(quotes):
    result = quotes.build("quotes", expect=False, sales_time_zone="Europe/Berlinn")
    assert "Var 'sales_time_zone' is 'Europe/Berlinn'" in str(quotes.failures(result))


@pytest.mark.rule("quotes", "quote_line_unpriced")
@pytest.mark.parametrize("line", [{"pricingerrorcode": 11}, {"priceperunit": 0, "extendedamount": 0}])
def test_a_line_without_a_valid_price_holds_its_quote(quotes, line):
    key = quotes.quote(1, 0, totallineitemamount=line.get("extendedamount", 21))
    quotes.quote_line(1, 1, **line)
    other = quotes.quote(2, pricingerrorcode=0)

    quotes.build("quotes")

    assert quotes.violations("quotes", key) == {"quote_line_unpriced": "block"}
    assert quotes.violations("quotes", other) == {}


def test_a_line_at_0_of_a_product_that_costs_nothing_goes_over(quotes):
    quotes.product("P-1", SalesPrice=0)
    key = quotes.quote(1, 0, totallineitemamount=0)
    quotes.quote_line(1, 1, priceperunit=0, extendedamount=0)
    quotes.build("quotes")
    assert quotes.violations("quotes", key) == {}


@pytest.mark.rule("quotes", "quote_line_product_deleted")
def test_a_line_whose_product_was_deleted_in_sales_says_so(quotes):
    key = quotes.quote(1)
    quotes.vanish("sales", "products", quotes.sales_product(1, "P-1"))
    quotes.build("quotes")
    assert quotes.violations("quotes", key) == {"quote_line_product_deleted": "block"}


@pytest.mark.rule("quotes", "quote_line_product_discontinued")
def test_a_line_whose_product_is_no_longer_sold_says_so(quotes):
    key = quotes.quote(1)
    quotes.vanish("finops", "SellableReleasedProducts", quotes.product("P-1"), absent_reads=5)
    quotes.build("quotes")
    assert quotes.violations("quotes", key)["quote_line_product_discontinued"] == "block"
    assert "quote_line_product_foreign" not in quotes.violations("quotes", key)
