import itertools
import random

import psutil
import pytest

from tests.sandbox.running import Sandbox, batch, change_set, part

_numbers = itertools.count(random.randrange(10**6) * 1000)


def kept(body, changes):
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


def set_up(client):
    """Customers and products of two companies: K1 has a site and a warehouse, K2 has none."""
    for company in ("usmf", "demf"):
        customer = {
            "dataAreaId": company, "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
            "OrganizationName": "Adatum",
        }  # fmt: skip
        client.create(
            "CustomersV3",
            {**customer, "CustomerAccount": "K1", "SiteId": "1", "WarehouseId": "13", "LanguageId": "da"},
        )
        client.create("CustomersV3", {**customer, "CustomerAccount": "K2", "InvoiceAccount": "K1"})
    product = {"dataAreaId": "usmf", "SalesUnitSymbol": "ea", "CurrencyCode": "USD", "SalesPrice": 12.34}
    client.create("SellableReleasedProducts", {**product, "ProductNumber": "P1", "ProductName": "Pump"})
    client.create("CDSReleasedDistinctProducts", {**product, "ProductNumber": "P2 : L", "ItemNumber": "P2"})
    client.create("ReleasedProductsV2", {"dataAreaId": "usmf", "ItemNumber": "P2", "SalesPriceQuantity": 100})
    client.create("SellableReleasedProducts", {**product, "dataAreaId": "demf", "ProductNumber": "P3"})
    return client


@pytest.fixture(scope="module")
def quoting(finops):
    return set_up(finops)


def header(**changes):
    body = {
        "dataAreaId": "usmf", "SalesQuotationNumber": f"Q-{next(_numbers)}", "CurrencyCode": "USD",
        "RequestingCustomerAccountNumber": "K1", "RequestedShippingDate": "2031-05-01",
    }  # fmt: skip
    return kept(body, changes)


def line(quotation, number=1, **changes):
    body = {
        "dataAreaId": quotation["dataAreaId"], "SalesQuotationNumber": quotation["SalesQuotationNumber"],
        "LineCreationSequenceNumber": number, "ProductNumber": "P1", "RequestedSalesQuantity": 2,
        "SalesUnitSymbol": "ea", "SalesPrice": 10,
    }  # fmt: skip
    return kept(body, changes)


def path(row):
    return (
        f"CDSSalesQuotationHeaders(dataAreaId='{row['dataAreaId']}',"
        f"SalesQuotationNumber='{row['SalesQuotationNumber']}')"
    )


def line_path(row):
    return (
        f"CDSSalesQuotationLines(dataAreaId='{row['dataAreaId']}',"
        f"LineCreationSequenceNumber={row['LineCreationSequenceNumber']},"
        f"SalesQuotationNumber='{row['SalesQuotationNumber']}')"
    )


def sentence(answer):
    return answer.json()["error"]["innererror"]["message"]


@pytest.fixture
def quotation(quoting):
    return quoting.create("CDSSalesQuotationHeaders", header())


@pytest.fixture
def new_line(quoting, quotation):
    def make(number=1, **changes):
        return quoting.create("CDSSalesQuotationLines", line(quotation, number, **changes))

    return make


def close(client, quotation, status):
    key = {name: quotation[name] for name in ("dataAreaId", "SalesQuotationNumber")}
    assert client.admin("PUT", "rows/CDSSalesQuotationHeaders", {**key, "SalesQuotationStatus": status}).ok


def total(client, quotation):
    return client.get(path(quotation)).json()["QuotationTotalAmount"]


def test_a_header_takes_its_defaults_from_the_customer(quoting):
    row = quoting.create("CDSSalesQuotationHeaders", header(CurrencyCode=...))
    assert {name: row[name] for name in (
        "InvoiceCustomerAccountNumber", "DefaultShippingSiteId", "DefaultShippingWarehouseId", "LanguageId",
        "DeliveryAddressName", "CurrencyCode", "SalesQuotationStatus", "RequestedShippingDate",
    )} == {
        "InvoiceCustomerAccountNumber": "K1", "DefaultShippingSiteId": "1",
        "DefaultShippingWarehouseId": "13", "LanguageId": "da", "DeliveryAddressName": "Adatum",
        "CurrencyCode": "USD", "SalesQuotationStatus": "Created",
        "RequestedShippingDate": "2031-05-01T12:00:00Z",
    }  # fmt: skip


