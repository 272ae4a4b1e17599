import itertools
import random

import pytest

from support.running import Sandbox, batch, change_set, part

_numbers = itertools.count(random.randrange(10**6) * 1000)


def customer(**changes):
    body = {
        "dataAreaId": "usmf", "CustomerAccount": f"K-{next(_numbers)}", "OrganizationName": "Adatum",
        "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
    }  # fmt: skip
    body.update(changes)
    return {name: value for name, value in body.items() if value is not ...}


def person(**changes):
    name = {"PartyType": "Person", "OrganizationName": ..., "PersonFirstName": "Ada", "PersonLastName": "B"}
    return customer(**{**name, **changes})


@pytest.fixture(scope="module")
def company(finops):
    """The party of a customer of usmf, and a decision making role there."""
    finops.create("DecisionMakingRoles", {"dataAreaId": "usmf", "RoleName": "Decision maker"})
    return finops.create("CustomersV3", customer())["PartyNumber"]


@pytest.fixture
def contact(company):
    def body(**changes):
        found = {
            "dataAreaId": "usmf", "AssociatedPartyNumber": company, "FirstName": "Ada", "LastName": "Byron",
        }  # fmt: skip
        found.update(changes)
        return {name: value for name, value in found.items() if value is not ...}

    return body


def path(row):
    return (
        f"CDSContactPersons(dataAreaId='{row['dataAreaId']}',"
        f"ContactPersonPartyNumber='{row['ContactPersonPartyNumber']}',"
        f"AssociatedPartyNumber='{row['AssociatedPartyNumber']}')"
    )


def sentence(answer):
    return answer.json()["error"]["innererror"]["message"]


def test_the_server_assigns_the_party_number_and_answers_it(finops, contact):
    answer = finops.post("CDSContactPersons", contact())
    assert answer.status_code == 201, answer.text
    row = answer.json()
    assert row["ContactPersonPartyNumber"]
    assert finops.get(answer.headers["Location"]).json() == {**row, "@odata.context": row["@odata.context"]}
    assert (row["IsInactive"], row["IsContactPersonExternallyMaintained"]) == ("No", "No")


def test_customers_and_contact_persons_share_one_sequence_of_parties(finops, contact):
    one = finops.create("CustomersV3", customer())["PartyNumber"]
    two = finops.create("CDSContactPersons", contact())["ContactPersonPartyNumber"]
    three = finops.create("CustomersV3", customer())["PartyNumber"]
    assert [int(two), int(three)] == [int(one) + 1, int(one) + 2]


def test_a_party_number_of_ones_own_is_refused(finops, contact):
    answer = finops.post("CDSContactPersons", contact(ContactPersonPartyNumber="777777777"))
    assert answer.status_code == 400
    assert sentence(answer).startswith("Write failed for table row of type 'smmContactPersonCDSEntity'.")
    assert "The value '777777777' in field 'Party ID' is not found" in sentence(answer)


def test_a_person_of_one_customer_may_be_contact_person_of_another(finops, contact):
    row = finops.create("CDSContactPersons", contact())
    other = finops.create("CustomersV3", customer())["PartyNumber"]
    again = contact(
        ContactPersonPartyNumber=row["ContactPersonPartyNumber"], AssociatedPartyNumber=other, LastName="King"
    )
    assert (
        finops.create("CDSContactPersons", again)["ContactPersonPartyNumber"]
        == row["ContactPersonPartyNumber"]
    )


def test_the_same_person_of_the_same_customer_is_a_duplicate(finops, contact):
    row = finops.create("CDSContactPersons", contact())
    answer = finops.post(
        "CDSContactPersons", contact(ContactPersonPartyNumber=row["ContactPersonPartyNumber"])
    )
    assert answer.status_code == 400
    assert (
        "Error: Cannot create a record in Contacts (ContactPerson). Party ID: "
        f"{row['ContactPersonPartyNumber']}, {row['AssociatedPartyNumber']}.\nThe record already exists."
        in sentence(answer)
    )


def test_an_organization_cannot_be_a_contact_person(finops, contact, company):
    answer = finops.post("CDSContactPersons", contact(ContactPersonPartyNumber=company))
    assert (answer.status_code, "is of type 'Organization'" in sentence(answer)) == (400, True)


def test_a_contact_person_becomes_a_customer_of_the_same_party(finops, contact):
    party = finops.create("CDSContactPersons", contact())["ContactPersonPartyNumber"]
    assert finops.create("CustomersV3", person(PartyNumber=party))["PartyNumber"] == party
    refused = finops.post("CustomersV3", customer(PartyNumber=party))
    assert "is of type 'Person', not 'Organization'" in sentence(refused)


