"""What happens to quotes, rule by rule: one build of many quotes, each good in every way but one."""

from decimal import Decimal

import pytest

from tests.dbt.marks import rule_cases
from tests.dbt.warehouse import OTHER_EACH, SEK, guid

# what the quote is like: (fields of the header, fields of its one line, the rule)
HELD = {
    "whose number has 21 characters": ({"quotenumber": "Q" * 21}, {}, "quote_number_too_long"),
    "without a number": ({"quotenumber": None}, {}, "quote_number_blank"),
    "without a customer": ({"_customerid_value": None}, {}, "quote_customer_blank"),
    "whose customer Sales does not have": (
        {"_customerid_value": guid("account", 999)},
        {},
        "quote_customer_unknown",
    ),
    "without a currency": ({"_transactioncurrencyid_value": None}, {}, "currency_blank"),
    "in a currency that Finance and Operations lacks": (
        {"_transactioncurrencyid_value": SEK},
        {},
        "currency_missing",
    ),
    "to a country that nobody knows": ({"shipto_country": "Utopia"}, {}, "country_unmapped"),
    "to a state that its country lacks": ({"shipto_stateorprovince": "Brunswick"}, {}, "state_unmapped"),
    "to an address without a country": ({"shipto_country": None}, {}, "quote_country_blank"),
    "whose postal code has 11 characters": ({"shipto_postalcode": "1" * 11}, {}, "value_too_long"),
    "whose total is another than its lines'": ({"totallineitemamount": 22}, {}, "quote_total_differs"),
    "whose delivery date is no date": ({"requestdeliveryby": "soon"}, {}, "value_unreadable"),
    "with a write-in product": (
        {},
        {"isproductoverridden": True, "_productid_value": None, "productdescription": "A ride"},
        "quote_line_write_in",
    ),
    "with a line without a product": ({}, {"_productid_value": None}, "quote_line_product_blank"),
    "with a product that was entered in Sales": (
        {},
        {"_productid_value": guid("product", 2)},
        "quote_line_product_foreign",
    ),
    "with a product of another company": (
        {},
        {"_productid_value": guid("product", 3)},
        "quote_line_product_not_released",
    ),
    "with a bundle": ({}, {"producttypecode": 2}, "quote_line_bundle"),
    "with a part of a bundle": ({}, {"producttypecode": 4}, "quote_line_bundle"),
    "with a project line": ({}, {"producttypecode": 5}, "quote_line_bundle"),
    "with a unit that Finance and Operations lacks": (
        {},
        {"_uomid_value": guid("unit", 77)},
        "quote_line_unit_unmapped",
    ),
    "of nothing": ({"totallineitemamount": 0}, {"quantity": 0, "extendedamount": 0}, "quote_line_quantity"),
    "of less than nothing": (
        {"totallineitemamount": -21},
        {"quantity": -2, "extendedamount": -21},
        "quote_line_quantity",
    ),
    "of a part of something whole": (
        {"totallineitemamount": 10.5},
        {"quantity": 0.0000000001, "extendedamount": 10.5},
        "quote_line_quantity_decimals",
    ),
    "at a price below zero": (
        {"totallineitemamount": -21},
        {"priceperunit": -10.5, "extendedamount": -21},
        "quote_line_price",
    ),
    "whose line Sales computes otherwise": (
        {"totallineitemamount": 20},
        {"extendedamount": 20},
        "quote_line_amount_unexplained",
    ),
    "whose quantity is no number": ({}, {"quantity": "12x"}, "value_unreadable"),
}
EXCLUDED = {
    "that is a draft": ({"statecode": 0, "statuscode": 1}, "quote_draft"),
    "that was lost": ({"statecode": 3, "statuscode": 5}, "quote_lost"),
    "that was canceled": ({"statecode": 3, "statuscode": 6}, "quote_canceled"),
    "that is being revised": ({"statecode": 3, "statuscode": 7}, "quote_being_revised"),
}


