"""Quotes under settings other than the July 2017 templates'."""

import pytest

from tests.dbt.warehouse import guid

SHIP_TO = ("shipto_line1", "shipto_city", "shipto_stateorprovince", "shipto_postalcode", "shipto_country")


@pytest.fixture
def quotes(fresh_warehouse):
    fresh_warehouse.account(1)
    fresh_warehouse.product("P-1")
    fresh_warehouse.sales_product(1, "P-1")
    return fresh_warehouse


def line(warehouse, key: str) -> dict:
    return warehouse.rows("select * from outbound.outbound_finops__quote_lines where document = %s", key)[0]


def test_a_line_item_discount_goes_per_unit_and_what_is_left_over_as_a_charge(quotes):
    key = quotes.quote(1, 0, totallineitemamount=90)
    quotes.quote_line(
        1, 1, quantity=3, priceperunit=33.3333333333, manualdiscountamount=10, extendedamount=90
    )

    quotes.build("quotes", line_discount="line_item")

    body = line(quotes, key)["body"]
    assert (body["LineDiscountAmount"], body["FixedPriceCharges"]) == (3.33, -0.01)


def test_a_discount_per_unit_goes_as_it_is_and_makes_no_charge(quotes):
    key = quotes.quote(1, 0, totallineitemamount=70.5)
    quotes.quote_line(
        1,
        1,
        quantity=3,
        priceperunit=33.5,
        manualdiscountamount=10,
        volumediscountamount=0.5,
        extendedamount=70,
        tax=1,
    )
    quotes.land(
        "sales", "quotes", {"quoteid": guid("quote", 1), "quotenumber": "QUO-0001", "statecode": 1, "totallineitemamount": 69,
                            "_customerid_value": guid("account", 1), "shipto_country": "us",
                            "_transactioncurrencyid_value": "00000000-0000-4000-8000-0000000000c0"}
    )  # fmt: skip

    quotes.build("quotes")

    body = line(quotes, key)["body"]
    assert body["LineDiscountAmount"] == 10.5
    assert "FixedPriceCharges" not in body
    assert quotes.violations("quotes", key) == {}


def test_the_direct_templates_take_a_blank_country_as_the_united_states_but_not_of_a_blank_ship_to(quotes):
    blank = quotes.quote(1, **dict.fromkeys(SHIP_TO))
    street = quotes.quote(2, shipto_country=None, shipto_stateorprovince=None)

    quotes.build("quotes", quote_country_when_blank="US")

    for key, specific, country in ((blank, "No", None), (street, "Yes", "US")):
        address = quotes.envelope("finops__quotes", key)["body"]["block:ship_to"]
        assert address["DeliveryAddressCountryRegionISOCode"] == country
        assert address["IsDeliveryAddressOrderSpecific"] == specific


@pytest.mark.rule("quotes", "quote_country_blank")
def test_a_blank_ship_to_can_be_held(quotes):
    key = quotes.quote(1, **dict.fromkeys(SHIP_TO))

    quotes.build("quotes", quote_blank_ship_to="hold", quote_country_when_blank="US")

    assert quotes.violations("quotes", key) == {"quote_country_blank": "block"}


@pytest.mark.rule("quotes", "quote_date_blank")
def test_without_a_default_a_quote_without_a_date_is_held(quotes):
    key = quotes.quote(1, requestdeliveryby=None)

    quotes.build("quotes", quote_date_when_blank="")

    assert quotes.violations("quotes", key) == {"quote_date_blank": "block"}


def test_a_line_may_have_a_delivery_date_of_its_own(quotes):
    key = quotes.quote(1, 0, totallineitemamount=21)
    quotes.quote_line(1, 1, requestdeliveryby="2026-04-01T00:00:00Z")

    quotes.build("quotes")

    assert line(quotes, key)["body"]["RequestedShippingDate"] == "2026-04-01T12:00:00Z"


@pytest.mark.rule("quotes", "site_missing")
@pytest.mark.rule("quotes", "warehouse_missing")
def test_site_and_warehouse_may_be_set_and_must_exist_in_the_company(quotes):
    key = quotes.quote(1)

    quotes.build("quotes", quote_site_id="1", quote_warehouse_id="13")
    assert line(quotes, key)["body"]["ShippingWarehouseId"] == "13"
    quotes.build("quotes", quote_site_id="9", quote_warehouse_id="13")

    assert quotes.violations("quotes", key) == {"site_missing": "block", "warehouse_missing": "block"}