def test_a_person_who_is_a_customer_becomes_a_contact_person(finops, contact):
    party = finops.create("CustomersV3", person())["PartyNumber"]
    row = finops.create("CDSContactPersons", contact(ContactPersonPartyNumber=party))
    assert row["ContactPersonPartyNumber"] == party


def test_a_contact_person_may_belong_to_a_customer_who_is_a_person(finops, contact):
    party = finops.create("CustomersV3", person())["PartyNumber"]
    assert finops.create("CDSContactPersons", contact(AssociatedPartyNumber=party))["FirstName"] == "Ada"


def test_the_customer_must_be_one_of_the_same_company(finops, contact):
    elsewhere = finops.create("CustomersV3", customer(dataAreaId="demf"))["PartyNumber"]
    answer = finops.post("CDSContactPersons", contact(AssociatedPartyNumber=elsewhere))
    assert f"The value '{elsewhere}' in field 'Associated party' is not found" in sentence(answer)
    assert (
        finops.post(
            "CDSContactPersons", contact(dataAreaId="demf", AssociatedPartyNumber=elsewhere)
        ).status_code
        == 201
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AssociatedPartyNumber": "888888888"}, "The value '888888888' in field 'Associated party'"),
        ({"AssociatedPartyNumber": ...}, "Field 'AssociatedPartyNumber' must be filled in"),
        ({"DecisionMakingRoleCode": "Nobody"}, "The value 'Nobody' in field 'Decision' is not found"),
        ({"PrimaryAddressCountryRegionISOCode": "XX"}, "in field 'Country/region' is not found"),
        ({"PrimaryAddressCountryRegionId": "US"}, "in field 'Country/region' is not found"),
        (
            {"PrimaryAddressCountryRegionISOCode": "US", "PrimaryAddressStateId": "Tennessee"},
            "in field 'State' is not found",
        ),
        ({"FirstName": ..., "LastName": ...}, "Field 'First name' must be filled in."),
        ({"ContactPersonPartyType": "Organization"}, "Party type"),
        ({"LastName": "x" * 26}, "too long"),
        ({"dataAreaId": "none"}, "in field 'Company' is not found"),
        ({"IsInactive": "Perhaps"}, "Perhaps"),
        ({"IsContactPersonExternallyMaintained": 1}, "IsContactPersonExternallyMaintained"),
        ({"ContactPersonId": "1"}, "'ContactPersonId' does not exist"),
    ],
)
def test_a_refusal_names_its_reason(finops, contact, changes, words):
    answer = finops.post("CDSContactPersons", contact(**changes))
    assert (answer.status_code, words in sentence(answer)) == (400, True), answer.text


def test_a_role_must_exist_in_the_contacts_own_company(finops, contact):
    elsewhere = finops.create("CustomersV3", customer(dataAreaId="demf"))["PartyNumber"]
    row = finops.create("CDSContactPersons", contact(DecisionMakingRoleCode="Decision maker"))
    assert row["DecisionMakingRoleCode"] == "Decision maker"
    abroad = contact(
        dataAreaId="demf", AssociatedPartyNumber=elsewhere, DecisionMakingRoleCode="Decision maker"
    )
    assert finops.post("CDSContactPersons", abroad).status_code == 400


def test_patch_by_the_full_key_changes_what_it_names(finops, contact):
    row = finops.create("CDSContactPersons", contact(PrimaryPhoneNumber="1", PrimaryEmailAddress="a@b.c"))
    assert finops.patch(path(row), {"IsInactive": "Yes", "PrimaryPhoneNumber": ""}).status_code == 204
    now = finops.get(path(row)).json()
    assert (now["IsInactive"], now["PrimaryPhoneNumber"], now["PrimaryEmailAddress"]) == ("Yes", "", "a@b.c")


def test_the_parent_is_part_of_the_key_and_cannot_be_changed(finops, contact, company):
    row = finops.create("CDSContactPersons", contact())
    other = finops.create("CustomersV3", customer())["PartyNumber"]
    assert "cannot be changed" in sentence(finops.patch(path(row), {"AssociatedPartyNumber": other}))
    assert finops.patch(path({**row, "AssociatedPartyNumber": other}), {"Notes": "x"}).status_code == 404


def test_a_key_without_a_row_or_without_all_its_parts_is_told_apart(finops, contact):
    row = finops.create("CDSContactPersons", contact())
    assert finops.get(path({**row, "ContactPersonPartyNumber": "1"})).status_code == 404
    assert finops.get(f"CDSContactPersons('{row['ContactPersonPartyNumber']}')").status_code == 400


def test_country_codes_follow_each_other(finops, contact):
    row = finops.create("CDSContactPersons", contact(PrimaryAddressCountryRegionISOCode="US"))
    assert row["PrimaryAddressCountryRegionId"] == "USA"


