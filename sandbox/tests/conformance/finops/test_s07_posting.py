"""F&O sheet, sections 3 and 7: totals, posting and the invoices that come of it."""

import pytest

from support.ordering import (
    ENUM,
    customer,
    customer_path,
    invoice_key,
    line,
    line_path,
    order,
    order_path,
    post_step,
    sentence,
)
from support.quoting import header as quotation
from support.quoting import line as quotation_line
from support.quoting import path

HEADERS = "ExternallyMaintainedCustomerSalesInvoiceHeaders"
LINES = "ExternallyMaintainedCustomerSalesInvoiceLines"


@pytest.fixture
def ordered(stocked):
    """An order of two lines, of 20 and of 30."""
    header = stocked.create("CDSSalesOrderHeaders", order(CustomersOrderReference="PO-1"))
    stocked.create("CDSSalesOrderLines", line(header, 1))
    stocked.create(
        "CDSSalesOrderLines",
        line(header, 2, OrderedSalesQuantity=4, SalesPrice=10, LineDiscountPercentage=25),
    )
    return header


def invoices_of(client, header, name="SalesInvoiceHeadersV2"):
    return client.rows(f"{name}?$filter=SalesOrderNumber eq '{header['SalesOrderNumber']}'")


def lines_of(client, invoice, name="SalesInvoiceV2Lines"):
    return client.rows(f"{name}?$filter=InvoiceNumber eq '{invoice['InvoiceNumber']}'")


def test_s07_totals_are_valid_only_after_they_were_calculated(stocked, ordered):
    path = order_path(ordered, "SalesOrderHeadersV2")
    before = stocked.get(path).json()
    assert (before["AreTotalsCalculated"], before["OrderTotalAmount"]) == ("No", 0)
    assert post_step(stocked, ordered, "calculate-totals").status_code == 200
    after = stocked.get(path).json()
    assert (after["AreTotalsCalculated"], after["OrderTotalAmount"], after["OrderTotalDiscountAmount"]) == (
        "Yes",
        50,
        10,
    )
    line_row = stocked.get(line_path(line(ordered, 2))).json()
    assert (line_row["AreTotalsCalculated"], line_row["TotalDiscountAmount"]) == ("Yes", 10)


@pytest.mark.parametrize("change", ["header", "line", "new line", "deleted line"])
def test_s07_every_change_makes_totals_invalid_again(stocked, ordered, change):
    post_step(stocked, ordered, "calculate-totals")
    if change == "header":
        stocked.patch(order_path(ordered), {"Email": "a@b.example"})
    elif change == "line":
        stocked.patch(line_path(line(ordered, 1)), {"OrderedSalesQuantity": 5})
    elif change == "new line":
        stocked.create("CDSSalesOrderLines", line(ordered, 3))
    else:
        stocked.delete(line_path(line(ordered, 1)))
    assert stocked.get(order_path(ordered)).json()["AreTotalsUpdated"] == "No"
    if change != "header":
        rest = stocked.get(line_path(line(ordered, 2))).json()
        assert (rest["AreTotalsCalculated"], rest["AreSalesOrderTotalsUpdated"]) == ("Yes", "No")


def test_s07_totals_cannot_be_written(stocked, ordered):
    for fields in ({"OrderTotalAmount": 1}, {"AreTotalsUpdated": "Yes"}):
        assert "does not allow editing" in sentence(stocked.patch(order_path(ordered), fields))


def test_s07_the_filter_for_calculated_totals_finds_the_order(stocked, ordered):
    query = f"SalesOrderHeadersV2?$filter=AreTotalsCalculated eq {ENUM}NoYes'Yes' and SalesOrderNumber eq '"
    assert stocked.rows(f"{query}{ordered['SalesOrderNumber']}'") == []
    post_step(stocked, ordered, "calculate-totals")
    assert len(stocked.rows(f"{query}{ordered['SalesOrderNumber']}'")) == 1


def test_s07_an_order_goes_its_way_by_posting(stocked, ordered):
    found = []
    for step in ("confirm", "pick", "pack", "invoice"):
        assert post_step(stocked, ordered, step).status_code == 200
        row = stocked.get(order_path(ordered)).json()
        first = stocked.get(line_path(line(ordered, 1))).json()
        found.append(
            (row["SalesOrderStatus"], row["SalesOrderProcessingStatus"], first["SalesOrderLineStatus"])
        )
    assert found == [
        ("Backorder", "Confirmed", "Backorder"), ("Backorder", "Picked", "Backorder"),
        ("Delivered", "Delivered", "Delivered"), ("Invoiced", "Invoiced", "Invoiced"),
    ]  # fmt: skip
    assert (first["PickedQuantity"], first["ConfirmedShippingDate"]) == (2, row["ConfirmedShippingDate"])