def test_the_invoice_account_is_the_customers_own_one(quoting):
    row = quoting.create("CDSSalesQuotationHeaders", header(RequestingCustomerAccountNumber="K2"))
    assert row["InvoiceCustomerAccountNumber"] == "K1"


def test_what_the_header_says_itself_is_not_overwritten(quoting):
    row = quoting.create(
        "CDSSalesQuotationHeaders", header(LanguageId="de", InvoiceCustomerAccountNumber="K2")
    )
    assert (row["LanguageId"], row["InvoiceCustomerAccountNumber"]) == ("de", "K2")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"RequestingCustomerAccountNumber": ...}, "Field 'Customer account' must be filled in."),
        (
            {"RequestingCustomerAccountNumber": "nobody"},
            "The value 'nobody' in field 'Customer account' is not found in the related table 'Customers'.",
        ),
        ({"CurrencyCode": "XXX"}, "The value 'XXX' in field 'Currency' is not found"),
        ({"RequestedShippingDate": ...}, "Field 'Requested ship date' must be filled in."),
        ({"RequestedShippingDate": "1900-01-01"}, "Field 'Requested ship date' must be filled in."),
        ({"DefaultShippingSiteId": "9"}, "The value '9' in field 'Site' is not found"),
        ({"DefaultShippingWarehouseId": "99"}, "The value '99' in field 'Warehouse' is not found"),
        ({"DeliveryAddressCountryRegionISOCode": "XX"}, "in field 'Country/region' is not found"),
        ({"SalesQuotationStatus": "Sent"}, "'SalesQuotationStatus' does not allow editing"),
        ({"SalesQuotationNumber": "x" * 21}, "too long"),
        ({"SalesQuotationStatus": "Draft"}, "Draft"),
        ({"NoSuch": 1}, "'NoSuch' does not exist"),
    ],
)
def test_a_header_is_refused_with_its_reason(quoting, changes, words):
    answer = quoting.post("CDSSalesQuotationHeaders", header(**changes))
    assert (answer.status_code, words in sentence(answer)) == (400, True), answer.text


def test_the_customer_must_be_one_of_the_same_company(quoting):
    quoting.create(
        "CustomersV3",
        {"dataAreaId": "demf", "CustomerAccount": "K9", "OrganizationName": "A", "CustomerGroupId": "10",
         "SalesCurrencyCode": "USD"},
    )  # fmt: skip
    assert (
        quoting.post("CDSSalesQuotationHeaders", header(RequestingCustomerAccountNumber="K9")).status_code
        == 400
    )


def test_an_address_of_the_quotations_own_needs_country_name_and_description(quoting):
    own = {
        "IsDeliveryAddressOrderSpecific": "Yes", "DeliveryAddressCountryRegionISOCode": "US",
        "DeliveryAddressName": "Dock 4", "DeliveryAddressDescription": "Dock",
    }  # fmt: skip
    for left_out, words in (
        ("DeliveryAddressCountryRegionISOCode", "'Delivery country/region'"),
        ("DeliveryAddressName", "'Delivery name'"),
        ("DeliveryAddressDescription", "'Delivery address description'"),
    ):
        answer = quoting.post("CDSSalesQuotationHeaders", header(**{**own, left_out: ...}))
        assert f"Field {words} must be filled in." in sentence(answer)
    row = quoting.create("CDSSalesQuotationHeaders", header(**own))
    assert (row["DeliveryAddressCountryRegionId"], row["DeliveryAddressName"]) == ("USA", "Dock 4")


def test_a_number_is_assigned_when_left_out_and_a_duplicate_is_refused(quoting):
    one, two = (
        quoting.create("CDSSalesQuotationHeaders", header(SalesQuotationNumber=...))["SalesQuotationNumber"]
        for _ in "ab"
    )
    assert one != two
    answer = quoting.post("CDSSalesQuotationHeaders", header(SalesQuotationNumber=one.lower()))
    assert "Cannot create a record in Quotations (SalesQuotationTable)." in sentence(answer)
    assert "The record already exists." in sentence(answer)


