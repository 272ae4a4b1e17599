"""F&O sheet, section 7: create, update, delete, number sequences, defaults and required fields."""

import pytest

from support.ordering import (
    ENUM,
    customer,
    customer_path,
    line,
    line_path,
    order,
    order_path,
    sentence,
    switched,
    unique,
)
from support.quoting import header as quotation


@pytest.fixture
def ordered(stocked):
    return stocked.create("CDSSalesOrderHeaders", order())


def test_s07_post_answers_201_with_the_whole_row_and_its_location(stocked):
    answer = stocked.post("CustomersV3", customer(CustomerAccount="L/1"))
    assert answer.status_code == 201
    assert len(answer.json()) > 300
    assert (
        answer.headers["Location"]
        == f"{stocked.url}/data/CustomersV3(dataAreaId='usmf',CustomerAccount='L%2F1')"
    )
    assert stocked.get(answer.headers["Location"]).json()["CustomerAccount"] == "L/1"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_s07_patch_and_put_answer_204_and_change_what_they_name(stocked, ordered, method):
    answer = stocked.call(method, order_path(ordered), {"CustomersOrderReference": "x"})
    assert (answer.status_code, answer.content) == (204, b"")
    row = stocked.get(order_path(ordered)).json()
    assert (row["CustomersOrderReference"], row["SalesOrderName"]) == ("x", "Adatum")


def test_s07_delete_answers_204_and_takes_the_lines_along(stocked, ordered):
    stocked.create("CDSSalesOrderLines", line(ordered))
    assert stocked.delete(order_path(ordered)).status_code == 204
    assert stocked.get(order_path(ordered)).status_code == 404
    assert stocked.get(line_path(line(ordered))).status_code == 404


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_s07_there_is_no_upsert_a_missing_key_is_404(stocked, method):
    body = None if method == "DELETE" else {"CreditLimit": 1}
    assert stocked.call(method, customer_path(customer()), body).status_code == 404


def test_s07_a_post_of_an_existing_key_says_so(stocked, ordered):
    answer = stocked.post("CDSSalesOrderHeaders", order(SalesOrderNumber=ordered["SalesOrderNumber"]))
    assert answer.status_code == 400
    expected = f"Cannot create a record in Sales orders (SalesTable). Sales order: {ordered['SalesOrderNumber']}, .\n"
    assert f"{expected}The record already exists.." in sentence(answer)


def test_s07_key_fields_cannot_be_changed(stocked, ordered):
    answer = stocked.patch(order_path(ordered), {"SalesOrderNumber": "other"})
    assert answer.status_code == 400
    same = stocked.patch(
        order_path(ordered), {"SalesOrderNumber": ordered["SalesOrderNumber"], "Email": "a@b.example"}
    )
    assert same.status_code == 204


def test_s07_fields_that_may_not_be_set_on_create_are_refused_or_ignored(stocked):
    assert stocked.post("CustomersV3", customer(AddressRecordId=1)).status_code == 400
    with switched(stocked, read_only_fields="ignore"):
        assert stocked.create("CustomersV3", customer(AddressRecordId=1))["AddressRecordId"] == 0


def test_s07_a_whole_row_may_be_written_back_as_it_was_read(stocked, ordered):
    for path in (order_path(ordered), customer_path(stocked.create("CustomersV3", customer()))):
        row = {n: v for n, v in stocked.get(path).json().items() if not n.startswith("@")}
        assert stocked.call("PUT", path, row).status_code == 204
        assert {n: v for n, v in stocked.get(path).json().items() if not n.startswith("@")} == row
    empty = {"AddressRecordId": 0, "PrimaryContactFaxRecordId": None}
    assert stocked.post("CustomersV3", customer(**empty)).status_code == 201


@pytest.mark.parametrize(
    ("set_name", "body", "field"),
    [
        ("CustomersV3", customer(CustomerAccount=...), "CustomerAccount"),
        ("CDSSalesOrderHeaders", order(SalesOrderNumber=...), "SalesOrderNumber"),
        ("SalesOrderHeadersV2", order(SalesOrderNumber=...), "SalesOrderNumber"),
        ("CDSSalesQuotationHeaders", quotation(SalesQuotationNumber=...), "SalesQuotationNumber"),
    ],
)
def test_s07_the_server_assigns_numbers_that_are_left_out(stocked, set_name, body, field):
    first, second = (stocked.create(set_name, body)[field] for _ in range(2))
    assert first
    assert first != second


