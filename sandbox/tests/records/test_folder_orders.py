"""contacts.csv, sales_orders.csv and sales_order_lines.csv of a folder as contacts and quotes of Sales."""

import tracemalloc
from decimal import Decimal

import pytest

from d365_sandbox.records import load_folder
from support.folders import ACCOUNT, CONTACT, LINE, ORDER, PRODUCT, loaded, refusal, small_folder, write
from support.wire_shape import misfits

FULL_ORDER = ORDER | {
    "contact_email": "catherine0@adventure-works.com",
    "due_date": "2008-06-13",
    "ship_date": "2008-06-08",
    "subtotal": "",
}


@pytest.fixture
def folder(tmp_path):
    """A folder with one contact and one order of one line."""
    small_folder(tmp_path)
    write(tmp_path / "contacts.csv", [CONTACT])
    write(tmp_path / "sales_orders.csv", [FULL_ORDER])
    write(tmp_path / "sales_order_lines.csv", [LINE])
    return tmp_path


def test_a_contact_arrives_with_every_column_and_its_account_as_parent(folder):
    sets = loaded(folder)

    (contact,) = sets["contacts"]
    assert contact.pop("contactid")
    assert contact.pop("modifiedon")
    assert contact == {
        "salutation": "Ms.",
        "firstname": "Catherine",
        "middlename": "R.",
        "lastname": "Abel",
        "jobtitle": "Owner",
        "emailaddress1": "catherine0@adventure-works.com",
        "telephone1": "747-555-0171",
        "_parentcustomerid_value": sets["accounts"][0]["accountid"],
        "statecode": 0,
        "statuscode": 1,
    }


def test_a_contact_without_account_has_no_parent_and_one_of_an_order_s_customer_has(folder):
    write(
        folder / "contacts.csv",
        [CONTACT | {"account_number": ""}, CONTACT | {"contact_id": "2", "account_number": "NEW-1"}],
    )
    write(folder / "sales_orders.csv", [FULL_ORDER | {"account_number": "NEW-1"}])

    sets = loaded(folder)

    parents = [contact.get("_parentcustomerid_value") for contact in sets["contacts"]]
    assert parents == [None, sets["accounts"][1]["accountid"]]


def test_an_order_arrives_as_an_active_quote(folder):
    sets = loaded(folder)
    dollar = next(c for c in sets["transactioncurrencies"] if c["isocurrencycode"] == "USD")

    (quote,) = sets["quotes"]
    assert quote.pop("quoteid") == sets["quotedetails"][0]["_quoteid_value"]
    assert quote.pop("modifiedon")
    assert quote == {
        "quotenumber": "SO1",
        "revisionnumber": 0,
        "name": "Quote SO1",
        "_customerid_value": sets["accounts"][0]["accountid"],
        "_transactioncurrencyid_value": dollar["transactioncurrencyid"],
        "_pricelevelid_value": sets["pricelevels"][0]["pricelevelid"],
        "emailaddress": "catherine0@adventure-works.com",
        "requestdeliveryby": "2008-06-13T00:00:00Z",
        "shipto_line1": "99700 Bell Road",
        "shipto_city": "Auburn",
        "shipto_stateorprovince": "California",
        "shipto_postalcode": "95603",
        "shipto_country": "United States",
        "statecode": 1,
        "statuscode": 2,
        "pricingerrorcode": 0,
        "totallineitemamount": 406.79,
        "totallineitemdiscountamount": 271.2,
        "totaldiscountamount": 271.2,
        "totaltax": 0,
        "totalamountlessfreight": 406.79,
        "totalamount": 406.79,
    }


def test_a_line_keeps_price_and_quantity_and_gets_the_discount_in_money(folder):
    sets = loaded(folder)

    (line,) = sets["quotedetails"]
    assert line.pop("quotedetailid")
    assert line.pop("modifiedon")
    assert line == {
        "_quoteid_value": sets["quotes"][0]["quoteid"],
        "_productid_value": sets["products"][0]["productid"],
        "_uomid_value": sets["uoms"][0]["uomid"],
        "_transactioncurrencyid_value": sets["quotes"][0]["_transactioncurrencyid_value"],
        "quotestatecode": 1,
        "lineitemnumber": 1,
        "producttypecode": 1,
        "propertyconfigurationstatus": 2,
        "isproductoverridden": False,
        "ispriceoverridden": True,
        "pricingerrorcode": 0,
        "quantity": 6,
        "priceperunit": 112.998,
        "manualdiscountamount": 271.2,
        "baseamount": 677.99,
        "extendedamount": 406.79,
    }