def test_a_shipping_date_in_the_past_is_taken_without_delivery_date_control(quoting):
    row = quoting.create("CDSSalesQuotationHeaders", header(RequestedShippingDate="2020-01-01"))
    assert row["RequestedShippingDate"] == "2020-01-01T12:00:00Z"


def test_the_switches_of_a_stricter_environment(tmp_path):
    sandbox = Sandbox(tmp_path, "--delivery-date-control", "--automatic-quotation-numbers")
    try:
        client = sandbox.finops
        client.create("Currencies", {"CurrencyCode": "USD"})
        client.create("LegalEntities", {"LegalEntityId": "usmf"})
        client.create("CustomerGroups", {"dataAreaId": "usmf", "CustomerGroupId": "10"})
        client.create(
            "CustomersV3",
            {"CustomerAccount": "K1", "OrganizationName": "A", "CustomerGroupId": "10",
             "SalesCurrencyCode": "USD"},
        )  # fmt: skip
        past = header(SalesQuotationNumber=..., RequestedShippingDate="2020-01-01")
        assert "2020-01-01 is earlier than today" in sentence(client.post("CDSSalesQuotationHeaders", past))
        assert "does not allow manual numbers" in sentence(client.post("CDSSalesQuotationHeaders", header()))
        row = client.create("CDSSalesQuotationHeaders", header(SalesQuotationNumber=...))
        client.admin("POST", "clock", {"offset_seconds": 3600 * 24 * 365 * 20})
        assert client.patch(path(row), {"SalesQuotationName": "Still"}).status_code == 204
        assert client.patch(path(row), {"RequestedShippingDate": "2031-06-01"}).status_code == 400
    finally:
        sandbox.kill()


def test_a_line_takes_what_it_lacks_from_header_and_product(quoting, quotation, new_line):
    row = new_line(SalesPrice=..., SalesUnitSymbol=...)
    assert {name: row[name] for name in (
        "ShippingSiteId", "ShippingWarehouseId", "SalesUnitSymbol", "SalesPrice", "LineAmount",
        "RequestedShippingDate", "CurrencyCode", "ProductName", "SalesQuotationStatus",
    )} == {
        "ShippingSiteId": "1", "ShippingWarehouseId": "13", "SalesUnitSymbol": "ea", "SalesPrice": 12.34,
        "LineAmount": 24.68, "RequestedShippingDate": "2031-05-01T12:00:00Z", "CurrencyCode": "USD",
        "ProductName": "Pump", "SalesQuotationStatus": "Created",
    }  # fmt: skip
    assert row["InventoryLotId"]


def test_a_price_per_hundred_stays_one_per_hundred(quoting, new_line):
    row = new_line(ProductNumber="P2 : L", SalesPrice=..., RequestedSalesQuantity=1000)
    assert (row["SalesPrice"], row["SalesPriceQuantity"], row["LineAmount"]) == (12.34, 100, 123.4)
    assert new_line(2, ProductNumber="P2 : L", SalesPrice=5)["LineAmount"] == 10


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"SalesQuotationNumber": "none"},
            "The value 'none' in field 'Quotation' is not found in the related table 'Quotations'.",
        ),
        ({"ProductNumber": "P3"}, "The value 'P3' in field 'Product number' is not found"),
        ({"ProductNumber": ...}, "Field 'Product number' must be filled in."),
        ({"SalesUnitSymbol": "none"}, "The value 'none' in field 'Unit' is not found"),
        ({"ShippingSiteId": "9"}, "The value '9' in field 'Site' is not found"),
        ({"ShippingWarehouseId": "99"}, "The value '99' in field 'Warehouse' is not found"),
        ({"RequestedSalesQuantity": 0}, "Field 'Quantity' must not be zero."),
        ({"RequestedSalesQuantity": ...}, "Field 'Quantity' must not be zero."),
        ({"LineCreationSequenceNumber": ...}, "Field 'LineCreationSequenceNumber' must be filled in"),
        ({"LineCreationSequenceNumber": 2**31}, "'LineCreationSequenceNumber' to the expected type"),
        ({"LineCreationSequenceNumber": "1"}, "'LineCreationSequenceNumber' to the expected type"),
        ({"SalesPrice": "much"}, "'SalesPrice' to the expected type 'Edm.Decimal'"),
        ({"SalesPrice": 1e40}, "'SalesPrice' to the expected type 'Edm.Decimal'"),
        ({"SalesPrice": 1e30, "RequestedSalesQuantity": 1e30}, "The net amount is too large."),
        ({"ItemNumber": "P1"}, "'ItemNumber' does not exist"),
    ],
)
def test_a_line_is_refused_with_its_reason(quoting, quotation, changes, words):
    answer = quoting.post("CDSSalesQuotationLines", line(quotation, **changes))
    assert (answer.status_code, words in sentence(answer)) == (400, True), answer.text


