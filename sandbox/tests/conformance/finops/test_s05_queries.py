"""F&O sheet, section 5: query options."""

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
)
from support.quoting import set_up


@pytest.fixture(scope="module")
def customers(finops):
    """Four customers of usmf, in key order."""
    for at, name in enumerate(["Birch Retail", "Cave Wholesales", "birch company", "O'Neil / Søn & Co"]):
        finops.create(
            "CustomersV3",
            customer(
                CustomerAccount=f"US-{at}", OrganizationName=name, CreditLimit=at * 10.5,
                OnHoldStatus="All" if at == 3 else "No", IsOneTimeCustomer="Yes" if at == 1 else "No",
            ),
        )  # fmt: skip
    return finops


@pytest.fixture(scope="module")
def ordered(customers):
    """An order of two lines."""
    set_up(customers)
    header = customers.create("CDSSalesOrderHeaders", order(SalesOrderNumber="SO-5"))
    for number in (1, 2):
        customers.create("CDSSalesOrderLines", line(header, number, OrderedSalesQuantity=number))
    return header


def accounts(client, query):
    path = f"CustomersV3?$select=CustomerAccount&$filter=CustomerAccount eq 'US-*' and ({query})"
    return [row["CustomerAccount"][-1] for row in client.rows(path)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CustomerAccount eq 'US-1'", "1"),
        ("CustomerAccount ne 'US-1'", "023"),
        ("CreditLimit gt 10.5", "23"),
        ("CreditLimit ge 10.5", "123"),
        ("CreditLimit lt 10.5", "0"),
        ("CreditLimit le 10.5", "01"),
        ("CreditLimit gt 0 and CreditLimit lt 30", "12"),
        ("CreditLimit eq 0 or CreditLimit eq 21", "02"),
        ("not (CreditLimit eq 0)", "123"),
        ("(CreditLimit eq 0 or CreditLimit eq 21) and OrganizationName eq 'birch*'", "02"),
    ],
)
def test_s05_comparison_and_boolean_operators_and_grouping(customers, text, found):
    assert "".join(accounts(customers, text)) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CreditLimit add 1 eq 11.5", "1"),
        ("CreditLimit sub 1 eq 9.5", "1"),
        ("CreditLimit mul 2 eq 42", "2"),
        ("CreditLimit div 3 eq 7", "2"),
        ("CreditLimit divby 3 eq 3.5", "1"),
        ("CreditLimit mod 21 eq 10.5", "13"),
    ],
)
def test_s05_arithmetic(customers, text, found):
    assert "".join(accounts(customers, text)) == found


@pytest.mark.parametrize(
    "text", ["CreditLimit div 0 eq 1", "CreditLimit mod 0 lt 1", "1 divby 0 gt CreditLimit"]
)
def test_s05_what_is_divided_by_nothing_matches_nothing(customers, text):
    assert accounts(customers, text) == []


def test_s05_a_number_that_is_too_large_is_refused(customers):
    assert customers.get(f"CustomersV3?$filter=CreditLimit add {'9' * 400} gt 1").status_code == 400


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("OrganizationName eq '*retail*'", "0"),
        ("OrganizationName eq 'birch*'", "02"),
        ("OrganizationName eq '*co'", "3"),
        ("OrganizationName ne '*birch*'", "13"),
    ],
)
def test_s05_a_star_inside_eq_is_a_wildcard(customers, text, found):
    assert "".join(accounts(customers, text)) == found


@pytest.mark.parametrize(
    "text",
    ["contains(OrganizationName,'a')", "startswith(OrganizationName,'a')", "endswith(OrganizationName,'a')"],
)
def test_s05_text_functions_are_refused(customers, text):
    assert customers.get(f"CustomersV3?$filter={text}").status_code == 400


def test_s05_text_functions_work_where_the_parameter_says_so(customers):
    with switched(customers, text_functions=True):
        assert accounts(customers, "contains(OrganizationName,'RETAIL')") == ["0"]
    assert customers.get("CustomersV3?$filter=contains(OrganizationName,'RETAIL')").status_code == 400


