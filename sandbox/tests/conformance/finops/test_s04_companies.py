"""F&O sheet, section 4: company scoping."""

import pytest

from support.ordering import customer, customer_path, sentence, switched, unique


@pytest.fixture(scope="module")
def two(finops):
    """One customer in each company."""
    for company in ("usmf", "demf"):
        finops.create("CustomersV3", customer(dataAreaId=company, CustomerAccount=f"{company}-1"))
    return finops


def accounts(client, query):
    return [row["CustomerAccount"] for row in client.rows(f"CustomersV3?$select=CustomerAccount&{query}")]


def test_s04_without_cross_company_only_the_default_company_is_seen(two):
    assert accounts(two, "") == ["usmf-1"]
    assert two.get("CustomersV3/$count").text == "1"


def test_s04_a_filter_for_another_company_finds_nothing_and_is_no_error(two):
    assert accounts(two, "$filter=dataAreaId eq 'demf'") == []


def test_s04_cross_company_with_a_filter_reads_another_company(two):
    assert accounts(two, "cross-company=true&$filter=dataAreaId eq 'demf'") == ["demf-1"]


def test_s04_cross_company_alone_reads_all_companies(two):
    assert accounts(two, "cross-company=true") == ["demf-1", "usmf-1"]
    assert two.get("CustomersV3/$count?cross-company=true").text == "2"


def test_s04_the_parameter_has_no_dollar(two):
    assert two.get("CustomersV3?$cross-company=true").status_code == 400


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_s04_keyed_requests_to_another_company_need_cross_company(two, method):
    row = two.create("CustomersV3", customer(dataAreaId="demf"))
    body = {"CreditLimit": 1} if method == "PATCH" else None
    assert two.call(method, customer_path(row), body).status_code == 404
    assert two.call(method, f"{customer_path(row)}?cross-company=true", body).status_code in (200, 204)
    two.delete(f"{customer_path(row)}?cross-company=true")


def test_s04_the_body_decides_the_company_of_a_new_row(two):
    row = two.create("CustomerGroups", {"dataAreaId": "demf", "CustomerGroupId": unique()})
    assert row["dataAreaId"] == "demf"


def test_s04_a_new_row_without_company_belongs_to_the_default_company(two):
    assert two.create("CustomerGroups", {"CustomerGroupId": unique()})["dataAreaId"] == "usmf"


def test_s04_a_company_that_does_not_exist_is_refused(two):
    answer = two.post("CustomerGroups", {"dataAreaId": "nope", "CustomerGroupId": "1"})
    assert answer.status_code == 400
    assert "in field 'Company' is not found in the related table 'Legal entities'." in sentence(answer)


def test_s04_the_company_of_a_key_is_not_case_sensitive_and_comes_back_lower_case(two):
    body = two.get("CustomersV3(dataAreaId='USMF',CustomerAccount='usmf-1')").json()
    assert body["dataAreaId"] == "usmf"
    assert two.create("CustomersV3", customer(dataAreaId="USMF"))["dataAreaId"] == "usmf"


def test_s04_shared_entities_have_no_company(two):
    for name in ("Currencies", "UnitsOfMeasure", "LegalEntities", "Companies"):
        assert all("dataAreaId" not in row for row in two.rows(name))


def test_s04_companies_show_the_legal_entities(two):
    assert {row["DataArea"] for row in two.rows("Companies")} == {"usmf", "demf"}
    assert two.get("Companies('DEMF')").json()["DataArea"] == "demf"


def test_s04_an_address_without_company_means_the_default_company_where_the_parameter_says_so(two):
    path = "CustomersV3(CustomerAccount='usmf-1')"
    assert two.get(path).status_code == 400
    with switched(two, company_key_optional=True):
        assert two.get(path).json()["dataAreaId"] == "usmf"
        assert two.get("CustomersV3('usmf-1')").json()["dataAreaId"] == "usmf"