@pytest.fixture(scope="module")
def keys(warehouse):
    """{what the quote is like: its key}, after one build of them all."""
    warehouse.account(1)
    warehouse.product("P-1")
    warehouse.product("P-3", "demf")
    for n in (1, 2, 3):
        warehouse.sales_product(n, f"P-{n}")
    warehouse.land(
        "sales", "uoms", {"uomid": guid("unit", 77), "name": "Barrel", "_uomscheduleid_value": None}
    )
    landed = {}
    for n, (case_name, (header, line, _)) in enumerate(HELD.items(), 100):
        landed[case_name] = warehouse.quote(n, 0, **{"totallineitemamount": 21, **header})
        warehouse.quote_line(n, 1, **line)
    for n, (case_name, (header, _)) in enumerate(EXCLUDED.items(), 200):
        landed[case_name] = warehouse.quote(n, **header)
    landed["good"] = warehouse.quote(1, 2)
    landed["won"] = warehouse.quote(2, statecode=2, statuscode=4)
    landed["without lines"] = warehouse.quote(3, 0)
    landed["without a date"] = warehouse.quote(4, requestdeliveryby=None)
    landed["of 1900"] = warehouse.quote(5, requestdeliveryby="1900-01-01T00:00:00Z")
    landed["with a discount on the header"] = warehouse.quote(6, discountpercentage=5, freightamount=10)
    landed["with a long name"] = warehouse.quote(7, name="N" * 130)
    landed["blank ship-to"] = warehouse.quote(
        8,
        **dict.fromkeys(
            ("shipto_line1", "shipto_city", "shipto_stateorprovince", "shipto_postalcode", "shipto_country")
        ),
    )
    landed["same number"] = warehouse.quote(9, quotenumber="Same-1")
    warehouse.quote(10, quotenumber="SAME-1", revisionnumber=1)
    landed["revised"] = warehouse.quote(11, statecode=3, statuscode=7, name="Old")
    warehouse.quote(12, quotenumber="QUO-0011", revisionnumber=1, name="New")
    landed["revised, deleted again"] = warehouse.quote(13, name="Kept")
    warehouse.quote(14, quotenumber="QUO-0013", revisionnumber=1, statecode=0, statuscode=1)
    warehouse.vanish("sales", "quotes", guid("quote", 14))
    landed["deleted"] = warehouse.quote(15)
    warehouse.vanish("sales", "quotes", guid("quote", 15))
    landed["for a contact"] = warehouse.quote(16, _customerid_value=guid("contact", 1))
    warehouse.land(
        "sales",
        "contacts",
        {"contactid": guid("contact", 1), "firstname": "Ada", "lastname": "Byron", "statecode": 0,
         "_transactioncurrencyid_value": None, "address1_country": "United States"},
    )  # fmt: skip
    landed["deleted line"] = warehouse.quote(17, 2, totallineitemamount=21)
    warehouse.vanish("sales", "quotedetails", guid("quote line 17", 2))
    landed["odd numbers"] = warehouse.quote(18, 0, totallineitemamount=84)
    for place, number in enumerate((None, 0, 7, 7)):
        warehouse.quote_line(18, 50 + place, lineitemnumber=number)
    landed["sequence"] = warehouse.quote(19, 0, totallineitemamount=21)
    warehouse.quote_line(19, 1, lineitemnumber=4, sequencenumber=9)
    landed["other unit"] = warehouse.quote(20, 0, totallineitemamount=21)
    warehouse.quote_line(20, 1, _uomid_value=OTHER_EACH)
    landed["quarantined"] = warehouse.quote(21)
    warehouse.quarantine("sales", "quotes", guid("quote", 21), "name")
    landed["quarantined line"] = warehouse.quote(22)
    warehouse.quarantine("sales", "quotedetails", guid("quote line 22", 1), "description")
    for n, status in enumerate(("Created", "Sent", "Confirmed", "Lost", "Cancelled", "Submitted"), 30):
        landed[f"quotation {status}"] = warehouse.quote(n)
        warehouse.land(
            "finops",
            "CDSSalesQuotationHeaders",
            {"dataAreaId": "usmf", "SalesQuotationNumber": f"QUO-{n:04}", "SalesQuotationStatus": status},
        )
    landed["left open"] = warehouse.quote(36, statecode=3, statuscode=5)
    warehouse.land(
        "finops",
        "CDSSalesQuotationHeaders",
        {"dataAreaId": "USMF", "SalesQuotationNumber": "quo-0036", "SalesQuotationStatus": "Created"},
    )
    landed["other amount"] = warehouse.quote(37)
    warehouse.land(
        "finops",
        "CDSSalesQuotationLines",
        {
            "dataAreaId": "usmf",
            "SalesQuotationNumber": "QUO-0037",
            "LineCreationSequenceNumber": 1,
            "LineAmount": 20.5,
        },
    )
    renumbered = warehouse.account(50, accountnumber="A-NEW")
    warehouse.run(
        """
        insert into sync.identity (env_id, entity, source_key, company, target_key, answer, pinned_run)
        values ('erp.example', 'CustomersV3', %s, 'demf', '{"dataAreaId": "demf", "CustomerAccount": "A-OLD"}', '{}', 1)
        """,
        renumbered,
    )
    landed["for a renumbered customer"] = warehouse.quote(
        38, 0, _customerid_value=renumbered, totallineitemamount=21
    )
    warehouse.quote_line(38, 1, _productid_value=guid("product", 3))
    landed["strange line"] = warehouse.quote(40)
    landed["changed since"] = warehouse.quote(41)
    for n, number, amount in ((40, 99, 5), (41, 1, 20.5), (41, 99, 5)):
        row = {
            "dataAreaId": "usmf",
            "SalesQuotationNumber": f"QUO-{n:04}",
            "LineCreationSequenceNumber": number,
        }
        warehouse.land("finops", "CDSSalesQuotationLines", {**row, "LineAmount": amount})
    warehouse.quote(41)
    warehouse.build("quotes", max_blocked_share=1.0)
    return landed