def test_s07_what_is_invoiced_cannot_be_changed_any_more(stocked, ordered):
    post_step(stocked, ordered, "invoice")
    assert "has the status Invoiced" in sentence(stocked.patch(order_path(ordered), {"Email": "a@b.example"}))
    assert stocked.patch(line_path(line(ordered, 1)), {"OrderedSalesQuantity": 9}).status_code == 400
    assert stocked.post("CDSSalesOrderLines", line(ordered, 3)).status_code == 400
    assert stocked.delete(order_path(ordered)).status_code == 400
    assert post_step(stocked, ordered, "invoice").status_code == 400


def test_s07_a_delivered_line_cannot_be_changed_but_the_header_can(stocked, ordered):
    post_step(stocked, ordered, "pack")
    assert "has the status Delivered" in sentence(stocked.delete(line_path(line(ordered, 1))))
    assert stocked.patch(order_path(ordered), {"Email": "a@b.example"}).status_code == 204


def test_s07_a_cancelled_order_is_closed(stocked, ordered):
    assert post_step(stocked, ordered, "cancel").status_code == 200
    assert stocked.get(order_path(ordered)).json()["SalesOrderStatus"] == "Canceled"
    assert stocked.patch(order_path(ordered), {"Email": "a@b.example"}).status_code == 400


def test_s07_an_invoice_holds_what_the_order_had(stocked, ordered):
    answer = post_step(stocked, ordered, "invoice").json()
    (invoice,) = invoices_of(stocked, ordered)
    assert {n: invoice[n] for n in answer} == answer
    assert invoice["InvoiceDate"].endswith("T12:00:00Z")
    assert (invoice["TotalInvoiceAmount"], invoice["TotalDiscountAmount"], invoice["CurrencyCode"]) == (
        50,
        10,
        "USD",
    )
    assert (invoice["CustomersOrderReference"], invoice["InvoiceCustomerAccountNumber"]) == ("PO-1", "K1")
    first, second = lines_of(stocked, invoice)
    assert (first["ProductNumber"], first["InvoicedQuantity"], first["LineAmount"]) == ("P1", 2, 20)
    assert (second["InvoicedQuantity"], second["LineAmount"], second["LineTotalDiscountAmount"]) == (
        4,
        30,
        10,
    )


def test_s07_an_invoice_is_addressed_by_all_parts_of_its_key(stocked, ordered):
    key = invoice_key({"dataAreaId": "usmf", **post_step(stocked, ordered, "invoice").json()})
    for name in ("SalesInvoiceHeadersV2", "SalesInvoiceHeadersV4", "SalesInvoiceJournalHeaders"):
        assert stocked.get(f"{name}({key})").json()["SalesOrderNumber"] == ordered["SalesOrderNumber"]
    assert (
        stocked.get(f"SalesInvoiceHeadersV2({key.replace('InvoiceNumber=', 'Invoice=')})").status_code == 400
    )
    other = key.replace("T12:00:00Z", "T00:00:00Z")
    assert stocked.get(f"SalesInvoiceHeadersV2({other})").status_code == 200
    assert (
        stocked.get(f"SalesInvoiceHeadersV2({key.replace('InvoiceDate=2', 'InvoiceDate=1')})").status_code
        == 404
    )


def test_s07_the_lines_of_an_invoice_are_reached_by_navigation(stocked, ordered):
    key = invoice_key({"dataAreaId": "usmf", **post_step(stocked, ordered, "invoice").json()})
    assert len(stocked.rows(f"SalesInvoiceHeadersV2({key})/SalesInvoiceLinesV2")) == 2
    found = stocked.get(f"SalesInvoiceHeadersV4({key})?$expand=SalesOrderHeaderCDS").json()
    assert found["SalesOrderHeaderCDS"]["SalesOrderNumber"] == ordered["SalesOrderNumber"]
    back = stocked.get(f"{order_path(ordered)}?$expand=SalesInvoiceHeaderV2($select=InvoiceNumber)").json()
    assert len(back["SalesInvoiceHeaderV2"]) == 1


def test_s07_a_part_may_be_invoiced_and_the_rest_later(stocked, ordered):
    post_step(stocked, ordered, "pack")
    assert post_step(stocked, ordered, "invoice", quantities={"1": 1}).status_code == 200
    row = stocked.get(order_path(ordered)).json()
    assert (row["SalesOrderStatus"], row["SalesOrderProcessingStatus"]) == (
        "Delivered",
        "DeliveredPartiallyInvoiced",
    )
    assert post_step(stocked, ordered, "invoice", quantities={"1": 2}).status_code == 400
    assert post_step(stocked, ordered, "invoice").status_code == 200
    assert stocked.get(order_path(ordered)).json()["SalesOrderStatus"] == "Invoiced"
    amounts = [i["TotalInvoiceAmount"] for i in invoices_of(stocked, ordered)]
    assert amounts == [10, 40]


@pytest.mark.parametrize("name", ["SalesInvoiceHeadersV2", "SalesInvoiceLines", HEADERS, LINES, "Companies"])
def test_s07_invoices_are_read_only(stocked, ordered, name):
    assert stocked.post(name, {}).status_code == 405
    key = invoice_key({"dataAreaId": "usmf", **post_step(stocked, ordered, "invoice").json()})
    assert stocked.delete(f"SalesInvoiceHeadersV2({key})").status_code == 405


