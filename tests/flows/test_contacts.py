"""Contacts from Sales to F&O, end to end; each test starts from where the one before it left both systems."""

import pytest

from tests.flows.test_accounts import account, currency, customers

NEW = "7d4f0c5e-6a1b-4c6e-9f3e-1000000000{:02}"


def contact(world, n: int, parent: str | None, **more: object) -> str:
    """Make a contact in Sales; returns its id."""
    guid = NEW.format(n)
    body = {
        "contactid": guid,
        "firstname": "Ann",
        "lastname": f"New {n}",
        "emailaddress1": f"ann{n}@example.com",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency(world)})",
        **({"parentcustomerid_account@odata.bind": f"/accounts({parent})"} if parent else {}),
        **more,
    }
    world.sales.send("POST", "contacts", body)
    return guid


def change(world, guid: str, **fields: object) -> None:
    world.sales.send("PATCH", f"contacts({guid})", fields)


def quote(world, customer: str) -> str:
    """A draft quote for a contact; returns its id."""
    guid = customer.replace("-1", "-2", 1)
    world.sales.send("POST", "quotes", {
        "quoteid": guid, "name": "Bicycles", "customerid_contact@odata.bind": f"/contacts({customer})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency(world)})",
    })  # fmt: skip
    return guid


def people(world, n: int) -> dict[str, dict]:
    """{party number of the customer: contact person} of a contact of these tests."""
    rows = world.finops.rows("CDSContactPersons", filter=f"LastName eq 'New {n}'")
    return {row["AssociatedPartyNumber"]: row for row in rows}


def person(world, n: int) -> dict:
    (row,) = people(world, n).values()
    return row


def person_customer(world, n: int) -> dict:
    (row,) = world.finops.rows("CustomersV3", filter=f"PersonLastName eq 'New {n}'")
    return row


@pytest.fixture(scope="module")
def first(world) -> dict:
    """The report of the first run, after the accounts are there; F&O lacks a decision role."""
    world.run("accounts")
    world.finops.send("DELETE", "DecisionMakingRoles(dataAreaId='usmf',RoleName='Influencer')")
    return world.run("contacts")


@pytest.fixture(scope="module")
def homes(world, first) -> tuple[str, str]:
    """Two accounts that are customers."""
    made = account(world, 1), account(world, 2)
    world.run("accounts")
    return made


def party(world, n: int) -> str:
    """Party number of the customer of an account of these tests."""
    return customers(world)[f"NEW-{n:04}"]["PartyNumber"]


def test_every_contact_of_sales_is_accounted_for(world, first):
    persons = world.finops.rows("CDSContactPersons")
    sold = [row for row in customers(world).values() if row["PartyType"] == "Person"]

    assert first["read"] == len(world.sales.rows("contacts", select="contactid"))
    assert first["rejected"] == {}
    assert first["created"] == len(persons) + len(sold) > 10


def test_a_second_run_writes_nothing_to_either_system(world, first):
    world.run("contacts")
    world.sales.forget()
    world.finops.forget()

    report = world.run("contacts")

    assert world.sales.writes() == []
    assert world.finops.writes() == []
    assert report["unchanged"] == first["created"]


def test_a_contact_of_an_account_that_is_not_there_yet_waits_and_goes_by_itself(world, first):
    home = account(world, 30)
    contact(world, 30, home)

    waiting = world.run("contacts")
    assert sum(waiting["waiting"].values()) == 1
    assert people(world, 30) == {}

    world.run("accounts")
    assert world.run("contacts")["created"] == 1
    assert person(world, 30)["AssociatedPartyNumber"] == party(world, 30)


