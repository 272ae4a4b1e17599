"""F&O sheet, section 2: endpoints."""

import uuid

import pytest

from support.ordering import (
    ENUM,
    customer,
    customer_path,
    line,
    line_path,
    order,
    order_path,
)
from support.running import batch, part


@pytest.fixture(scope="module")
def ordered(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    stocked.create("CDSSalesOrderLines", line(header))
    return header


@pytest.mark.parametrize("path", ["/data", "/data/"])
def test_s02_the_service_document_lists_the_public_sets_with_and_without_slash(stocked, path):
    body = stocked.get(f"{stocked.url}{path}").json()
    assert body["@odata.context"] == f"{stocked.url}/data/$metadata"
    assert {"name": "CustomersV3", "kind": "EntitySet", "url": "CustomersV3"} in body["value"]


P2C_SETS = [
    "CustomersV2",
    "CustomersV3",
    "CustomerGroups",
    "ContactPersons",
    "CDSContactPersons",
    "CDSContactPersonsV2",
    "PaymentTerms",
    "Companies",
    "LegalEntities",
    "Currencies",
    "UnitsOfMeasure",
    "ReleasedProductsV2",
    "ReleasedDistinctProducts",
    "ReleasedDistinctProductsV2",
    "CDSReleasedDistinctProducts",
    "SellableReleasedProducts",
    "SalesQuotationHeadersV2",
    "SalesQuotationLines",
    "CDSSalesQuotationHeaders",
    "CDSSalesQuotationLines",
    "SalesOrderHeadersV2",
    "SalesOrderHeadersV4",
    "SalesOrderLines",
    "SalesOrderLinesV3",
    "CDSSalesOrderHeaders",
    "CDSSalesOrderLines",
    "CDSSalesOrderLinesV2",
    "CDSSalesCharges",
    "SalesInvoiceHeadersV2",
    "SalesInvoiceHeadersV4",
    "SalesInvoiceLines",
    "SalesInvoiceV2Lines",
    "SalesInvoiceJournalHeaders",
    "ExternallyMaintainedCustomerSalesInvoiceHeaders",
    "ExternallyMaintainedCustomerSalesInvoiceLines",
    "ExternallyMaintainedCustomerSalesInvoiceLinesV2",
]


@pytest.mark.parametrize("name", P2C_SETS)
def test_s02_every_set_of_prospect_to_cash_is_a_collection(stocked, name):
    for path in (name, f"{name}/"):
        assert isinstance(stocked.get(f"{path}?$top=1").json()["value"], list)


def test_s02_the_metadata_document_is_xml(stocked):
    answer = stocked.get("$metadata")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/xml")


def test_s02_a_row_needs_all_key_fields(stocked, ordered):
    assert stocked.get(order_path(ordered)).status_code == 200
    assert (
        stocked.get(f"CDSSalesOrderHeaders(SalesOrderNumber='{ordered['SalesOrderNumber']}')").status_code
        == 400
    )
    assert stocked.get("CDSSalesOrderHeaders('x')").status_code == 400


def test_s02_a_navigation_property_leads_to_the_related_rows(stocked, ordered):
    body = stocked.get(f"{order_path(ordered)}/CDSSalesOrderLines?$select=ProductNumber").json()
    assert [row["ProductNumber"] for row in body["value"]] == ["P1"]
    back = stocked.get(f"{line_path(line(ordered))}/CDSSalesOrderHeader").json()
    assert back["SalesOrderNumber"] == ordered["SalesOrderNumber"]


def test_s02_a_single_value_is_read(stocked, ordered):
    body = stocked.get(f"{order_path(ordered)}/CurrencyCode").json()
    assert body["value"] == "USD"
    assert body["@odata.context"].endswith("/CurrencyCode")
    assert stocked.get(f"{order_path(ordered)}/CurrencyCode/$value").text == "USD"


def test_s02_count_is_plain_text(stocked, ordered):
    answer = stocked.get(
        f"CDSSalesOrderHeaders/$count?$filter=SalesOrderNumber eq '{ordered['SalesOrderNumber']}'"
    )
    assert (answer.text, answer.headers["Content-Type"].split(";")[0]) == ("1", "text/plain")


def test_s02_a_batch_is_multipart(stocked):
    answer = stocked.batch(batch(part("GET Companies?$top=1")))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=")


def test_s02_a_bound_action_is_posted_under_its_qualified_name(stocked):
    answer = stocked.post(f"DataManagementEntities/{ENUM}GetApplicationVersion", {})
    assert answer.status_code == 200
    assert answer.json()["@odata.context"] == f"{stocked.url}/data/$metadata#Edm.String"
    assert answer.json()["value"].startswith("10.0.")


@pytest.mark.parametrize("path", ["metadata", "Metadata"])
@pytest.mark.parametrize("end", ["", "/"])
def test_s02_the_json_metadata_lists_data_entities(stocked, path, end):
    body = stocked.get(f"{stocked.url}/{path}/DataEntities{end}").json()
    found = next(row for row in body["value"] if row["PublicCollectionName"] == "CustomersV3")
    assert found["Name"] == "CustCustomerV3Entity"
    assert (found["PublicEntityName"], found["EntityCategory"], found["IsReadOnly"]) == (
        "CustomerV3",
        "Master",
        False,
    )
    assert (found["DataServiceEnabled"], found["DataManagementEnabled"]) == (True, True)


def test_s02_a_public_entity_is_read_by_the_name_of_its_type(stocked):
    for key in ("'CDSSalesOrderHeader'", "Name='CDSSalesOrderHeader'"):
        body = stocked.get(f"{stocked.url}/metadata/PublicEntities({key})").json()
        assert body["EntitySetName"] == "CDSSalesOrderHeaders"
    number = next(p for p in body["Properties"] if p["Name"] == "SalesOrderNumber")
    assert (number["IsKey"], number["IsMandatory"], number["AllowEdit"]) == (True, True, False)
    assert {n["Name"] for n in body["NavigationProperties"]} >= {
        "CDSSalesOrderLines",
        "CDSSalesQuotationHeader",
    }
    assert "ConfirmSalesOrder" in {a["Name"] for a in body["Actions"]}
    assert stocked.get(f"{stocked.url}/metadata/PublicEntities('NoSuch')").status_code == 404


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("PublicEntities?$filter=EntitySetName eq 'Companies'", ["Company"]),
        ("PublicEntities?$filter=Name eq 'CustomerV2'&$select=Name", ["CustomerV2"]),
        ("PublicEnumerations?$filter=Name eq 'NoYes'", ["NoYes"]),
        (
            "DataEntities?$filter=contains(Name, 'CustomerV')&$select=Name",
            ["CustCustomerV3Entity", "CustCustomerV2Entity"],
        ),
        ("DataEntities?$filter=IsReadOnly eq true and Name eq 'CompanyEntity'", ["CompanyEntity"]),
    ],
)
def test_s02_the_lists_of_the_json_metadata_take_filters(stocked, query, names):
    body = stocked.get(f"{stocked.url}/metadata/{query}").json()
    assert sorted(row["Name"] for row in body["value"]) == sorted(names)