def test_site_and_warehouse_are_mandatory(quoting):
    bare = quoting.create("CDSSalesQuotationHeaders", header(RequestingCustomerAccountNumber="K2"))
    for changes, dimension in (({}, "Site"), ({"ShippingSiteId": "1"}, "Warehouse")):
        assert (
            f"Inventory dimension {dimension} is mandatory and must consequently be specified."
            in sentence(quoting.post("CDSSalesQuotationLines", line(bare, **changes)))
        )
    body = line(bare, ShippingSiteId="1", ShippingWarehouseId="13")
    assert quoting.post("CDSSalesQuotationLines", body).status_code == 201


def test_a_line_number_is_taken_once_per_quotation(quoting, quotation, new_line):
    new_line(7)
    answer = quoting.post("CDSSalesQuotationLines", line(quotation, 7))
    assert f"Quotation: {quotation['SalesQuotationNumber']}, 7.\nThe record already exists." in sentence(
        answer
    )
    other = quoting.create("CDSSalesQuotationHeaders", header())
    assert quoting.post("CDSSalesQuotationLines", line(other, 7)).status_code == 201


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({"SalesPrice": 3.335, "RequestedSalesQuantity": 1}, 3.34),
        ({"SalesPrice": 1.005, "RequestedSalesQuantity": 1}, 1.01),
        ({"SalesPrice": 0.145, "RequestedSalesQuantity": -1}, -0.15),
        ({"SalesPrice": 10, "RequestedSalesQuantity": 3, "LineDiscountAmount": 3.33}, 20.01),
        (
            {
                "SalesPrice": 10,
                "RequestedSalesQuantity": 3,
                "LineDiscountAmount": 3.33,
                "FixedPriceCharges": -0.01,
            },
            20,
        ),
        ({"SalesPrice": 10, "RequestedSalesQuantity": 3, "LineDiscountPercentage": 12.5}, 26.25),
        ({"SalesPrice": 250, "SalesPriceQuantity": 100, "RequestedSalesQuantity": 3}, 7.5),
        ({"SalesPrice": 10, "SalesPriceQuantity": 0.5, "RequestedSalesQuantity": 1}, 10),
        ({"LineAmount": 1}, 20),
    ],
)
def test_the_server_computes_the_amount_of_a_line(new_line, changes, amount):
    assert new_line(**changes)["LineAmount"] == amount


def test_decimals_survive_digit_for_digit(quoting, quotation, new_line, tmp_path):
    new_line()
    quoting.call("PATCH", line_path(line(quotation)), {"RequestedSalesQuantity": 1})
    for digits in ("922337203685477.5807", "0.1000000000000000055", "12345678901234567890.123456", "0.1"):
        body = f'{{"SalesPrice":{digits},"AllowedOverdeliveryPercentage":"{digits}"}}'
        answer = quoting.session.patch(f"{quoting.url}/data/{line_path(line(quotation))}", data=body.encode())
        assert answer.status_code == 204, answer.text
        text = quoting.get(line_path(line(quotation))).text
        assert f'"SalesPrice":{digits},' in text
        assert f'"AllowedOverdeliveryPercentage":{digits},' in text
        assert f'"value":{digits}}}' in quoting.get(f"{line_path(line(quotation))}/SalesPrice").text
    body = '{"SalesPrice":12345678901234567890.125}'
    quoting.session.patch(f"{quoting.url}/data/{line_path(line(quotation))}", data=body.encode())
    assert '"LineAmount":12345678901234567890.13,' in quoting.get(line_path(line(quotation))).text
    assert '"QuotationTotalAmount":12345678901234567890.13,' in quoting.get(path(quotation)).text