@pytest.mark.parametrize(
    ("set_name", "body", "switch", "caption"),
    [
        ("CustomersV3", customer(), "manual_customer_accounts", "Customer account"),
        ("CDSSalesOrderHeaders", order(), "manual_order_numbers", "Sales order"),
        ("CDSSalesQuotationHeaders", quotation(), "manual_quotation_numbers", "Quotation"),
    ],
)
def test_s07_a_number_of_ones_own_needs_a_manual_sequence(stocked, set_name, body, switch, caption):
    with switched(stocked, **{switch: False}):
        answer = stocked.post(set_name, body)
        assert answer.status_code == 400
        assert f"The number sequence of field '{caption}' does not allow manual numbers." in sentence(answer)
    assert stocked.post(set_name, body).status_code == 201


def test_s07_a_retried_post_makes_a_second_order_that_its_reference_finds(stocked):
    body = order(SalesOrderNumber=..., CustomersOrderReference="PO-77")
    for _ in range(2):
        stocked.create("CDSSalesOrderHeaders", body)
    assert len(stocked.rows("CDSSalesOrderHeaders?$filter=CustomersOrderReference eq 'PO-77'")) == 2


def test_s07_a_minimal_header_gets_the_rest_from_the_customer(stocked):
    stocked.create("PaymentTerms", {"dataAreaId": "usmf", "Name": "Net30"})
    account = stocked.create(
        "CustomersV3",
        customer(
            SiteId="1", WarehouseId="13", LanguageId="de", PaymentTerms="Net30", DeliveryMode="Truck",
            DeliveryTerms="FOB", PrimaryContactEmail="a@b.example", AddressStreet="1 Main Street",
            AddressCity="Redmond", AddressCountryRegionId="USA", AddressState="WA",
        ),
    )["CustomerAccount"]  # fmt: skip
    row = stocked.create(
        "CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber=account, CurrencyCode=...)
    )
    assert row["InvoiceCustomerAccountNumber"] == account
    assert (row["DefaultShippingSiteId"], row["DefaultShippingWarehouseId"], row["LanguageId"]) == (
        "1",
        "13",
        "de",
    )
    assert (row["CurrencyCode"], row["PaymentTermsName"], row["DeliveryModeCode"]) == (
        "USD",
        "Net30",
        "Truck",
    )
    assert (row["SalesOrderName"], row["Email"], row["DeliveryTermsCode"]) == ("Adatum", "a@b.example", "FOB")
    assert (row["DeliveryAddressCity"], row["DeliveryAddressStateId"]) == ("Redmond", "WA")
    assert (row["InvoiceAddressCity"], row["InvoiceAddressCountryRegionISOCode"]) == ("Redmond", "US")
    assert row["FormattedDelveryAddress"] == "1 Main Street\nRedmond WA\nUSA"
    assert (row["SalesOrderStatus"], row["SalesOrderProcessingStatus"]) == ("Backorder", "Active")