def test_another_company_is_seen_with_cross_company_only(finops, contact):
    elsewhere = finops.create("CustomersV3", customer(dataAreaId="demf"))["PartyNumber"]
    row = finops.create("CDSContactPersons", contact(dataAreaId="demf", AssociatedPartyNumber=elsewhere))
    query = f"$filter=AssociatedPartyNumber eq '{elsewhere}'"
    assert finops.rows(f"CDSContactPersons?{query}") == []
    assert len(finops.rows(f"CDSContactPersons?{query}&cross-company=true")) == 1
    assert finops.get(path(row)).status_code == 404
    assert finops.get(f"{path(row)}?cross-company=true").status_code == 200


def test_one_contact_is_read_through_all_three_entities(finops, contact):
    row = finops.create("CDSContactPersons", contact(Notes="Chess"))
    party = row["ContactPersonPartyNumber"]
    second = finops.rows(f"CDSContactPersonsV2?$filter=ContactPersonPartyNumber eq '{party}'")[0]
    assert (second["AssociatedContactType"], second["Notes"]) == ("Customer", "Chess")
    key = (
        f"CDSContactPersonsV2(dataAreaId='usmf',ContactPersonPartyNumber='{party}',AssociatedContactType="
        f"Microsoft.Dynamics.DataEntities.smmContactPersonCDSAssociatedContactType'Customer',"
        f"AssociatedContactNumber='{second['AssociatedContactNumber']}')"
    )
    assert finops.patch(key, {"Notes": "Go"}).status_code == 204
    third = finops.get(f"ContactPersons(dataAreaId='usmf',ContactPersonId='{second['ContactPersonId']}')")
    assert (third.json()["ContactPersonName"], third.json()["Notes"]) == ("Ada Byron", "Go")
    assert finops.get("CDSContactPersons?$filter=ContactPersonId eq 'x'").status_code == 400


def test_contacts_are_created_through_the_other_entities_too(finops, contact, company):
    account = finops.rows(f"CustomersV3?$filter=PartyNumber eq '{company}'")[0]["CustomerAccount"]
    body = contact(AssociatedPartyNumber=..., AssociatedContactNumber=account)
    answer = finops.post("CDSContactPersonsV2", body)
    assert answer.status_code == 201, answer.text
    assert finops.get(answer.headers["Location"]).json()["AssociatedContactNumber"] == account
    refused = finops.post("CDSContactPersonsV2", {**body, "AssociatedContactNumber": "nobody"})
    assert "The value 'nobody' in field 'Associated contact'" in sentence(refused)
    own = f"CON-{next(_numbers)}"
    row = finops.create("ContactPersons", contact(ContactPersonId=own))
    assert (row["ContactPersonId"], row["AssociatedPartyNumber"]) == (own, company)
    assert "already exists" in sentence(finops.post("ContactPersons", contact(ContactPersonId=own.lower())))


def test_a_failing_change_set_gives_its_party_numbers_back(finops, contact):
    before = finops.create("CDSContactPersons", contact())["ContactPersonPartyNumber"]
    body = change_set(
        part("POST CDSContactPersons", contact(), "1"),
        part("POST CDSContactPersons", contact(DecisionMakingRoleCode="Nobody"), "2"),
    )
    assert "in field 'Decision' is not found" in finops.batch(batch(body)).text
    after = finops.create("CDSContactPersons", contact())["ContactPersonPartyNumber"]
    assert int(after) == int(before) + 1


def test_a_planted_contact_gets_the_numbers_of_the_server(finops, company):
    row = {"dataAreaId": "usmf", "AssociatedPartyNumber": company, "FirstName": "Planted"}
    finops.admin("PUT", "rows/CDSContactPersons", row)
    found = finops.rows("CDSContactPersonsV2?$filter=FirstName eq 'Planted'")[0]
    assert found["ContactPersonPartyNumber"]
    assert found["ContactPersonId"]
    assert found["AssociatedContactNumber"]


def test_a_manual_party_sequence_takes_numbers_of_ones_own(tmp_path):
    sandbox = Sandbox(tmp_path, "--manual-party-numbers")
    try:
        finops = sandbox.finops
        finops.create("Currencies", {"CurrencyCode": "USD"})
        finops.create("LegalEntities", {"LegalEntityId": "usmf"})
        finops.create("CustomerGroups", {"dataAreaId": "usmf", "CustomerGroupId": "10"})
        assert finops.create("CustomersV3", customer(PartyNumber="OWN-1"))["PartyNumber"] == "OWN-1"
        body = {"AssociatedPartyNumber": "OWN-1", "ContactPersonPartyNumber": "000000001", "LastName": "B"}
        assert finops.create("CDSContactPersons", body)["ContactPersonPartyNumber"] == "000000001"
        assert finops.create("CustomersV3", customer())["PartyNumber"] == "000000002"
    finally:
        sandbox.kill()