def test_s05_comparison_of_text_ignores_case_and_trailing_blanks(customers):
    assert accounts(customers, "OrganizationName eq 'BIRCH RETAIL  '") == ["0"]


def test_s05_quotes_in_text_are_doubled(customers):
    assert accounts(customers, "OrganizationName eq 'o''neil / søn %26 co'") == ["3"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"OnHoldStatus eq {ENUM}CustVendorBlocked'All'", "3"),
        (f"OnHoldStatus ne {ENUM}CustVendorBlocked'All'", "012"),
        (f"IsOneTimeCustomer eq {ENUM}NoYes'Yes'", "1"),
    ],
)
def test_s05_enumerations_are_compared_with_qualified_literals(customers, text, found):
    assert "".join(accounts(customers, text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "OnHoldStatus eq 'All'", "OnHoldStatus eq 2", "IsOneTimeCustomer eq true", "IsOneTimeCustomer eq 1",
        f"OnHoldStatus eq {ENUM}NoYes'Yes'", f"OnHoldStatus eq {ENUM}CustVendorBlocked'Maybe'",
        f"OnHoldStatus gt {ENUM}CustVendorBlocked'All'",
    ],
)  # fmt: skip
def test_s05_enumerations_take_nothing_else_and_only_eq_and_ne(customers, text):
    assert customers.get(f"CustomersV3?$filter={text}").status_code == 400