def test_a_contact_is_a_contact_person_of_its_accounts_customer_and_a_change_is_one_field(world, homes):
    guid = contact(world, 1, homes[0], donotemail=True, accountrolecode=1)
    world.run("contacts")
    row = person(world, 1)
    assert row["AssociatedPartyNumber"] == party(world, 1)
    assert row["ContactPersonPartyNumber"] not in ("", row["AssociatedPartyNumber"])
    assert row["IsContactPersonExternallyMaintained"] == "Yes"
    assert row["IsReceivingDirectMail"] == "No"
    assert row["DecisionMakingRoleCode"] == "Decision Maker"
    assert row["PrimaryAddressCountryRegionISOCode"] == "US"

    change(world, guid, jobtitle="Buyer")
    world.finops.forget()
    report = world.run("contacts")

    assert report["updated"] == 1
    assert [(write["method"], write["fields"]) for write in world.finops.writes()] == [
        ("PATCH", ["EmploymentProfession"])
    ]


def test_a_contact_that_moves_to_another_account_is_made_inactive_there_and_created_here_as_the_same_person(
    world, homes
):
    guid = contact(world, 2, homes[0])
    world.run("contacts")
    before = person(world, 2)
    change(world, guid, **{"parentcustomerid_account@odata.bind": f"/accounts({homes[1]})"})
    world.finops.forget()

    world.run("contacts")

    assert next((write["method"], write["fields"]) for write in world.finops.writes()) == (
        "PATCH",
        ["IsInactive"],
    )
    rows = people(world, 2)
    assert {key: row["IsInactive"] for key, row in rows.items()} == {
        party(world, 1): "Yes",
        party(world, 2): "No",
    }
    assert {row["ContactPersonPartyNumber"] for row in rows.values()} == {before["ContactPersonPartyNumber"]}

    change(world, guid, **{"parentcustomerid_account@odata.bind": f"/accounts({homes[0]})"})
    world.run("contacts")
    rows = people(world, 2)
    assert {key: row["IsInactive"] for key, row in rows.items()} == {
        party(world, 1): "No",
        party(world, 2): "Yes",
    }

    world.finops.forget()
    world.run("contacts")
    assert world.finops.writes() == []


def test_a_contact_that_is_sold_to_becomes_a_customer_with_its_own_party_and_stays_one(world, homes):
    guid = contact(world, 3, homes[0])
    world.run("contacts")
    before = person(world, 3)
    draft = quote(world, guid)

    report = world.run("contacts")

    now = person_customer(world, 3)
    assert report["created"] == 1
    assert now["CustomerAccount"].startswith("CON-")
    assert (now["PartyType"], now["PartyNumber"]) == ("Person", before["ContactPersonPartyNumber"])
    assert person(world, 3)["IsInactive"] == "Yes"

    world.sales.send("DELETE", f"quotes({draft})")
    world.finops.forget()
    report = world.run("contacts", full=True)
    assert world.finops.writes() == []
    assert report["updated"] == report["deactivated"] == 0


def test_a_customer_stays_one_when_its_only_quote_is_given_to_another(world, homes):
    guid, other = contact(world, 4, homes[0]), contact(world, 5, homes[0])
    draft = quote(world, guid)
    world.run("contacts")
    world.sales.send("PATCH", f"quotes({draft})", {"customerid_contact@odata.bind": f"/contacts({other})"})

    report = world.run("contacts")

    assert report["created"] == 1
    assert people(world, 4) == {}
    assert person_customer(world, 4)["PartyNumber"] != person_customer(world, 5)["PartyNumber"]


def test_an_inactive_contact_is_an_inactive_contact_person_and_back_whatever_else_is_wrong_with_it(
    world, homes
):
    guid = contact(world, 6, homes[0])
    world.run("contacts")
    change(world, guid, statecode=1, statuscode=2, middlename="M" * 40)
    world.finops.forget()

    report = world.run("contacts")

    assert report["deactivated"] == 1
    assert [write["fields"] for write in world.finops.writes()] == [["IsInactive"]]
    assert person(world, 6)["IsInactive"] == "Yes"
    report = world.run("contacts")
    assert report["deactivated"] == 0
    assert report["excluded"]["contact_inactive"] >= 1

    change(world, guid, statecode=0, statuscode=1, middlename="Mae")
    world.run("contacts")
    assert (person(world, 6)["IsInactive"], person(world, 6)["MiddleName"]) == ("No", "Mae")


