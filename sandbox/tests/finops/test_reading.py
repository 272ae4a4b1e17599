import base64

import pytest

from support.running import batch, part

ENUM = "Microsoft.Dynamics.DataEntities."


@pytest.fixture(scope="module")
def customers(finops):
    """Four customers of usmf and one of demf."""
    base = {"CustomerGroupId": "10", "SalesCurrencyCode": "USD"}
    for at, name in enumerate(["Birch Retail", "Cave Wholesales", "birch company", "O'Neil / Søn & Co"]):
        finops.create(
            "CustomersV3",
            {**base, "dataAreaId": "usmf", "CustomerAccount": f"US-{at}", "OrganizationName": name,
             "CreditLimit": at * 10.5, "OnHoldStatus": "All" if at == 3 else "No"},
        )  # fmt: skip
    finops.create(
        "CustomersV3",
        {**base, "dataAreaId": "DEMF", "CustomerAccount": "DE/1 'x'", "OrganizationName": "Birke"},
    )
    return finops


def numbers(finops, query):
    return [r["CustomerAccount"] for r in finops.rows(f"CustomersV3?$select=CustomerAccount&{query}")]


def test_without_cross_company_only_the_default_company_is_seen(customers):
    assert numbers(customers, "") == ["US-0", "US-1", "US-2", "US-3"]
    assert numbers(customers, "$filter=dataAreaId eq 'demf'") == []
    assert customers.get("CustomersV3/$count").text == "4"


def test_with_cross_company_every_company_is_seen_in_key_order(customers):
    assert numbers(customers, "cross-company=true") == ["DE/1 'x'", "US-0", "US-1", "US-2", "US-3"]
    assert numbers(
        customers, "cross-company=true&$filter=dataAreaId eq 'USMF' and CustomerAccount eq 'us-1'"
    ) == ["US-1"]


def test_companies_are_stored_in_lower_case(customers):
    rows = customers.rows("CustomersV3?cross-company=true&$select=dataAreaId")
    assert {row["dataAreaId"] for row in rows} == {"usmf", "demf"}


def test_sets_without_company_are_seen_by_all(customers):
    assert [r["CurrencyCode"] for r in customers.rows("Currencies")] == ["USD"]


def test_a_row_is_read_by_all_its_key_fields_in_any_case(customers):
    row = customers.get(
        "CustomersV3(dataAreaId='USMF',CustomerAccount='us-1')?$select=OrganizationName"
    ).json()
    assert row["OrganizationName"] == "Cave Wholesales"
    assert row["@odata.context"].endswith("$metadata#CustomersV3(OrganizationName)/$entity")
    assert customers.get("CustomersV3('US-1')").status_code == 400
    assert customers.get("CustomersV3(CustomerAccount='US-1')").status_code == 400


def test_a_row_of_another_company_needs_cross_company(customers):
    path = "CustomersV3(dataAreaId='demf',CustomerAccount='DE%2F1%20''x''')"
    assert customers.get(path).status_code == 404
    assert customers.get(f"{path}?cross-company=true").json()["OrganizationName"] == "Birke"


def test_a_missing_row_is_404_in_the_envelope(customers):
    answer = customers.get("CustomersV3(dataAreaId='usmf',CustomerAccount='none')")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "An error has occurred.")