def test_long_decimals_are_still_there_after_a_kill(tmp_path):
    sandbox = Sandbox(tmp_path)
    price = '{"dataAreaId":"usmf","ProductNumber":"P1","SalesPrice":922337203685477.5807}'
    try:
        sandbox.finops.create("LegalEntities", {"LegalEntityId": "usmf"})
        url = f"{sandbox.finops.url}/data/SellableReleasedProducts"
        assert sandbox.finops.session.post(url, data=price.encode()).status_code == 201
        sandbox.kill()
        sandbox.start()
        assert '"SalesPrice":922337203685477.5807,' in sandbox.finops.get("SellableReleasedProducts").text
    finally:
        sandbox.kill()


def test_the_header_adds_up_its_lines_and_keeps_its_etag(quoting, quotation, new_line):
    new_line(1, SalesPrice=0.1, RequestedSalesQuantity=1)
    new_line(2, SalesPrice=0.2, RequestedSalesQuantity=1)
    now = quoting.get(path(quotation)).json()
    assert (now["QuotationTotalAmount"], now["AreTotalsCalculated"]) == (0.3, "Yes")
    assert now["@odata.etag"] == quotation["@odata.etag"]
    quoting.patch(line_path(line(quotation, 2)), {"RequestedSalesQuantity": 10})
    assert total(quoting, quotation) == 2.1
    quoting.delete(line_path(line(quotation, 1)))
    assert total(quoting, quotation) == 2
    quoting.patch(path(quotation), {"SalesQuotationName": "Renamed", "QuotationTotalAmount": 9})
    assert total(quoting, quotation) == 2


def test_a_line_is_addressed_by_a_number_without_quotes(quoting, quotation, new_line):
    row = new_line(10)
    assert (
        quoting.get(line_path(row)).json()["InventoryLotId"]
        == quoting.get(line_path({**row, "LineCreationSequenceNumber": "010"})).json()["InventoryLotId"]
    )
    quoted = line_path(row).replace("=10,", "='10',")
    assert (quoting.get(quoted).status_code, quoting.get(line_path(line(row, 11))).status_code) == (400, 404)
    answer = quoting.post("CDSSalesQuotationLines", line(quotation, 12))
    assert "LineCreationSequenceNumber=12," in answer.headers["Location"]
    assert quoting.get(answer.headers["Location"]).status_code == 200


def test_lines_are_filtered_and_ordered_by_their_number(quoting, quotation, new_line):
    for number in (10, 9, 100):
        new_line(number)
    query = f"$filter=SalesQuotationNumber eq '{quotation['SalesQuotationNumber']}'"
    rows = quoting.rows(f"CDSSalesQuotationLines?{query}&$orderby=LineCreationSequenceNumber")
    assert [row["LineCreationSequenceNumber"] for row in rows] == [9, 10, 100]
    narrow = f"{query} and LineCreationSequenceNumber ge 10&$count=true&$top=1"
    assert quoting.get(f"CDSSalesQuotationLines?{narrow}").json()["@odata.count"] == 2


def test_patch_changes_a_line_and_never_its_key(quoting, quotation, new_line):
    row = new_line()
    assert quoting.patch(line_path(row), {"LineDescription": "Blue"}).status_code == 204
    assert quoting.get(line_path(row)).json()["LineAmount"] == 20
    refused = quoting.patch(line_path(row), {"LineCreationSequenceNumber": 2})
    assert "cannot be changed" in sentence(refused)
    assert "'Product number' is not found" in sentence(quoting.patch(line_path(row), {"ProductNumber": "P3"}))
    assert quoting.patch(line_path(row), {"ProductNumber": "P2 : L"}).status_code == 204
    assert quoting.patch(line_path(line(quotation, 5)), {"SalesPrice": 1}).status_code == 404


