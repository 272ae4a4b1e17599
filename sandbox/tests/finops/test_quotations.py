import pytest

from support.quoting import close, header, line, line_path, path, sentence, set_up, total
from support.running import Sandbox, batch, change_set, part


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


def row_key(row):
    return {name: row[name] for name in ("dataAreaId", "SalesQuotationNumber")}


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