def test_an_unknown_set_is_404(customers):
    assert customers.get("NoSuchSet").status_code == 404
    assert customers.get("customersv3").status_code == 404


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("OrganizationName eq '*birch*'", ["US-0", "US-2"]),
        ("OrganizationName ne '*birch*'", ["US-1", "US-3"]),
        ("OrganizationName eq 'Cave*'", ["US-1"]),
        ("OrganizationName eq 'BIRCH RETAIL  '", ["US-0"]),
        ("OrganizationName eq 'o''neil / søn %26 co'", ["US-3"]),
        (f"OnHoldStatus eq {ENUM}CustVendorBlocked'All'", ["US-3"]),
        (f"OnHoldStatus ne {ENUM}CustVendorBlocked'All'", ["US-0", "US-1", "US-2"]),
        (f"IsOneTimeCustomer eq {ENUM}NoYes'Yes'", []),
        ("CreditLimit gt 10.5", ["US-2", "US-3"]),
        ("CreditLimit mul 2 eq 21", ["US-1"]),
        ("CreditLimit eq 0", ["US-0"]),
        ("SiteId eq '' and CustomerAccount ge 'us-2'", ["US-2", "US-3"]),
        (
            "CredManNextSchedReviewDate eq 1900-01-01T12:00:00Z and not (CustomerAccount eq 'US-0')",
            ["US-1", "US-2", "US-3"],
        ),
    ],
)
def test_a_filter_finds_exactly_its_rows(customers, text, found):
    assert numbers(customers, f"$filter={text}") == found


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("$filter=OnHoldStatus eq 'All'", "incompatible types"),
        ("$filter=OnHoldStatus eq 2", "incompatible types"),
        (f"$filter=OnHoldStatus eq {ENUM}NoYes'Yes'", "incompatible types"),
        (f"$filter=OnHoldStatus eq {ENUM}CustVendorBlocked'Maybe'", "Maybe"),
        (f"$filter=OnHoldStatus gt {ENUM}CustVendorBlocked'All'", "Only eq and ne"),
        ("$filter=contains(OrganizationName,'a')", "unknown function"),
        ("$filter=NoSuch eq 1", "Could not find a property named 'NoSuch'"),
        ("$select=NoSuch", "Could not find a property named 'NoSuch'"),
        ("$apply=aggregate($count as n)", "not supported"),
        ("$search=x", "not supported"),
    ],
)
def test_a_query_that_the_service_does_not_understand_is_400(customers, query, sentence):
    answer = customers.get(f"CustomersV3?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "An error has occurred."
    assert sentence in answer.json()["error"]["innererror"]["message"]


def test_what_is_unset_is_empty_and_never_null(customers):
    row = customers.get("CustomersV3(dataAreaId='usmf',CustomerAccount='US-0')").json()
    assert None not in row.values()
    assert (row["SiteId"], row["IsOneTimeCustomer"], row["AddressRecordId"]) == ("", "No", 0)
    assert row["CredManNextSchedReviewDate"] == "1900-01-01T12:00:00Z"


def test_etags_are_opaque_base64_of_version_and_record(customers):
    etag = customers.rows("CustomersV3?$top=1")[0]["@odata.etag"]
    assert etag.startswith('W/"')
    version, _, record = base64.b64decode(etag[3:-1]).decode().strip("'").partition(",")
    assert (version, record.isdigit()) == ("1", True)


def test_skip_top_and_count(customers):
    body = customers.get("CustomersV3?$select=CustomerAccount&$skip=1&$top=2&$count=true").json()
    assert [r["CustomerAccount"] for r in body["value"]] == ["US-1", "US-2"]
    assert body["@odata.count"] == 4
    assert "@odata.nextLink" not in body


def test_orderby_sorts(customers):
    assert numbers(customers, "$orderby=CreditLimit desc") == ["US-3", "US-2", "US-1", "US-0"]


def test_pages_go_on_by_offset(customers):
    first = customers.get(
        "CustomersV3?$select=CustomerAccount&cross-company=true", Prefer="odata.maxpagesize=2"
    )
    assert first.headers["Preference-Applied"] == "odata.maxpagesize=2"
    assert first.json()["@odata.nextLink"].endswith("$select=CustomerAccount&cross-company=true&$skip=2")
    pages = customers.pages(
        "CustomersV3?$select=CustomerAccount&cross-company=true", Prefer="odata.maxpagesize=2"
    )
    assert [len(page) for page in pages] == [2, 2, 1]
    limited = customers.pages("CustomersV3?$top=3&cross-company=true", Prefer="odata.maxpagesize=2")
    assert [len(page) for page in limited] == [2, 1]


def test_the_largest_page_is_10000(finops):
    rows = [{"UnitSymbol": f"u{n:05d}"} for n in range(10_020)]
    finops.admin("PUT", "rows/UnitsOfMeasure", rows)
    assert [len(page) for page in finops.pages("UnitsOfMeasure?$select=UnitSymbol")] == [10_000, 21]
    for start in range(0, 10_020, 4000):
        numbers = range(start, min(start + 4000, 10_020))
        finops.batch(batch(*[part(f"DELETE UnitsOfMeasure('u{n:05d}')") for n in numbers]))
    assert finops.get("UnitsOfMeasure/$count").text == "1"


def test_one_value_is_read(customers):
    path = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-1')"
    assert customers.get(f"{path}/CreditLimit").json()["value"] == 10.5


def test_metadata_lists_entities_fields_and_enumerations(customers):
    assert {"CustomersV3", "SellableReleasedProducts"} <= {r["name"] for r in customers.rows("")}
    text = customers.get("$metadata").text
    assert '<Property Name="CreditLimit" Type="Edm.Decimal" Nullable="false" Scale="variable">' in text
    assert "MaxLength" not in text
    entity = customers.get(f"{customers.url}/metadata/PublicEntities('CustomerV3')").json()
    assert entity["EntitySetName"] == "CustomersV3"
    account = next(p for p in entity["Properties"] if p["Name"] == "CustomerAccount")
    assert (account["IsKey"], account["AllowEdit"]) == (True, False)
    names = {e["Name"] for e in customers.get(f"{customers.url}/metadata/PublicEntities").json()["value"]}
    assert "LegalEntity" in names
    enums = customers.get(f"{customers.url}/metadata/PublicEnumerations").json()["value"]
    members = next(e["Members"] for e in enums if e["Name"] == "NoYes")
    assert [(m["Name"], m["Value"]) for m in members] == [("No", 0), ("Yes", 1)]


def test_countries_and_states_are_there_from_the_start(customers):
    assert customers.get("AddressCountryRegions('USA')").json()["ISOcode"] == "US"
    assert customers.get("AddressStates(CountryRegionId='USA',State='WA')").json()["Name"] == "Washington"