def lines(warehouse, key: str) -> dict[int, dict]:
    found = warehouse.rows("select * from outbound.outbound_finops__quote_lines where document = %s", key)
    return {row["target_key"]["LineCreationSequenceNumber"]: row for row in found}


@pytest.mark.parametrize("case_name", rule_cases("quotes", HELD))
def test_a_quote_is_held_as_a_whole_and_alone(warehouse, keys, case_name):
    assert warehouse.violations("quotes", keys[case_name])[HELD[case_name][2]] == "block"
    assert warehouse.envelope("finops__quotes", keys[case_name]) is None
    assert lines(warehouse, keys[case_name]) == {}


@pytest.mark.parametrize("case_name", rule_cases("quotes", EXCLUDED))
def test_a_quote_is_excluded(warehouse, keys, case_name):
    assert warehouse.violations("quotes", keys[case_name]) == {EXCLUDED[case_name][1]: "exclude"}
    assert warehouse.envelope("finops__quotes", keys[case_name]) is None


def test_a_good_quote_becomes_a_document_of_header_and_lines(warehouse, keys):
    header = warehouse.envelope("finops__quotes", keys["good"])

    assert warehouse.violations("quotes", keys["good"]) == {}
    assert header["target_key"] == {"dataAreaId": "usmf", "SalesQuotationNumber": "QUO-0001"}
    assert header["body"]["RequestingCustomerAccountNumber"] == "A-0001"
    assert header["body"]["RequestedShippingDate"] == "2026-03-01T12:00:00Z"
    assert header["requires"] == [f"accounts:{guid('account', 1)}", 'products:["usmf", "P-1"]']
    found = lines(warehouse, keys["good"])
    assert sorted(found) == [1, 2]
    assert found[1]["requires"] == ["quotes:quo-0001"]
    assert found[1]["body"] == {
        "ProductNumber": "P-1",
        "RequestedSalesQuantity": 2,
        "SalesUnitSymbol": "ea",
        "SalesPrice": 10.5,
        "SalesPriceQuantity": 1,
        "LineDiscountAmount": 0,
        "RequestedShippingDate": "2026-03-01T12:00:00Z",
    }