@pytest.fixture
def outside(stocked):
    """An order of a customer whom another system maintains."""
    row = stocked.create("CustomersV3", customer(IsExternallyMaintained="Yes", SiteId="1", WarehouseId="13"))
    header = stocked.create(
        "CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber=row["CustomerAccount"])
    )
    stocked.create("CDSSalesOrderLines", line(header))
    return row, header


def test_s03_orders_say_whether_their_customers_are_externally_maintained(stocked, ordered, outside):
    _, header = outside
    query = (
        f"CDSSalesOrderHeaders?$filter=OrderingCustomerIsExternallyMaintained eq {ENUM}NoYes'Yes' and "
        f"InvoiceCustomerIsExternallyMaintained eq {ENUM}NoYes'Yes' and SalesOrderNumber eq '"
    )
    assert len(stocked.rows(f"{query}{header['SalesOrderNumber']}'")) == 1
    assert stocked.rows(f"{query}{ordered['SalesOrderNumber']}'") == []
    assert stocked.get(line_path(line(header))).json()["OrderingCustomerIsExternallyMaintained"] == "Yes"


def test_s03_orders_follow_a_change_of_their_customer(stocked, outside):
    row, header = outside
    stocked.patch(customer_path(row), {"IsExternallyMaintained": "No"})
    assert stocked.get(order_path(header)).json()["OrderingCustomerIsExternallyMaintained"] == "No"
    assert stocked.get(line_path(line(header))).json()["OrderingCustomerIsExternallyMaintained"] == "No"


def test_s03_the_externally_maintained_sets_hold_only_invoices_of_such_customers(stocked, ordered, outside):
    _, header = outside
    own = {"dataAreaId": "usmf", **post_step(stocked, ordered, "invoice").json()}
    theirs = {"dataAreaId": "usmf", **post_step(stocked, header, "invoice").json()}
    assert len(invoices_of(stocked, header, HEADERS)) == 1
    assert invoices_of(stocked, ordered, HEADERS) == []
    for name in (LINES, f"{LINES}V2"):
        assert len(lines_of(stocked, theirs, name)) == 1
        assert lines_of(stocked, own, name) == []
    assert stocked.get(f"{HEADERS}({invoice_key(theirs)})").status_code == 200
    assert stocked.get(f"{HEADERS}({invoice_key(own)})").status_code == 404


def test_s03_the_externally_maintained_sets_follow_a_change_of_the_customer(stocked, outside):
    row, header = outside
    post_step(stocked, header, "invoice")
    assert len(invoices_of(stocked, header, HEADERS)) == 1
    stocked.patch(customer_path(row), {"IsExternallyMaintained": "No"})
    assert invoices_of(stocked, header, HEADERS) == []


def test_s07_posting_by_action_does_the_same(stocked, ordered):
    answer = stocked.post(f"{order_path(ordered)}/{ENUM}PostInvoice", {})
    assert answer.json()["value"] == invoices_of(stocked, ordered)[0]["InvoiceNumber"]


def test_s07_an_order_without_lines_cannot_be_posted(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    assert post_step(stocked, header, "confirm").status_code == 400


def test_s07_a_quotation_gets_its_status_from_people(stocked):
    row = stocked.create("CDSSalesQuotationHeaders", quotation())
    assert stocked.patch(path(row), {"SalesQuotationStatus": "Sent"}).status_code == 400
    key = {name: row[name] for name in ("dataAreaId", "SalesQuotationNumber")}
    assert stocked.admin("POST", "finops/quotation-status", {**key, "status": "Sent"}).status_code == 200
    assert stocked.get(path(row)).json()["SalesQuotationStatus"] == "Sent"


def test_s07_an_order_comes_of_a_confirmed_quotation(stocked):
    row = stocked.create("CDSSalesQuotationHeaders", quotation())
    stocked.create("CDSSalesQuotationLines", quotation_line(row, SalesPrice=7))
    key = {name: row[name] for name in ("dataAreaId", "SalesQuotationNumber")}
    answer = stocked.admin("POST", "finops/quotation-status", {**key, "status": "Confirmed"})
    assert answer.status_code == 200, answer.text
    made = stocked.get(f"{path(row)}?$expand=CDSSalesOrderHeader").json()["CDSSalesOrderHeader"]
    assert [order["SalesOrderNumber"] for order in made] == [answer.json()["SalesOrderNumber"]]
    assert made[0]["OrderingCustomerAccountNumber"] == "K1"
    (made_line,) = stocked.rows(f"{order_path(made[0])}/CDSSalesOrderLines")
    assert (made_line["ProductNumber"], made_line["OrderedSalesQuantity"], made_line["LineAmount"]) == (
        "P1",
        2,
        14,
    )
    assert stocked.patch(path(row), {"LanguageId": "de"}).status_code == 400