def test_deleting_a_header_takes_its_lines_along(quoting, quotation, new_line):
    one, two = new_line(1), new_line(2)
    elsewhere = header(dataAreaId="demf", SalesQuotationNumber=quotation["SalesQuotationNumber"])
    quoting.create("CDSSalesQuotationHeaders", elsewhere)
    other = line(elsewhere, ProductNumber="P3")
    quoting.create("CDSSalesQuotationLines", other)
    assert quoting.delete(line_path(one)).status_code == 204
    assert quoting.delete(path(quotation)).status_code == 204
    assert [quoting.get(p).status_code for p in (path(quotation), line_path(two))] == [404, 404]
    assert quoting.get(f"{line_path(other)}?cross-company=true").status_code == 200


@pytest.mark.parametrize("status", ["Confirmed", "Lost", "Cancelled"])
def test_a_closed_quotation_cannot_be_changed(quoting, quotation, new_line, status):
    row = new_line()
    close(quoting, quotation, status)
    assert quoting.get(path(quotation)).json()["SalesQuotationStatus"] == status
    for answer in (
        quoting.patch(path(quotation), {"SalesQuotationName": "x"}),
        quoting.delete(path(quotation)),
        quoting.post("CDSSalesQuotationLines", line(quotation, 2)),
        quoting.patch(line_path(row), {"SalesPrice": 1}),
        quoting.delete(line_path(row)),
    ):
        assert answer.status_code == 400
        assert f"has the status {status} and cannot be changed" in sentence(answer)
    assert quoting.get(line_path(row)).json()["SalesPrice"] == 10


def test_a_quotation_that_was_sent_can_be_changed_but_not_its_status(quoting, quotation, new_line):
    row = new_line()
    close(quoting, quotation, "Sent")
    assert quoting.patch(path(quotation), {"SalesQuotationName": "x"}).status_code == 204
    assert quoting.patch(line_path(row), {"SalesPrice": 1}).status_code == 204
    assert quoting.patch(path(quotation), {"SalesQuotationStatus": "Sent"}).status_code == 204
    answer = quoting.patch(path(quotation), {"SalesQuotationStatus": "Confirmed"})
    assert "does not allow editing" in sentence(answer)


def test_another_company_is_seen_with_cross_company_only(quoting):
    row = quoting.create("CDSSalesQuotationHeaders", header(dataAreaId="demf"))
    body = line(row, ProductNumber="P3")
    assert quoting.post("CDSSalesQuotationLines", body).status_code == 201
    assert quoting.get(line_path(body)).status_code == 404
    assert quoting.patch(f"{line_path(body)}?cross-company=true", {"SalesPrice": 1}).status_code == 204


def test_a_change_set_stores_header_and_lines_or_neither(quoting):
    body = header()
    parts = [
        part("POST CDSSalesQuotationHeaders", body, "1"),
        part("POST CDSSalesQuotationLines", line(body), "2"),
    ]
    bad = part("POST CDSSalesQuotationLines", line(body, 2, ProductNumber="P3"), "3")
    assert quoting.batch(batch(change_set(*parts, bad))).text.count("HTTP/1.1 ") == 1
    assert quoting.get(path(body)).status_code == 404
    assert quoting.batch(batch(change_set(*parts))).text.count("201 Created") == 2
    assert total(quoting, body) == 20
    patch = part(f"PATCH /data/{line_path(line(body))}", {"RequestedSalesQuantity": 3}, "1")
    assert "204 No Content" in quoting.batch(batch(change_set(patch))).text
    assert total(quoting, body) == 30


def test_a_failing_change_set_leaves_the_total_as_it_was(quoting, quotation, new_line):
    new_line(1)
    good, bad = line(quotation, 2), line(quotation, 3, RequestedSalesQuantity=0)
    quoting.batch(batch(change_set(*(part("POST CDSSalesQuotationLines", b, "1") for b in (good, bad)))))
    assert total(quoting, quotation) == 20


def test_quotations_are_one_table_seen_through_two_entities(quoting):
    row = quoting.create("SalesQuotationHeadersV2", header(CampaignId="C1"))
    assert quoting.get(path(row)).json()["DefaultShippingSiteId"] == "1"
    assert "CampaignId" not in quoting.get(path(row)).json()
    assert quoting.get("CDSSalesQuotationHeaders?$select=CampaignId").status_code == 400
    assert quoting.get("CDSSalesQuotationHeaders?$filter=CampaignId eq 'C1'").status_code == 400
    quoting.patch(path(row), {"SalesQuotationName": "Seen"})
    second = quoting.rows("SalesQuotationHeadersV2?$filter=CampaignId eq 'C1'")
    assert [r["SalesQuotationName"] for r in second] == ["Seen"]
    assert "SalesQuotationHeaderV2Entity" in sentence(
        quoting.post("SalesQuotationHeadersV2", header(**row_key(row)))
    )