def test_the_broken_line_and_its_product_are_named(warehouse, keys):
    row = warehouse.rows(
        "select record, field, value from validation.violations_quotes where source_key = %s",
        keys["with a product that was entered in Sales"],
    )[0]

    assert (row["field"], row["value"]) == ("line 1", "P-2")


def test_a_quote_that_was_won_before_it_was_read_still_goes(warehouse, keys):
    assert warehouse.envelope("finops__quotes", keys["won"])["operation"] == "upsert"


@pytest.mark.rule("quotes", "quote_without_lines")
def test_a_quote_without_lines_is_held(warehouse, keys):
    assert warehouse.violations("quotes", keys["without lines"])["quote_without_lines"] == "block"


@pytest.mark.parametrize("case_name", ["without a date", "of 1900"])
def test_a_blank_delivery_date_gets_the_literal_default_of_the_2017_template(warehouse, keys, case_name):
    body = warehouse.envelope("finops__quotes", keys[case_name])["body"]

    assert body["RequestedShippingDate"] == "2020-01-01T12:00:00Z"
    assert lines(warehouse, keys[case_name])[1]["body"]["RequestedShippingDate"] == "2020-01-01T12:00:00Z"


@pytest.mark.rule("quotes", "quote_header_amounts")
def test_header_discount_and_freight_are_never_sent_and_said_so(warehouse, keys):
    key = keys["with a discount on the header"]

    assert warehouse.violations("quotes", key) == {"quote_header_amounts": "warn"}
    assert not [name for name in warehouse.envelope("finops__quotes", key)["body"] if "Discount" in name]


@pytest.mark.rule("quotes", "quote_name_cut")
def test_a_long_name_is_cut_and_said_so(warehouse, keys):
    key = keys["with a long name"]

    assert warehouse.violations("quotes", key) == {"quote_name_cut": "warn"}
    assert warehouse.envelope("finops__quotes", key)["body"]["SalesQuotationName"] == "N" * 100


def test_a_quote_without_any_ship_to_goes_over_without_address_and_country(warehouse, keys):
    assert warehouse.violations("quotes", keys["blank ship-to"]) == {}
    address = warehouse.envelope("finops__quotes", keys["blank ship-to"])["body"]["block:ship_to"]
    assert address.pop("IsDeliveryAddressOrderSpecific") == "No"
    assert set(address.values()) == {None}


@pytest.mark.rule("quotes", "quote_number_shared")
def test_quotes_whose_numbers_differ_in_case_only_are_held(warehouse, keys):
    assert warehouse.violations("quotes", keys["same number"])["quote_number_shared"] == "block"


def test_the_newest_revision_is_the_content_of_the_document(warehouse, keys):
    assert warehouse.envelope("finops__quotes", keys["revised"])["body"]["SalesQuotationName"] == "New"


def test_a_revision_that_was_deleted_again_leaves_the_older_one(warehouse, keys):
    body = warehouse.envelope("finops__quotes", keys["revised, deleted again"])["body"]

    assert body["SalesQuotationName"] == "Kept"


@pytest.mark.rule("quotes", "quote_deleted")
def test_a_deleted_quote_is_excluded(warehouse, keys):
    assert warehouse.violations("quotes", keys["deleted"]) == {"quote_deleted": "exclude"}


def test_a_quote_for_a_contact_waits_for_the_contact_as_a_customer(warehouse, keys):
    header = warehouse.envelope("finops__quotes", keys["for a contact"])

    assert header["requires"][0] == f"contact_customers:{guid('contact', 1)}"
    assert header["body"]["RequestingCustomerAccountNumber"].startswith("CON-")