def test_a_contact_that_loses_its_account_or_is_deleted_is_made_inactive_and_never_deleted(world, homes):
    guids = [contact(world, n, homes[0]) for n in (7, 8)]
    world.run("contacts")
    world.sales.send("DELETE", f"contacts({guids[0]})/parentcustomerid_account/$ref")
    world.sales.send("DELETE", f"contacts({guids[1]})")

    report = world.run("contacts", full=True)

    assert report["deactivated"] == 2
    assert [person(world, n)["IsInactive"] for n in (7, 8)] == ["Yes", "Yes"]
    world.finops.forget()
    report = world.run("contacts", full=True)
    assert world.finops.writes() == []
    assert report["excluded"]["contact_without_account"] >= 1
    assert report["excluded"]["contact_deleted"] == 1


def test_a_held_contact_keeps_what_was_delivered_and_goes_once_it_is_mended(world, homes):
    guid = contact(world, 9, homes[0])
    world.run("contacts")
    change(world, guid, lastname="N" * 30)
    world.finops.forget()

    held = world.run("contacts")
    assert held["held"]["value_too_long"] == 1
    assert world.finops.writes() == []

    change(world, guid, lastname="New 9", jobtitle="Buyer")
    assert world.run("contacts")["updated"] == 1


def test_a_role_that_finance_does_not_have_holds_until_it_is_set_up_there(world, homes):
    contact(world, 10, homes[0], accountrolecode=3)
    assert world.run("contacts")["held"]["decision_role_missing"] >= 1
    assert people(world, 10) == {}

    role = {"dataAreaId": "usmf", "RoleName": "Influencer", "RoleDescription": "Influencer"}
    world.finops.send("POST", "DecisionMakingRoles", role)
    report = world.run("contacts")

    assert "decision_role_missing" not in report["held"]
    assert person(world, 10)["DecisionMakingRoleCode"] == "Influencer"


def test_the_primary_contact_and_the_paying_account_of_a_customer_go_in_a_second_pass(
    world, homes, monkeypatch
):
    guid = contact(world, 11, homes[0])
    world.run("contacts")
    world.sales.send("PATCH", f"accounts({homes[0]})", {
        "primarycontactid@odata.bind": f"/contacts({guid})",
        "parentaccountid@odata.bind": f"/accounts({homes[1]})",
    })  # fmt: skip
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", '{"invoice_account_from": "parent_account"}')

    world.run("accounts", full=True)

    (row,) = world.finops.rows("ContactPersons", filter="LastName eq 'New 11'")
    customer = customers(world)["NEW-0001"]
    assert customer["ContactPersonId"] == row["ContactPersonId"]
    assert customer["InvoiceAccount"] == "NEW-0002"
    world.finops.forget()
    world.run("accounts", full=True)
    assert world.finops.writes() == []


def test_a_contact_person_that_an_earlier_integration_brought_is_adopted_and_not_doubled(world, homes):
    known = {
        "dataAreaId": "usmf",
        "AssociatedPartyNumber": party(world, 1),
        "FirstName": "Ann",
        "LastName": "New 60",
        "PrimaryEmailAddress": "ann60@example.com",
    }
    world.finops.send("POST", "CDSContactPersons", {**known, "IsContactPersonExternallyMaintained": "Yes"})
    own = {**known, "LastName": "New 61", "PrimaryEmailAddress": "ann61@example.com"}
    world.finops.send("POST", "CDSContactPersons", own)
    contact(world, 60, homes[0], department="Stores")
    contact(world, 61, homes[0])

    world.run("contacts")

    assert person(world, 60)["EmploymentDepartment"] == "Stores"
    rows = world.finops.rows("CDSContactPersons", filter="LastName eq 'New 61'")
    assert sorted(row["IsContactPersonExternallyMaintained"] for row in rows) == ["No", "Yes"]
