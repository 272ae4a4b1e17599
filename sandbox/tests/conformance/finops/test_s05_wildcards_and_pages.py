"""F&O sheet, section 5: stars that are meant literally, computed fields, pages that shift."""

import pytest

from support.ordering import customer, sentence, switched


@pytest.fixture(scope="module")
def customers(finops):
    for number, name in enumerate(["A*B", "A to B", "AB", "B"]):
        finops.create("CustomersV3", customer(CustomerAccount=f"W-{number}", OrganizationName=name))
    return finops


def names(client, text):
    return [row["OrganizationName"] for row in client.rows(f"CustomersV3?$filter={text}")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("OrganizationName eq 'A*B'", ["A*B", "A to B", "AB"]),
        ("OrganizationName eq '*B'", ["A*B", "A to B", "AB", "B"]),
        ("OrganizationName eq 'a**b'", ["A*B", "A to B", "AB"]),
        ("OrganizationName eq 'A to_B'", []),
        ("OrganizationName eq 'A%25B'", []),
    ],
)
def test_s05_a_literal_star_cannot_be_told_from_a_wildcard(customers, text, found):
    assert names(customers, text) == found


@pytest.mark.parametrize("operator", ["gt", "ge", "lt", "le"])
def test_s05_a_star_is_a_wildcard_in_eq_and_ne_only(customers, operator):
    found = names(customers, f"OrganizationName {operator} '*'")
    assert len(found) == (4 if operator in ("gt", "ge") else 0)


def test_s05_filters_on_computed_fields_are_refused_where_the_parameter_says_so(customers):
    path = "CustomersV3?$filter=FullPrimaryAddress eq '' and OrganizationName eq 'FullPrimaryAddress'"
    assert customers.get(path).status_code == 200
    with switched(customers, unfilterable_fields=["CustomersV3.FullPrimaryAddress"]):
        answer = customers.get(path)
        assert (answer.status_code, "'FullPrimaryAddress'" in sentence(answer)) == (400, True)
        assert customers.get("CustomersV3/$count?$filter=FullPrimaryAddress eq ''").status_code == 400
        literal = "CustomersV3?$select=FullPrimaryAddress&$filter=OrganizationName eq 'FullPrimaryAddress'"
        assert customers.get(literal).status_code == 200


def test_s05_offset_pages_drift_when_rows_are_inserted_in_between(finops):
    for number in (1, 2, 3):
        finops.create("CustomerGroups", {"CustomerGroupId": f"I{number}"})
    query = "CustomerGroups?$filter=CustomerGroupId eq 'I*'&$orderby=CustomerGroupId"
    body = finops.get(query, Prefer="odata.maxpagesize=2").json()
    finops.create("CustomerGroups", {"CustomerGroupId": "I0"})
    later = finops.get(body["@odata.nextLink"], Prefer="odata.maxpagesize=2").json()
    assert [row["CustomerGroupId"] for row in later["value"]] == ["I2", "I3"]