@pytest.mark.parametrize(
    "query",
    [
        "$apply=groupby((CustomerGroupId))", "$search=birch", "$deltatoken=1", "$compute=CreditLimit as x", "$skiptoken=1",
        "$filter=CustomerAccount in ('US-1','US-2')", f"$filter=OnHoldStatus has {ENUM}CustVendorBlocked'All'",
        "$filter=NoSuchField eq 1", "$orderby=NoSuchField", "$select=NoSuchField", "$expand=NoSuchNavigation",
        "$top=-1", "$skip=x", "$count=maybe", "$format=atom", "$top=1&$top=2",
    ],
)  # fmt: skip
def test_s05_what_is_not_supported_is_refused(customers, query):
    answer = customers.get(f"CustomersV3?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "An error has occurred."


def test_s05_track_changes_is_not_supported(customers):
    answer = customers.get("CustomersV3", Prefer="odata.track-changes")
    assert "@odata.deltaLink" not in answer.text
    assert "Preference-Applied" not in answer.headers


def test_s05_moments_are_written_without_quotes(customers):
    rows = customers.rows("CustomersV3?$filter=CredManNextSchedReviewDate lt 1901-01-31T00:00:00Z&$top=1")
    assert len(rows) == 1
    assert customers.get("CustomersV3?$filter=CredManNextSchedReviewDate lt '1901-01-31'").status_code == 400


def test_s05_format_json_is_the_only_format(customers):
    assert customers.get("CustomersV3?$format=json&$top=1").status_code == 200


def test_s05_unknown_names_without_dollar_are_ignored_and_stay_in_next_links(customers):
    body = customers.get("CustomersV3?api=1&$select=CustomerAccount", Prefer="odata.maxpagesize=1").json()
    assert "api=1" in body["@odata.nextLink"]


def test_s05_orderby_and_select(customers):
    body = customers.get(
        "CustomersV3?$orderby=CreditLimit desc,CustomerAccount&$top=1&$select=CustomerAccount"
    ).json()
    assert body["value"][0].keys() == {"@odata.etag", "CustomerAccount"}
    assert body["@odata.context"] == f"{customers.url}/data/$metadata#CustomersV3(CustomerAccount)"
    assert body["value"][0]["CustomerAccount"] == "US-3"


def test_s05_skip_and_top(customers):
    rows = customers.rows("CustomersV3?$filter=CustomerAccount eq 'US-*'&$skip=1&$top=2")
    assert [row["CustomerAccount"] for row in rows] == ["US-1", "US-2"]


def test_s05_count_is_the_full_filtered_count_whatever_top_says(customers):
    body = customers.get("CustomersV3?$filter=CreditLimit gt 0&$count=true&$top=1").json()
    assert (body["@odata.count"], len(body["value"])) == (3, 1)


def test_s05_expand_brings_the_first_level(customers, ordered):
    row = customers.get(f"{order_path(ordered)}?$expand=CDSSalesOrderLines").json()
    assert [child["OrderedSalesQuantity"] for child in row["CDSSalesOrderLines"]] == [1, 2]
    assert all("@odata.etag" in child for child in row["CDSSalesOrderLines"])


def test_s05_expand_works_on_sets_and_for_single_rows_beside_others(customers, ordered):
    query = "$expand=CDSSalesOrderHeader($select=SalesOrderName)&$filter=SalesOrderNumber eq 'SO-5'"
    rows = customers.rows(f"CDSSalesOrderLines?$select=ProductNumber&{query}")
    assert [row["CDSSalesOrderHeader"]["SalesOrderName"] for row in rows] == ["Adatum", "Adatum"]
    assert rows[0]["CDSSalesOrderHeader"].keys() == {"@odata.etag", "SalesOrderName"}


def test_s05_several_navigation_properties_are_expanded_at_once(customers, ordered):
    names = "CDSSalesOrderLines($select=ProductNumber),CDSSalesQuotationHeader,SalesInvoiceHeaderV2"
    row = customers.get(f"{order_path(ordered)}?$expand={names}").json()
    assert len(row["CDSSalesOrderLines"]) == 2
    assert (row["CDSSalesQuotationHeader"], row["SalesInvoiceHeaderV2"]) == (None, [])


@pytest.mark.parametrize("nested", ["$expand=CDSSalesOrderHeader", "$filter=ProductNumber eq 'P1'", "$top=1"])
def test_s05_expand_has_one_level_and_no_options_but_select(customers, ordered, nested):
    answer = customers.get(f"{order_path(ordered)}?$expand=CDSSalesOrderLines({nested})")
    assert answer.status_code == 400
    assert "not supported inside $expand" in sentence(answer)


def test_s05_a_collection_behind_a_row_takes_options(customers, ordered):
    path = f"{order_path(ordered)}/CDSSalesOrderLines"
    body = customers.get(f"{path}?$filter=OrderedSalesQuantity gt 1&$count=true").json()
    assert (len(body["value"]), body["@odata.count"]) == (1, 1)
    assert customers.get(f"{path}/$count").text == "2"
    rows = customers.rows(f"{path}?$orderby=LineCreationSequenceNumber desc&$top=1")
    assert rows[0]["LineCreationSequenceNumber"] == 2


def test_s05_a_single_row_that_is_not_there_is_no_content(customers, ordered):
    assert customers.get(f"{order_path(ordered)}/CDSSalesQuotationHeader").status_code == 204


def test_s05_pages_are_at_most_10000_rows_with_offset_links(finops):
    finops.admin("PUT", "rows/UnitsOfMeasure", [{"UnitSymbol": f"u{n:05d}"} for n in range(10_004)])
    body = finops.get("UnitsOfMeasure?$select=UnitSymbol&$filter=UnitSymbol eq 'u*'").json()
    assert len(body["value"]) == 10_000
    assert body["@odata.nextLink"].endswith("&$skip=10000")
    assert "$select=UnitSymbol" in body["@odata.nextLink"]
    last = finops.get(body["@odata.nextLink"]).json()
    assert (len(last["value"]), "@odata.nextLink" in last) == (4, False)


def test_s05_a_top_above_10000_still_pages(finops):
    finops.admin("PUT", "rows/UnitsOfMeasure", [{"UnitSymbol": f"u{n:05d}"} for n in range(10_004)])
    pages = finops.pages("UnitsOfMeasure?$top=10002&$select=UnitSymbol&$filter=UnitSymbol eq 'u*'")
    assert [len(page) for page in pages] == [10_000, 2]


def test_s05_a_page_size_may_be_asked_for(customers):
    answer = customers.get("CustomersV3?$filter=CustomerAccount eq 'US-*'", Prefer="odata.maxpagesize=3")
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=3"
    assert len(answer.json()["value"]) == 3
    larger = customers.get("CustomersV3", Prefer="odata.maxpagesize=20000")
    assert "Preference-Applied" not in larger.headers


def test_s05_offset_pages_drift_when_rows_are_deleted_in_between(finops):
    for number in range(4):
        finops.create("CustomerGroups", {"CustomerGroupId": f"D{number}"})
    query = "CustomerGroups?$filter=CustomerGroupId eq 'D*'&$orderby=CustomerGroupId"
    body = finops.get(query, Prefer="odata.maxpagesize=2").json()
    finops.delete("CustomerGroups(dataAreaId='usmf',CustomerGroupId='D0')")
    later = finops.get(body["@odata.nextLink"], Prefer="odata.maxpagesize=2").json()
    assert [row["CustomerGroupId"] for row in later["value"]] == ["D3"]


def test_s05_rows_are_shown_with_context_and_etag(customers):
    body = customers.get("CustomerGroups?$select=dataAreaId,CustomerGroupId&$top=1").json()
    assert list(body) == ["@odata.context", "value"]
    assert (
        body["@odata.context"] == f"{customers.url}/data/$metadata#CustomerGroups(dataAreaId,CustomerGroupId)"
    )
    assert list(body["value"][0]) == ["@odata.etag", "dataAreaId", "CustomerGroupId"]


def test_s05_full_metadata_brings_types_and_links(customers, ordered):
    answer = customers.get(
        f"{line_path(line(ordered))}?$select=LineAmount,ProductNumber",
        Accept="application/json;odata.metadata=full",
    )
    row = answer.json()
    assert "odata.metadata=full" in answer.headers["Content-Type"]
    assert row["@odata.type"] == f"#{ENUM}CDSSalesOrderLine"
    assert row["@odata.id"] == f"{customers.url}/data/{line_path(line(ordered))}"
    assert row["@odata.editLink"] == line_path(line(ordered))
    assert row["LineAmount@odata.type"] == "#Decimal"
    assert row["CDSSalesOrderHeader@odata.navigationLink"].endswith("/CDSSalesOrderHeader")
    assert row["CDSSalesOrderHeader@odata.associationLink"].endswith("/CDSSalesOrderHeader/$ref")


def test_s05_no_metadata_drops_annotations(customers):
    for path in ("CustomersV3", customer_path(customer(CustomerAccount="US-1"))):
        text = customers.get(path, Accept="application/json;odata.metadata=none").text
        assert "@odata.etag" not in text
        assert "@odata.context" not in text


def test_s05_next_links_stay_without_metadata(customers):
    answer = customers.get(
        "CustomersV3", Accept="application/json;odata.metadata=none", Prefer="odata.maxpagesize=1"
    )
    assert "@odata.nextLink" in answer.json()


def test_s05_distinct_products_are_those_without_variants(ordered, customers):
    customers.create(
        "ReleasedProductsV2", {"dataAreaId": "usmf", "ItemNumber": "M1", "ProductSubType": "ProductMaster"}
    )
    for name in ("ReleasedDistinctProducts", "ReleasedDistinctProductsV2"):
        assert [row["ItemNumber"] for row in customers.rows(f"{name}?$select=ItemNumber")] == ["P2"]
        assert customers.get(f"{name}(dataAreaId='usmf',ItemNumber='M1')").status_code == 404
    assert len(customers.rows("ReleasedProductsV2?$filter=ItemNumber eq 'M1'")) == 1