def test_products_of_lines_stand_in_sales_ready_to_be_quoted_and_adopted(folder):
    write(
        folder / "products.csv",
        [PRODUCT | {"is_sellable": "false"}, PRODUCT | {"product_number": "UNQUOTED"}],
    )

    sets = loaded(folder)

    (product,), (price,) = sets["products"], sets["productpricelevels"]
    assert (product["productnumber"], product["name"]) == ("FR-R92B-58", "HL Road Frame - Black, 58")
    assert (product["statecode"], product["statuscode"], product["quantitydecimal"]) == (0, 1, 0)
    assert product["_defaultuomscheduleid_value"] == sets["uomschedules"][0]["uomscheduleid"]
    assert product["_defaultuomid_value"] == price["_uomid_value"] == sets["uoms"][0]["uomid"]
    assert (
        product["_pricelevelid_value"]
        == price["_pricelevelid_value"]
        == sets["pricelevels"][0]["pricelevelid"]
    )
    assert (price["_productid_value"], price["amount"]) == (product["productid"], 1431.5)
    assert [p["ProductNumber"] for p in sets["SellableReleasedProducts"]] == ["UNQUOTED"]


def test_the_date_of_shipping_stands_in_for_a_due_date_that_is_empty(folder):
    for dates, wanted in {("", "2008-06-08"): "2008-06-08T00:00:00Z", ("", ""): None}.items():
        write(
            folder / "sales_orders.csv",
            [FULL_ORDER | dict(zip(("due_date", "ship_date"), dates, strict=True))],
        )
        assert loaded(folder)["quotes"][0].get("requestdeliveryby") == wanted


def test_an_order_without_currency_has_its_customer_s(folder):
    write(folder / "accounts.csv", [ACCOUNT | {"currency_code": "EUR"}])
    write(folder / "sales_orders.csv", [FULL_ORDER | {"currency_code": ""}])

    sets = loaded(folder)

    euro = next(c for c in sets["transactioncurrencies"] if c["isocurrencycode"] == "EUR")
    assert sets["quotes"][0]["_transactioncurrencyid_value"] == euro["transactioncurrencyid"]
    lists = {r["pricelevelid"]: r["name"] for r in sets["pricelevels"]}
    assert lists[sets["quotes"][0]["_pricelevelid_value"]] == "Standard EUR"


def test_a_subtotal_that_differs_from_the_lines_is_noted_and_not_copied(folder):
    write(folder / "sales_orders.csv", [FULL_ORDER | {"subtotal": "880.3484"}])
    write(folder / "sales_order_lines.csv", [LINE | {"line_total": "400"}])

    records = load_folder(folder)

    assert records.notes == (
        "sales_order_lines.csv, line 2, column line_total: 400 is not what Sales computes from the lines, 406.79. "
        "The quote has the computed amount.",
        "sales_orders.csv, line 2, column subtotal: 880.3484 is not what Sales computes from the lines, 406.79. "
        "The quote has the computed amount.",
    )
    assert [row["totallineitemamount"] for _, kind, row in records if kind == "quotes"] == [406.79]


def test_a_subtotal_that_differs_by_its_rounding_alone_is_no_note(folder):
    write(folder / "sales_orders.csv", [FULL_ORDER | {"subtotal": "406.7928"}])

    assert load_folder(folder).notes == ()


def test_an_order_without_lines_is_noted(folder):
    write(folder / "sales_orders.csv", [FULL_ORDER, FULL_ORDER | {"order_number": "SO2", "subtotal": "5"}])

    records = load_folder(folder)

    assert records.notes == ("sales_orders.csv, line 3: order 'SO2' has no line in sales_order_lines.csv.",)
    assert [row["totalamount"] for _, kind, row in records if kind == "quotes"] == [406.79, 0]


def test_without_lines_orders_are_no_quotes(folder):
    (folder / "sales_order_lines.csv").unlink()

    sets = loaded(folder)

    assert "quotes" not in sets
    assert "products" not in sets


def test_totals_equal_the_lines_to_the_cent(folder):
    lines = [
        LINE | {"line_number": str(n), "quantity": str(n % 7 + 1), "unit_price": f"{n * 1.3331:.4f}",
                "discount_fraction": ("0", "0.02", "0.333", "")[n % 4], "line_total": ""}
        for n in range(1, 200)
    ]  # fmt: skip
    write(folder / "sales_order_lines.csv", lines)

    sets = loaded(folder)

    def total(column):
        return sum(Decimal(str(line.get(column, 0))) for line in sets["quotedetails"])

    (quote,) = sets["quotes"]
    assert Decimal(str(quote["totalamount"])) == total("extendedamount")
    assert Decimal(str(quote["totallineitemdiscountamount"])) == total("manualdiscountamount") > 100
    assert total("extendedamount") == total("baseamount") - total("manualdiscountamount")


def test_lines_stand_in_any_order_and_quotes_come_before_all_lines(folder):
    write(folder / "sales_orders.csv", [FULL_ORDER, FULL_ORDER | {"order_number": "SO2"}])
    write(
        folder / "sales_order_lines.csv",
        [LINE | {"order_number": "SO2"}, LINE, LINE | {"order_number": "SO2", "line_number": "7"}],
    )

    kinds = [kind for _, kind, _ in load_folder(folder) if kind in ("quotes", "quotedetails")]

    assert kinds == ["quotes", "quotes", "quotedetails", "quotedetails", "quotedetails"]
    assert [q["totalamount"] for q in loaded(folder)["quotes"]] == [406.79, 813.58]