@pytest.mark.rule("quotes", "quote_won")
def test_won_quotes_may_be_left_out(quotes):
    key = quotes.quote(1, statecode=2, statuscode=4)

    quotes.build("quotes", quote_won_counts=False)

    assert quotes.violations("quotes", key) == {"quote_won": "exclude"}


@pytest.mark.parametrize("status", ["Created", "Confirmed"])
def test_the_quotation_of_a_lost_quote_may_be_deleted_while_it_is_only_created(quotes, status):
    key = quotes.quote(1, statecode=3, statuscode=5)
    row = {"dataAreaId": "usmf", "SalesQuotationNumber": "QUO-0001", "SalesQuotationStatus": status}
    quotes.land("finops", "CDSSalesQuotationHeaders", row)

    quotes.build("quotes", quote_close="delete")

    envelope = quotes.envelope("finops__quotes", key)
    assert (envelope and envelope["operation"]) == ("remove" if status == "Created" else None)


def test_a_sent_quotation_may_be_written_by_policy(quotes):
    key = quotes.quote(1)
    row = {"dataAreaId": "usmf", "SalesQuotationNumber": "QUO-0001", "SalesQuotationStatus": "Sent"}
    quotes.land("finops", "CDSSalesQuotationHeaders", row)

    quotes.build("quotes", quote_sent="write")

    assert quotes.envelope("finops__quotes", key)["locked"] is None


def test_prices_may_be_left_to_finance_and_operations(quotes):
    key = quotes.quote(1)

    quotes.build("quotes", send_sales_price=False)

    assert not {"SalesPrice", "SalesPriceQuantity"} & set(line(quotes, key)["body"])


def test_the_check_of_totals_may_be_switched_off(quotes):
    key = quotes.quote(1, totallineitemamount=5)

    quotes.build("quotes", quote_total_check="off")

    assert quotes.violations("quotes", key) == {}


def test_a_line_keeps_its_number_through_revisions_whose_lines_have_none(quotes):
    key = quotes.quote(1, 0, statecode=3, statuscode=7)
    quotes.quote_line(1, 1, lineitemnumber=None)
    quotes.build("quotes")
    quotes.land("sales", "quotes", {"quoteid": guid("quote", 1), "quotenumber": "QUO-0001", "statecode": 1,
                                    "totallineitemamount": 21, "_customerid_value": guid("account", 1),
                                    "shipto_country": "us",
                                    "_transactioncurrencyid_value": "00000000-0000-4000-8000-0000000000c0"})  # fmt: skip
    quotes.build("quotes")
    before = line(quotes, key)["source_key"]
    quotes.quote(2, 0, quotenumber="QUO-0001", revisionnumber=1, totallineitemamount=21)
    quotes.quote_line(2, 1, lineitemnumber=None)

    quotes.build("quotes")

    assert line(quotes, key)["source_key"] == before


@pytest.mark.rule("quotes", "state_not_sent")
def test_a_state_of_a_country_without_states_in_the_map_is_left_out_with_a_warning(quotes):
    key = quotes.quote(1, shipto_country="Germany", shipto_stateorprovince="Bayern")

    quotes.build("quotes")

    assert quotes.violations("quotes", key) == {"state_not_sent": "warn"}
    address = quotes.envelope("finops__quotes", key)["body"]["block:ship_to"]
    assert address.get("DeliveryAddressState") is None


@pytest.mark.rule("quotes", "quote_company_unknown")
def test_a_quote_is_held_while_its_customer_belongs_to_no_company(quotes):
    key = quotes.quote(1)

    quotes.build("quotes", company_from="business_unit")

    assert quotes.violations("quotes", key)["quote_company_unknown"] == "block"
    assert quotes.envelope("finops__quotes", key) is None


@pytest.mark.rule("quotes", "quote_line_number_shared")
def test_a_number_that_a_line_was_given_and_another_one_has_holds_the_quote(quotes):
    key = quotes.quote(1, 0, totallineitemamount=21)
    quotes.quote_line(1, 1, lineitemnumber=None)
    quotes.build("quotes")
    given = line(quotes, key)["target_key"]["LineCreationSequenceNumber"]
    quotes.quote_line(1, 2, lineitemnumber=None, sequencenumber=given)
    quotes.quote(1, 0, totallineitemamount=42)

    quotes.build("quotes")

    assert quotes.violations("quotes", key) == {"quote_line_number_shared": "block"}