def test_s02_the_lists_of_the_json_metadata_page_and_count(stocked):
    body = stocked.get(
        f"{stocked.url}/metadata/PublicEnumerations?$top=2&$skip=1&$count=true&$orderby=Name"
    ).json()
    assert len(body["value"]) == 2
    assert body["@odata.count"] > 50
    count = stocked.get(f"{stocked.url}/metadata/PublicEnumerations/$count").text
    assert int(count) == body["@odata.count"]


def test_s02_enumerations_have_their_members(stocked):
    body = stocked.get(f"{stocked.url}/metadata/PublicEnumerations('SalesStatus')").json()
    members = {m["Name"]: m["Value"] for m in body["Members"]}
    assert members == {"None": 0, "Backorder": 1, "Delivered": 2, "Invoiced": 3, "Canceled": 4}


def test_s02_label_ids_of_the_metadata_have_texts(stocked):
    body = stocked.get(f"{stocked.url}/metadata/PublicEntities('CDSSalesOrderHeader')").json()
    number = next(p for p in body["Properties"] if p["Name"] == "SalesOrderNumber")
    label = stocked.get(f"{stocked.url}/metadata/Labels(Id='{number['LabelId']}',Language='en-us')").json()
    assert label["Value"] == "Sales order number"
    assert (
        stocked.get(f"{stocked.url}/metadata/Labels(Id='@Sandbox:NoSuch',Language='de')").status_code == 404
    )


def test_s02_answers_name_their_activity_and_their_time(stocked):
    answers = [stocked.get("Companies"), stocked.get("NoSuchSet")]
    activities = {uuid.UUID(answer.headers["ms-dyn-aid"]) for answer in answers}
    assert len(activities) == 2
    assert all("dur=" in answer.headers["server-timing"] for answer in answers)


def test_s02_links_are_in_the_scheme_and_host_of_the_caller(stocked):
    port = stocked.url.rpartition(":")[2]
    answer = stocked.get(f"http://localhost:{port}/data/Companies", Authorization=f"Bearer {stocked.token()}")
    assert answer.json()["@odata.context"] == f"http://localhost:{port}/data/$metadata#Companies"


def test_s02_keys_with_encoded_characters_are_addressed(stocked):
    row = stocked.create("CustomersV3", customer(CustomerAccount="A/1 'b' & ü#+%"))
    encoded = "A%2F1%20%27%27b%27%27%20%26%20%C3%BC%23%2B%25"
    path = f"CustomersV3(dataAreaId='usmf',CustomerAccount='{encoded}')"
    assert stocked.get(path).json()["CustomerAccount"] == row["CustomerAccount"]
    assert stocked.get(customer_path(customer(CustomerAccount="A"))).status_code == 404


def test_s02_custom_json_services_are_listed_and_run(stocked):
    root = f"{stocked.url}/api/services"
    assert stocked.get(root).json() == {"ServiceGroups": [{"Name": "UserSessionService"}]}
    service = f"{root}/UserSessionService/AifUserSessionService"
    assert stocked.get(service).json() == {"Operations": [{"Name": "GetUserSessionInfo"}]}
    answer = stocked.post(f"{service}/GetUserSessionInfo", {})
    assert (answer.json()["Company"], answer.json()["AXLanguage"]) == ("usmf", "en-us")
    assert stocked.get(f"{service}/GetUserSessionInfo").status_code == 405
    assert stocked.post(f"{service}/NoSuch", {}).status_code == 404