def test_s07_the_invoice_account_of_the_customer_is_billed(stocked):
    row = stocked.create("CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber="K2"))
    assert row["InvoiceCustomerAccountNumber"] == "K1"


def test_s07_a_minimal_line_gets_the_rest_from_product_and_header(stocked, ordered):
    row = stocked.create("CDSSalesOrderLines", line(ordered, SalesPrice=...))
    assert (row["SalesUnitSymbol"], row["ProductName"], row["SalesPrice"]) == ("ea", "Pump", 12.34)
    assert (row["ShippingSiteId"], row["ShippingWarehouseId"]) == ("1", "13")
    assert (row["LineAmount"], row["CurrencyCode"]) == (24.68, "USD")
    assert row["RequestedShippingDate"] == ordered["RequestedShippingDate"]
    assert row["SalesOrderLineStatus"] == "Backorder"


def test_s07_the_price_of_a_hundred_is_not_the_price_of_one(stocked, ordered):
    row = stocked.create(
        "CDSSalesOrderLines", line(ordered, ProductNumber="P2 : L", SalesPrice=..., OrderedSalesQuantity=200)
    )
    assert (row["SalesPrice"], row["SalesPriceQuantity"], row["LineAmount"]) == (12.34, 100, 24.68)


@pytest.mark.parametrize("caption", ["Site", "Warehouse"])
def test_s07_site_and_warehouse_must_come_from_somewhere(stocked, caption):
    header = stocked.create("CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber="K2"))
    given = {} if caption == "Site" else {"ShippingSiteId": "1"}
    answer = stocked.post("CDSSalesOrderLines", line(header, **given))
    assert f"Inventory dimension {caption} is mandatory and must consequently be specified." in sentence(
        answer
    )


def test_s07_a_warehouse_brings_its_site_and_no_other(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber="K2"))
    stocked.create("OperationalSites", {"dataAreaId": "usmf", "SiteId": "2"})
    assert (
        stocked.create("CDSSalesOrderLines", line(header, ShippingWarehouseId="13"))["ShippingSiteId"] == "1"
    )
    answer = stocked.post("CDSSalesOrderLines", line(header, 2, ShippingWarehouseId="13", ShippingSiteId="2"))
    assert "Warehouse 13 does not belong to site 2." in sentence(answer)


@pytest.mark.parametrize(
    ("set_name", "changes", "caption"),
    [
        ("CustomersV3", {"CustomerGroupId": ...}, "Customer group"),
        ("CustomersV3", {"SalesCurrencyCode": ...}, "Currency"),
        ("CustomersV3", {"OrganizationName": ...}, "Organization name"),
        ("CustomersV3", {"PartyType": "Person"}, "First name"),
        ("CDSSalesOrderHeaders", {"OrderingCustomerAccountNumber": ...}, "Customer account"),
    ],
)
def test_s07_required_fields_are_required(stocked, set_name, changes, caption):
    body = (customer if set_name == "CustomersV3" else order)(**changes)
    answer = stocked.post(set_name, body)
    assert answer.status_code == 400
    assert f"Field '{caption}' must be filled in." in sentence(answer)


@pytest.mark.parametrize(
    "changes", [{"ProductNumber": ...}, {"OrderedSalesQuantity": ...}, {"OrderedSalesQuantity": 0}]
)
def test_s07_a_line_needs_a_product_and_a_quantity(stocked, ordered, changes):
    assert stocked.post("CDSSalesOrderLines", line(ordered, **changes)).status_code == 400


@pytest.mark.parametrize(
    ("changes", "caption"),
    [
        ({"OrderingCustomerAccountNumber": "none"}, "Customer account"),
        ({"InvoiceCustomerAccountNumber": "none"}, "Invoice account"),
        ({"CurrencyCode": "XXX"}, "Currency"),
        ({"PaymentTermsName": "none"}, "Terms of payment"),
        ({"DefaultShippingSiteId": "none"}, "Site"),
        ({"DefaultShippingWarehouseId": "none"}, "Warehouse"),
    ],
)
def test_s07_what_a_header_refers_to_must_exist(stocked, changes, caption):
    answer = stocked.post("CDSSalesOrderHeaders", order(**changes))
    value = next(iter(changes.values()))
    assert f"The value '{value}' in field '{caption}' is not found in the related table" in sentence(answer)


@pytest.mark.parametrize(
    ("changes", "caption"),
    [
        ({"SalesOrderNumber": "none"}, "Sales order"), ({"ProductNumber": "none"}, "Product number"),
        ({"SalesUnitSymbol": "none"}, "Unit"), ({"ShippingSiteId": "none"}, "Site"),
        ({"ShippingWarehouseId": "none"}, "Warehouse"),
    ],
)  # fmt: skip
def test_s07_what_a_line_refers_to_must_exist(stocked, ordered, changes, caption):
    answer = stocked.post("CDSSalesOrderLines", line(ordered, **changes))
    value = next(iter(changes.values()))
    assert f"The value '{value}' in field '{caption}' is not found in the related table" in sentence(answer)


def test_s07_customers_of_another_company_do_not_count(stocked):
    stocked.create("CustomersV3", customer(dataAreaId="demf", CustomerAccount="ONLY-DE"))
    assert (
        stocked.post("CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber="ONLY-DE")).status_code
        == 400
    )


def test_s07_what_others_refer_to_cannot_be_deleted(stocked):
    row = stocked.create("CustomersV3", customer())
    stocked.create("CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber=row["CustomerAccount"]))
    answer = stocked.delete(customer_path(row))
    assert "Cannot delete a record in Customers (CustTable). It is used in Sales orders" in sentence(answer)


@pytest.mark.parametrize("field", ["SalesOrderStatus", "SalesOrderProcessingStatus"])
def test_s07_statuses_cannot_be_written(stocked, ordered, field):
    value = "Invoiced"
    answer = stocked.patch(order_path(ordered), {field: value})
    assert f"Field '{field}' does not allow editing" in sentence(answer)
    assert stocked.post("CDSSalesOrderHeaders", order(**{field: value})).status_code == 400
    stands = stocked.get(order_path(ordered)).json()[field]
    assert stocked.patch(order_path(ordered), {field: stands}).status_code == 204


def test_s07_a_ship_date_in_the_past_is_refused_under_delivery_date_control(stocked):
    past = order(RequestedShippingDate="2020-01-01T12:00:00Z")
    with switched(stocked, delivery_date_control=True):
        assert stocked.post("CDSSalesOrderHeaders", past).status_code == 400
        assert stocked.post("CDSSalesOrderHeaders", order()).status_code == 201
    assert stocked.post("CDSSalesOrderHeaders", past).status_code == 201


HEADER_SETS = ("CDSSalesOrderHeaders", "SalesOrderHeadersV2", "SalesOrderHeadersV4")
LINE_SETS = ("CDSSalesOrderLines", "CDSSalesOrderLinesV2")


@pytest.mark.parametrize("written", HEADER_SETS)
@pytest.mark.parametrize("read", HEADER_SETS)
def test_s07_the_header_sets_show_one_record(stocked, written, read):
    row = stocked.create(written, order(CustomersOrderReference="R"))
    found = stocked.get(order_path(row, read)).json()
    assert (found["CustomersOrderReference"], found["OrderingCustomerAccountNumber"]) == ("R", "K1")


@pytest.mark.parametrize("name", LINE_SETS)
def test_s07_the_cds_line_sets_are_keyed_by_order_and_sequence(stocked, ordered, name):
    row = stocked.create(name, line(ordered, 7))
    assert stocked.get(line_path(row, name)).json()["ProductNumber"] == "P1"


@pytest.mark.parametrize("name", ["SalesOrderLines", "SalesOrderLinesV3"])
def test_s07_the_general_line_sets_are_keyed_by_the_lot_that_the_server_makes(stocked, ordered, name):
    body = {"dataAreaId": "usmf", "SalesOrderNumber": ordered["SalesOrderNumber"], "ItemNumber": "P1",
            "OrderedSalesQuantity": 3}  # fmt: skip
    row = stocked.create(name, body)
    assert row["InventoryLotId"]
    path = f"{name}(dataAreaId='usmf',InventoryLotId='{row['InventoryLotId']}')"
    assert stocked.patch(path, {"OrderedSalesQuantity": 4}).status_code == 204
    (found,) = stocked.rows(f"CDSSalesOrderLines?$filter=SalesOrderNumber eq '{ordered['SalesOrderNumber']}'")
    assert (found["OrderedSalesQuantity"], found["LineCreationSequenceNumber"]) == (4, 1)


def test_s07_customers_v2_and_v3_show_one_record(stocked):
    row = stocked.create("CustomersV2", customer())
    assert stocked.patch(customer_path(row), {"CreditLimit": 5}).status_code == 204
    assert stocked.get(customer_path(row, "CustomersV2")).json()["CreditLimit"] == 5


def test_s07_an_unknown_action_and_an_action_by_get_are_refused(stocked, ordered):
    assert stocked.post(f"{order_path(ordered)}/{ENUM}NoSuchAction", {}).status_code == 404
    assert stocked.post(f"CDSSalesOrderHeaders/{ENUM}ConfirmSalesOrder", {}).status_code == 404
    assert stocked.get(f"{order_path(ordered)}/{ENUM}ConfirmSalesOrder").status_code == 405


def test_s07_an_instance_action_runs_on_its_row(stocked, ordered):
    stocked.create("CDSSalesOrderLines", line(ordered))
    answer = stocked.post(f"{order_path(ordered)}/{ENUM}ConfirmSalesOrder", {})
    assert answer.json() == {
        "@odata.context": f"{stocked.url}/data/$metadata#Edm.String",
        "value": "Confirmed",
    }
    assert stocked.get(order_path(ordered)).json()["SalesOrderProcessingStatus"] == "Confirmed"


def test_s07_an_action_on_a_row_that_is_not_there_is_404(stocked):
    assert stocked.post(f"{order_path(order())}/{ENUM}ConfirmSalesOrder", {}).status_code == 404


def test_s07_an_action_takes_no_parameter_that_it_does_not_have(stocked, ordered):
    answer = stocked.post(f"{order_path(ordered)}/{ENUM}ConfirmSalesOrder", {"NoSuch": 1})
    assert answer.status_code == 400
    assert "'NoSuch'" in sentence(answer)


def test_s07_an_action_without_parameters_takes_an_empty_body(stocked):
    answer = stocked.call("POST", f"DataManagementEntities/{ENUM}GetPlatformBuildVersion")
    assert answer.status_code == 200


def test_s07_number_of_digits_and_types_are_checked(stocked, ordered):
    for value in ("many", [], {}, True):
        assert (
            stocked.post("CDSSalesOrderLines", line(ordered, OrderedSalesQuantity=value)).status_code == 400
        )


def test_s07_an_order_is_unique_in_its_company_only(stocked):
    number = unique("O")
    stocked.create("CDSSalesOrderHeaders", order(SalesOrderNumber=number))
    other = order(dataAreaId="demf", SalesOrderNumber=number)
    assert stocked.create("CDSSalesOrderHeaders", other)["dataAreaId"] == "demf"
