import psutil
import pytest

from support.quoting import header, line, line_path, path, sentence, set_up, total
from support.running import Sandbox, batch, part


@pytest.fixture(scope="module")
def quoting(finops):
    return set_up(finops)


@pytest.fixture
def quotation(quoting):
    return quoting.create("CDSSalesQuotationHeaders", header())


@pytest.fixture
def new_line(quoting, quotation):
    def make(number=1, **changes):
        return quoting.create("CDSSalesQuotationLines", line(quotation, number, **changes))

    return make


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
