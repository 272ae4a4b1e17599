"""The second pass over customers: who pays for an account and who is its primary contact; and who looks like another."""

import pytest

from tests.dbt.warehouse import guid

REFERENCES = "finops__account_references"


def contact_person(warehouse, contact: int, account: int, contact_person_id: str) -> None:
    """F&O has both the account's customer and the contact as its contact person, and was read with them."""
    customer, party = f"A{account}", f"C{contact}"
    warehouse.delivered("CustomersV3", guid("account", account), PartyNumber=customer)
    pair = f"{guid('contact', contact)}/{guid('account', account)}"
    warehouse.delivered("CDSContactPersons", pair, ContactPersonPartyNumber=party)
    row = {"dataAreaId": "usmf", "ContactPersonId": contact_person_id}
    parties = {"ContactPersonPartyNumber": party, "AssociatedPartyNumber": customer}
    warehouse.land("finops", "ContactPersons", {**row, **parties})


def test_the_primary_contact_of_an_account_goes_once_finance_has_it(fresh_warehouse):
    key = fresh_warehouse.account(1, _primarycontactid_value=guid("contact", 1))
    fresh_warehouse.build("accounts")
    assert fresh_warehouse.envelope(REFERENCES, key) is None
    contact_person(fresh_warehouse, 1, 1, "CP-7")

    fresh_warehouse.build("accounts")

    sent = fresh_warehouse.envelope(REFERENCES, key)
    assert sent["target_key"] == {"dataAreaId": "usmf", "CustomerAccount": "A-0001"}
    assert sent["body"] == {"ContactPersonId": "CP-7"}
    assert (sent["requires"], sent["document"], sent["ordinal"]) == ([f"accounts:{key}"], key, 2)


def test_without_the_setting_the_primary_contact_is_not_sent(fresh_warehouse):
    key = fresh_warehouse.account(1, _primarycontactid_value=guid("contact", 1))
    contact_person(fresh_warehouse, 1, 1, "CP-7")

    fresh_warehouse.build("accounts", send_primary_contact=False)

    assert fresh_warehouse.envelope(REFERENCES, key) is None


def test_a_primary_contact_that_is_no_contact_person_of_this_account_is_not_sent(fresh_warehouse):
    key = fresh_warehouse.account(1, _primarycontactid_value=guid("contact", 1))
    contact_person(fresh_warehouse, 1, 2, "CP-7")
    fresh_warehouse.delivered("CustomersV3", key, PartyNumber="A1")

    fresh_warehouse.build("accounts")

    assert fresh_warehouse.envelope(REFERENCES, key) is None


def test_the_parent_account_pays_only_when_asked_for_and_only_within_a_company(fresh_warehouse):
    parent = fresh_warehouse.account(1)
    child = fresh_warehouse.account(2, _parentaccountid_value=parent)
    fresh_warehouse.build("accounts")
    assert fresh_warehouse.envelope(REFERENCES, child) is None
    itself = fresh_warehouse.account(3, _parentaccountid_value=guid("account", 3))
    of_inactive = fresh_warehouse.account(4, _parentaccountid_value=fresh_warehouse.account(5, statecode=1))
    held = fresh_warehouse.account(6, _parentaccountid_value=parent, name=None)

    fresh_warehouse.build("accounts", invoice_account_from="parent_account")

    sent = fresh_warehouse.envelope(REFERENCES, child)
    assert sent["body"] == {"InvoiceAccount": "A-0001"}
    assert sent["requires"] == [f"accounts:{child}", f"accounts:{parent}"]
    for key in (parent, itself, of_inactive, held):
        assert fresh_warehouse.envelope(REFERENCES, key) is None


def test_a_parent_account_of_another_company_does_not_pay(fresh_warehouse):
    parent = fresh_warehouse.account(1, _owningbusinessunit_value="north")
    child = fresh_warehouse.account(2, _owningbusinessunit_value="south", _parentaccountid_value=parent)
    fresh_warehouse.run("insert into seeds.company_map values ('north', 'usmf'), ('south', 'demf')")

    try:
        fresh_warehouse.build("accounts", company_from="business_unit", invoice_account_from="parent_account")
    finally:
        fresh_warehouse.run("delete from seeds.company_map")

    assert fresh_warehouse.envelope("finops__accounts", child)["company"] == "demf"
    assert fresh_warehouse.envelope(REFERENCES, child) is None


@pytest.mark.rule("accounts", "customer_similar")
def test_a_customer_of_the_same_name_and_city_under_another_number_is_shown_and_the_account_goes(
    fresh_warehouse,
):
    alike = fresh_warehouse.account(1, name="Next-Door Bike Store", address1_city="Reno")
    elsewhere = fresh_warehouse.account(2, name="Next-Door Bike Store", address1_city="Sparks")
    nowhere = fresh_warehouse.account(3, name="Next-Door Bike Store", address1_city=None)
    named = {"OrganizationName": "NEXT DOOR BIKE STORE", "AddressCity": "reno"}
    for number, ours in (("US-001", "No"), ("US-000", "Yes")):
        row = {"dataAreaId": "usmf", "CustomerAccount": number, "IsExternallyMaintained": ours}
        fresh_warehouse.land("finops", "CustomersV3", {**row, **named})

    fresh_warehouse.build("accounts")

    assert fresh_warehouse.violations("accounts", alike) == {"customer_similar": "warn"}
    account = fresh_warehouse.one(
        "select value from validation.violations_accounts where source_key = %s", alike
    )
    assert account == "US-001"
    assert fresh_warehouse.envelope("finops__accounts", alike)["operation"] == "upsert"
    assert fresh_warehouse.violations("accounts", elsewhere) == {}
    assert fresh_warehouse.violations("accounts", nowhere) == {}


def test_a_customer_under_the_accounts_own_number_is_no_other_one(fresh_warehouse):
    key = fresh_warehouse.account(1)
    row = {"dataAreaId": "usmf", "CustomerAccount": "a-0001", "IsExternallyMaintained": "No"}
    fresh_warehouse.land(
        "finops", "CustomersV3", {**row, "OrganizationName": "Account 1", "AddressCity": "Reno"}
    )

    fresh_warehouse.build("accounts")

    assert fresh_warehouse.violations("accounts", key) == {}