def row_key(row):
    return {name: row[name] for name in ("dataAreaId", "SalesQuotationNumber")}


def test_lines_are_also_kept_by_lot_and_item(quoting, quotation, new_line):
    new_line(4)
    body = line(quotation, ..., ProductNumber=..., ItemNumber="P2")
    answer = quoting.post("SalesQuotationLines", body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["LineCreationSequenceNumber"] == 5
    lot = answer.json()["InventoryLotId"]
    key = f"SalesQuotationLines(dataAreaId='usmf',InventoryLotId='{lot}')"
    assert quoting.patch(key, {"RequestedSalesQuantity": 7}).status_code == 204
    shown = quoting.get(line_path(line(quotation, 5))).json()
    assert (shown["ProductNumber"], shown["RequestedSalesQuantity"]) == ("P2 : L", 7)
    assert "cannot be changed" in sentence(quoting.patch(key, {"LineCreationSequenceNumber": 9}))
    assert quoting.delete(key).status_code == 204
    assert quoting.get(line_path(line(quotation, 5))).status_code == 404


def test_a_customer_with_quotations_cannot_be_deleted(quoting):
    quoting.create("CDSSalesQuotationHeaders", header())
    answer = quoting.delete("CustomersV3(dataAreaId='usmf',CustomerAccount='K1')")
    assert "It is used in" in sentence(answer)


def test_totals_and_views_are_still_there_after_a_kill(tmp_path):
    sandbox = Sandbox(tmp_path)
    try:
        client = sandbox.finops
        client.create("Currencies", {"CurrencyCode": "USD"})
        client.create("UnitsOfMeasure", {"UnitSymbol": "ea"})
        for company in ("usmf", "demf"):
            client.create("LegalEntities", {"LegalEntityId": company})
            client.create("CustomerGroups", {"dataAreaId": company, "CustomerGroupId": "10"})
            client.create("OperationalSites", {"dataAreaId": company, "SiteId": "1"})
            client.create(
                "Warehouses", {"dataAreaId": company, "WarehouseId": "13", "OperationalSiteId": "1"}
            )
        row = set_up(client).create("SalesQuotationHeadersV2", header(CampaignId="C1"))
        client.create("CDSSalesQuotationLines", line(row))
        sandbox.kill()
        sandbox.start()
        assert total(sandbox.finops, row) == 20
        assert sandbox.finops.rows("SalesQuotationHeadersV2")[0]["CampaignId"] == "C1"
        assert len(sandbox.finops.rows("SalesQuotationLines")) == 1
    finally:
        sandbox.kill()


@pytest.mark.slow
def test_lines_are_stored_as_fast_however_many_there_are(quoting, running):
    process = psutil.Process(running.process.pid)
    key = {"dataAreaId": "usmf", "CurrencyCode": "USD", "SalesQuotationNumber": "FULL"}
    for start in range(0, 60_000, 10_000):
        rows = [
            {"dataAreaId": "usmf", "SalesQuotationNumber": f"F-{n // 5}", "LineCreationSequenceNumber": n % 5,
             "ProductNumber": "P1", "InventoryLotId": f"F-{n}", "LineAmount": 1}
            for n in range(start, start + 10_000)
        ]  # fmt: skip
        quoting.admin("PUT", "rows/CDSSalesQuotationLines", rows)
    full = quoting.create("CDSSalesQuotationHeaders", header(**key))
    batches = [
        batch(*[part("POST CDSSalesQuotationLines", line(full, n)) for n in range(s, s + 100)])
        for s in range(1, 2001, 100)
    ]
    quoting.batch(batches.pop())
    began = sum(process.cpu_times()[:2])
    for text in batches:
        assert quoting.batch(text).text.count("201 Created") == 100
    assert 1900 / (sum(process.cpu_times()[:2]) - began) > 1000