def test_a_quote_goes_to_the_number_and_company_that_its_customer_was_delivered_under(warehouse, keys):
    header = warehouse.envelope("finops__quotes", keys["for a renumbered customer"])

    assert header["body"]["RequestingCustomerAccountNumber"] == "A-OLD"
    assert header["company"] == "demf"


def test_a_deleted_line_is_not_sent(warehouse, keys):
    assert list(lines(warehouse, keys["deleted line"])) == [1]


def test_lines_without_a_number_of_their_own_get_one_each_that_stays(warehouse, keys):
    found = lines(warehouse, keys["odd numbers"])

    assert len(found) == 4
    assert all(number >= 100_000_000 for number in found)


def test_the_sequence_number_comes_before_the_line_item_number(warehouse, keys):
    assert list(lines(warehouse, keys["sequence"])) == [9]


def test_a_unit_is_known_by_its_description_in_finance_and_operations(warehouse, keys):
    assert lines(warehouse, keys["other unit"])[1]["body"]["SalesUnitSymbol"] == "ea"


@pytest.mark.rule("quotes", "payload_unreadable")
def test_a_quote_with_unreadable_text_is_held_by_name(warehouse, keys):
    assert warehouse.violations("quotes", keys["quarantined"]) == {"payload_unreadable": "block"}
    assert warehouse.violations("quotes", keys["quarantined line"]) == {"payload_unreadable": "block"}


@pytest.mark.parametrize(
    ("status", "rule"),
    [
        ("Created", None),
        *(
            pytest.param(status, rule, marks=pytest.mark.rule("quotes", rule))
            for status, rule in (
                ("Sent", "quotation_sent"),
                ("Confirmed", "quotation_confirmed"),
                ("Lost", "quotation_lost"),
                ("Cancelled", "quotation_cancelled"),
                ("Submitted", "quotation_in_process"),
            )
        ),
    ],
)
def test_what_was_done_with_a_quotation_decides_whether_it_may_be_changed(warehouse, keys, status, rule):
    key = keys[f"quotation {status}"]

    assert warehouse.envelope("finops__quotes", key)["locked"] == rule
    assert lines(warehouse, key)[1]["locked"] == rule


@pytest.mark.rule("quotes", "quotation_left_open")
def test_a_lost_quote_whose_quotation_is_open_is_told(warehouse, keys):
    assert warehouse.violations("quotes", keys["left open"]) == {
        "quote_lost": "exclude",
        "quotation_left_open": "warn",
    }


@pytest.mark.rule("quotes", "line_amount_differs")
def test_another_amount_in_finance_and_operations_is_told(warehouse, keys):
    key = keys["other amount"]
    row = warehouse.rows("select field, value from validation.violations_quotes where source_key = %s", key)[
        0
    ]

    assert warehouse.violations("quotes", key) == {"line_amount_differs": "warn"}
    assert (row["field"], row["value"]) == ("line 1", "20.5 against 21")


def test_no_line_amount_is_lost_on_the_way(warehouse, keys):
    amount = warehouse.one(
        "select sum((body ->> 'SalesPrice')::numeric * (body ->> 'RequestedSalesQuantity')::numeric)"
        " from outbound.outbound_finops__quote_lines where document = 'quo-0001'"
    )

    assert amount == Decimal(42)


@pytest.mark.rule("quotes", "quotation_line_unknown")
def test_a_line_that_somebody_added_to_the_quotation_is_told(warehouse, keys):
    row = warehouse.rows(
        "select broken_rule, field from validation.violations_quotes where source_key = %s",
        keys["strange line"],
    )

    assert row == [{"broken_rule": "quotation_line_unknown", "field": "line 99"}]


def test_a_quotation_that_was_read_before_the_quote_changed_is_not_compared(warehouse, keys):
    assert warehouse.violations("quotes", keys["changed since"]) == {}
