"""F&O sheet, sections 6 to 8 and 13: in which order a write is checked, and what the Infolog says of it."""

import pytest

from support.ordering import (
    customer,
    customer_path,
    fault,
    line,
    line_path,
    order,
    order_path,
    sentence,
    switched,
    unique,
)
from support.running import batch, part


def test_s07_fields_are_set_and_checked_in_payload_order(stocked):
    account = unique("C")
    bad = {"SalesCurrencyCode": "XXX", "CustomerGroupId": "none", "SiteId": "none"}
    for names, caption in (
        (("SalesCurrencyCode", "CustomerGroupId", "SiteId"), "Currency"),
        (("CustomerGroupId", "SiteId", "SalesCurrencyCode"), "Customer group"),
        (("SiteId", "SalesCurrencyCode", "CustomerGroupId"), "Site"),
    ):
        body = {"dataAreaId": "usmf", "CustomerAccount": account, **{name: bad[name] for name in names}}
        assert f"in field '{caption}' is not found" in sentence(stocked.post("CustomersV3", body))


def test_s07_fields_are_checked_before_the_row(stocked):
    answer = stocked.post("CustomersV3", customer(CustomerGroupId="none", SalesCurrencyCode=...))
    assert "in field 'Customer group' is not found" in sentence(answer)
    answer = stocked.post("CDSSalesOrderHeaders", {"CurrencyCode": "XXX"})
    assert "in field 'Currency' is not found" in sentence(answer)


def test_s07_the_row_is_checked_before_it_is_written(stocked):
    row = stocked.create("CustomersV3", customer())
    account = row["CustomerAccount"]
    for changes, words in (
        ({"SalesCurrencyCode": ...}, "Field 'Currency' must be filled in."),
        ({"CustomerGroupId": "none"}, "in field 'Customer group' is not found"),
        ({}, "The record already exists."),
    ):
        assert words in sentence(stocked.post("CustomersV3", customer(CustomerAccount=account, **changes)))


def test_s07_defaults_come_before_the_row_is_checked(stocked):
    row = stocked.create("CDSSalesOrderHeaders", order(CurrencyCode=...))
    assert row["CurrencyCode"] == "USD"


def test_s08_a_mandatory_field_is_missed_by_the_data_source_and_not_by_the_field(stocked):
    assert sentence(stocked.post("CustomersV3", customer(CustomerGroupId=...))) == (
        "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: Field 'Customer group' must be "
        "filled in.; Warning: validateWrite failed on data source 'CustTable (CustTable)'."
    )


def test_s08_an_infolog_has_lines_of_level_info_too(stocked):
    bad = customer(CustomerGroupId="X")
    with switched(stocked, infolog_information=["One address was found"]):
        message = sentence(stocked.post("CustomersV3", bad))
        assert message.startswith(
            "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Info: One address was found; "
            "Warning: The value 'X'"
        )
        assert "Infolog" not in sentence(stocked.post("CustomersV3", customer(NoSuch=1)))
    assert "Info: " not in sentence(stocked.post("CustomersV3", bad))


def test_s08_an_unknown_set_is_a_page_where_the_parameter_says_so(stocked):
    with switched(stocked, unknown_set="page"):
        answer = stocked.get("NoSuchSet")
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (404, "text/html")


@pytest.mark.parametrize(
    "make", [lambda c: c.patch(customer_path(customer()), {"CreditLimit": 1}), lambda c: c.get("NoSuchSet")]
)
def test_s08_what_is_no_refusal_of_a_write_has_another_type(stocked, make):
    answer = make(stocked)
    assert answer.status_code == 404
    assert "AxODataWriteException" not in answer.text


def test_s06_text_that_is_too_long_is_cut_where_the_parameter_says_so(stocked):
    with switched(stocked, long_text="cut"):
        row = stocked.create("CustomersV3", customer(OrganizationName="x" * 200))
    assert row["OrganizationName"] == "x" * 100


@pytest.mark.parametrize(
    ("value", "status"), [("-001---", 204), ("----", 204), ("", 204), ("001", 400), ("-001----", 400)]
)
def test_s06_a_dimension_is_written_in_the_configured_format(stocked, value, status):
    row = stocked.create("CustomersV3", customer())
    with switched(stocked, dimension_parts=5):
        answer = stocked.patch(customer_path(row), {"DefaultDimensionDisplayValue": value})
    assert answer.status_code == status


@pytest.mark.parametrize("field", ["CustomersOrderReference", "CustomerRequisitionNumber"])
@pytest.mark.parametrize("set_name", ["CDSSalesOrderHeaders", "SalesOrderHeadersV2", "SalesOrderHeadersV4"])
def test_s07_an_order_is_found_by_a_reference_of_the_caller(stocked, field, set_name):
    reference = unique("R")
    number = stocked.create(set_name, order(SalesOrderNumber=..., **{field: reference}))["SalesOrderNumber"]
    rows = stocked.rows(f"{set_name}?$filter={field} eq '{reference}'&$select=SalesOrderNumber")
    assert [row["SalesOrderNumber"] for row in rows] == [number]


def test_s07_a_line_is_found_by_a_reference_of_the_caller(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    stocked.create("CDSSalesOrderLines", line(header, 3, ExternalItemNumber="L-3"))
    text = f"SalesOrderNumber eq '{header['SalesOrderNumber']}' and ExternalItemNumber eq 'L-3'"
    assert [
        row["LineCreationSequenceNumber"] for row in stocked.rows(f"CDSSalesOrderLines?$filter={text}")
    ] == [3]


def test_s07_key_fields_of_a_line_cannot_be_changed(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    stocked.create("CDSSalesOrderLines", line(header))
    answer = stocked.patch(line_path(line(header)), {"LineCreationSequenceNumber": 2})
    assert (answer.status_code, fault(answer)["type"].endswith("AxODataWriteException")) == (400, True)


def test_s13_a_request_is_a_transaction_of_its_own(stocked):
    good, bad = order(), order(CurrencyCode="XXX")
    answer = stocked.batch(
        batch(part("POST CDSSalesOrderHeaders", good), part("POST CDSSalesOrderHeaders", bad))
    )
    assert answer.status_code == 200
    assert [stocked.get(order_path(body)).status_code for body in (good, bad)] == [200, 404]