def test_the_same_key_has_the_same_guid_at_every_load(folder):
    first, second = loaded(folder), loaded(folder)

    for kind, key in (("contacts", "contactid"), ("quotes", "quoteid"), ("quotedetails", "quotedetailid")):
        assert [row[key] for row in first[kind]] == [row[key] for row in second[kind]]


def test_every_row_fits_the_fields_of_its_entity(folder):
    found = {m for m in misfits(load_folder(folder)) if ".quotestatecode " not in m}

    assert found == {"quotes._ownerid_value is missing"}


def test_many_lines_are_streamed(folder):
    write(
        folder / "sales_order_lines.csv",
        [LINE | {"line_number": str(n), "remark": "x" * 2_000} for n in range(1, 3_000)],
    )

    tracemalloc.start()
    count = sum(1 for _, kind, _ in load_folder(folder) if kind == "quotedetails")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 2_999
    assert peak < 3_000_000 < (folder / "sales_order_lines.csv").stat().st_size


BAD_CELLS = [
    ("contacts.csv", CONTACT, "contact_id", "", "'' must not be empty"),
    (
        "contacts.csv",
        CONTACT,
        "account_number",
        "AW1",
        "'AW1' is no account number in accounts.csv or sales_orders.csv",
    ),
    ("contacts.csv", CONTACT, "account_number", "aw00000585 ", "is written 'AW00000585' elsewhere"),
    ("contacts.csv", CONTACT, "last_name", "", "'' must not be empty"),
    ("contacts.csv", CONTACT, "last_name", "N" * 51, "has 51 characters, 50 fit"),
    ("contacts.csv", CONTACT, "suffix", "N" * 11, "has 11 characters, 10 fit"),
    ("sales_orders.csv", FULL_ORDER, "order_number", "N" * 101, "has 101 characters, 100 fit"),
    ("sales_orders.csv", FULL_ORDER, "due_date", "13.06.2008", "is not a date"),
    ("sales_orders.csv", FULL_ORDER, "subtotal", "1,5", "'1,5' is not a number"),
    ("sales_order_lines.csv", LINE, "order_number", "SO9", "'SO9' is no order number in sales_orders.csv"),
    ("sales_order_lines.csv", LINE, "product_number", "X-1", "'X-1' is no product number in products.csv"),
    ("sales_order_lines.csv", LINE, "product_number", "fr-r92b-58", "is written 'FR-R92B-58' elsewhere"),
    ("sales_order_lines.csv", LINE, "line_number", "", "'' must not be empty"),
    ("sales_order_lines.csv", LINE, "line_number", "0", "Number the lines of an order from 1"),
    ("sales_order_lines.csv", LINE, "line_number", "1.5", "is not a whole number"),
    ("sales_order_lines.csv", LINE, "quantity", "", "'' must not be empty"),
    ("sales_order_lines.csv", LINE, "quantity", "-1", "'-1' is out of range"),
    ("sales_order_lines.csv", LINE, "quantity", "0.00000000001", "has more than 10 decimals"),
    ("sales_order_lines.csv", LINE, "unit_price", "1.23456", "has more than 4 decimals. Round it"),
    ("sales_order_lines.csv", LINE, "unit_price", "$5", "'$5' is not a number"),
    (
        "sales_order_lines.csv",
        LINE,
        "discount_fraction",
        "40",
        "'40' is out of range. It must lie between 0 and 1",
    ),
    ("sales_order_lines.csv", LINE, "line_total", "much", "'much' is not a number"),
]


@pytest.mark.parametrize(("file", "row", "column", "value", "complaint"), BAD_CELLS)
def test_a_bad_cell_is_named_with_file_line_column_and_value(folder, file, row, column, value, complaint):
    key = {"sales_order_lines.csv": "line_number", "sales_orders.csv": "order_number"}.get(file, "contact_id")
    good = {"line_number": "8"} if key == "line_number" else {key: "OTHER"}
    write(folder / file, [row | good, row | {column: value}])

    sentence = refusal(folder)

    assert sentence.startswith(f"{file}, line 3, column {column}: ")
    assert complaint in sentence
    assert sentence.endswith(".")


def test_a_line_number_that_stands_twice_in_an_order_is_named_with_both_lines(folder):
    write(folder / "sales_order_lines.csv", [LINE, LINE | {"line_number": "2"}, LINE])

    assert "line 4, column line_number: '1' stands on line 2 already" in refusal(folder)


def test_order_numbers_that_sales_takes_for_the_same_are_refused(folder):
    write(folder / "sales_orders.csv", [FULL_ORDER, FULL_ORDER | {"order_number": "so1"}])

    assert "sales_orders.csv, line 3, column order_number: 'so1' stands on line 2 already" in refusal(folder)


def test_lines_without_their_orders_name_the_missing_file(folder):
    (folder / "sales_orders.csv").unlink()

    assert refusal(folder).startswith("sales_orders.csv is missing in ")
