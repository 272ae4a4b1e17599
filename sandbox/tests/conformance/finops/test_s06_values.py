"""F&O sheet, section 6: values as they are read and written."""

import json

import pytest

from support.ordering import customer, customer_path, line, order, switched


@pytest.fixture
def row(stocked):
    """A new customer with little set."""
    return stocked.create("CustomersV3", customer())


def again(client, row):
    return client.get(customer_path(row)).json()


def change(client, row, **fields):
    answer = client.patch(customer_path(row), fields)
    assert answer.status_code == 204, answer.text
    return again(client, row)


def test_s06_an_empty_string_is_never_null(row):
    assert row["SalesSegmentId"] == ""
    assert None not in row.values()


@pytest.mark.parametrize("empty", [None, ""])
def test_s06_null_and_empty_text_both_mean_empty(stocked, row, empty):
    assert change(stocked, row, PrimaryContactPhone="1")["PrimaryContactPhone"] == "1"
    assert change(stocked, row, PrimaryContactPhone=empty)["PrimaryContactPhone"] == ""


@pytest.mark.parametrize("empty", [None, ""])
def test_s06_empty_text_leaves_a_field_where_the_parameter_says_so(stocked, row, empty):
    change(stocked, row, PrimaryContactPhone="1")
    with switched(stocked, empty_text_clears=False):
        assert change(stocked, row, PrimaryContactPhone=empty)["PrimaryContactPhone"] == "1"


def test_s06_over_long_text_is_refused(stocked, row):
    answer = stocked.patch(customer_path(row), {"NameAlias": "x" * 200})
    assert answer.status_code == 400
    assert "is too long" in answer.text


def test_s06_an_enumeration_is_the_name_of_its_member(stocked, row):
    assert row["OnHoldStatus"] == "No"
    assert change(stocked, row, OnHoldStatus="All")["OnHoldStatus"] == "All"


@pytest.mark.parametrize("value", [1, "NoSuchMember", True])
def test_s06_an_enumeration_takes_nothing_but_names(stocked, row, value):
    assert stocked.patch(customer_path(row), {"OnHoldStatus": value}).status_code == 400


@pytest.mark.parametrize(
    "sent", ["2026-01-31T12:00:00Z", "2026-01-31", "2026-01-31T00:00:00Z", "2026-01-31T22:10:00Z"]
)
def test_s06_a_date_is_noon_utc(stocked, row, sent):
    assert (
        change(stocked, row, CredManNextSchedReviewDate=sent)["CredManNextSchedReviewDate"]
        == "2026-01-31T12:00:00Z"
    )


def test_s06_midnight_with_a_time_zone_shift_moves_the_day(stocked, row):
    found = change(stocked, row, CredManNextSchedReviewDate="2026-01-31T00:00:00+02:00")
    assert found["CredManNextSchedReviewDate"] == "2026-01-30T12:00:00Z"


@pytest.mark.parametrize(
    "sent", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "2026-13-45", "now"]
)
def test_s06_a_moment_that_there_is_not_is_refused(stocked, row, sent):
    assert stocked.patch(customer_path(row), {"CredManNextSchedReviewDate": sent}).status_code == 400


def test_s06_an_empty_date_is_noon_of_the_first_day_of_1900(stocked, row):
    assert row["CredManNextSchedReviewDate"] == "1900-01-01T12:00:00Z"
    change(stocked, row, CredManNextSchedReviewDate="2026-01-31")
    found = change(stocked, row, CredManNextSchedReviewDate="1900-01-01T12:00:00Z")
    assert found["CredManNextSchedReviewDate"] == "1900-01-01T12:00:00Z"
    assert stocked.rows("CustomersV3?$filter=CredManNextSchedReviewDate eq 1900-01-01T12:00:00Z")


def test_s06_an_empty_moment_is_midnight_of_the_first_day_of_1900(row):
    assert row["AddressValidFrom"] == "1900-01-01T00:00:00Z"


def test_s06_a_moment_keeps_its_time(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    assert header["OrderCreationDateTime"].endswith("Z")
    assert not header["OrderCreationDateTime"].startswith("1900")
    assert header["RequestedShippingDate"].endswith("T12:00:00Z")


def test_s06_an_address_without_end_is_valid_until_the_end_of_2154(stocked):
    found = stocked.create("CustomersV3", customer(AddressCity="Redmond", AddressCountryRegionId="USA"))
    assert found["AddressValidTo"] == "2154-12-31T23:59:59Z"


def test_s06_a_decimal_is_a_number_and_0_when_empty(stocked, row):
    assert row["CreditLimit"] == 0
    answer = stocked.session.patch(
        f"{stocked.url}/data/{customer_path(row)}", data=b'{"CreditLimit":1234567.123456}',
        headers={"Content-Type": "application/json"}, timeout=10,
    )  # fmt: skip
    assert answer.status_code == 204
    assert '"CreditLimit":1234567.123456' in stocked.get(customer_path(row)).text


def test_s06_decimals_may_be_asked_for_and_sent_as_text(stocked, row):
    change(stocked, row, CreditLimit="12.50")
    answer = stocked.get(
        f"{customer_path(row)}?$select=CreditLimit", Accept="application/json;IEEE754Compatible=true"
    )
    assert answer.json()["CreditLimit"] == "12.5"
    assert "IEEE754Compatible=true" in answer.headers["Content-Type"]
    assert again(stocked, row)["CreditLimit"] == 12.5


def test_s06_a_record_id_above_2_to_the_53_is_a_whole_number(stocked, row):
    key = {name: row[name] for name in ("dataAreaId", "CustomerAccount")}
    stocked.admin("PUT", "rows/CustomersV3", {**key, "AddressRecordId": 2**53 + 1})
    assert json.loads(stocked.get(customer_path(row)).text)["AddressRecordId"] == 9007199254740993


def test_s06_a_record_id_is_read_only(stocked, row):
    assert stocked.patch(customer_path(row), {"AddressRecordId": 1}).status_code == 400


def test_s06_a_dimension_is_one_string_with_its_blanks(stocked, row):
    found = change(stocked, row, DefaultDimensionDisplayValue="-001---")
    assert found["DefaultDimensionDisplayValue"] == "-001---"


def test_s06_line_amounts_are_computed_in_decimals(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    row = stocked.create("CDSSalesOrderLines", line(header, OrderedSalesQuantity=3, SalesPrice=0.1))
    assert row["LineAmount"] == 0.3
