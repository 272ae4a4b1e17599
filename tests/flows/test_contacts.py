"""Contacts from Sales to F&O, end to end; the scenarios share their runs."""

import pytest

from tests.flows.records import account, currency, customers
from tests.flows.timeline import FULL, Timeline, outcomes, sent

pytestmark = pytest.mark.slow

NEW = "7d4f0c5e-6a1b-4c6e-9f3e-1000000000{:02}"


def contact(world, n: int, parent: str | None, **more: object) -> str:
    """Create a contact in Sales; returns its id."""
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
    """Create a draft quote for a contact; returns its id."""
    guid = customer.replace("-1", "-2", 1)
    world.sales.send("POST", "quotes", {
        "quoteid": guid, "name": "Bicycles", "customerid_contact@odata.bind": f"/contacts({customer})",
        "transactioncurrencyid@odata.bind": f"/transactioncurrencies({currency(world)})",
    })  # fmt: skip
    return guid


def people(world, n: int) -> dict[str, dict]:
    """{party number of the customer: contact person} of contact ``n``."""
    rows = world.finops.rows("CDSContactPersons", filter=f"LastName eq 'New {n}'")
    return {row["AssociatedPartyNumber"]: row for row in rows}


def person(world, n: int) -> dict:
    (row,) = people(world, n).values()
    return row


def person_customer(world, n: int) -> dict:
    (row,) = world.finops.rows("CustomersV3", filter=f"PersonLastName eq 'New {n}'")
    return row


together = Timeline()


@pytest.fixture(scope="module")
def first(world) -> dict:
    """The report of the first run after that of accounts; F&O lacks a decision making role."""
    world.run("accounts")
    world.finops.send("DELETE", "DecisionMakingRoles(dataAreaId='usmf',RoleName='Influencer')")
    return world.run("contacts")


@pytest.fixture(scope="module")
def homes(world, first) -> tuple[str, str]:
    """Two accounts that are customers."""
    ids = account(world, 1), account(world, 2)
    world.run("accounts")
    return ids


@pytest.fixture(scope="module")
def ended(world, homes):
    return together.play(world, "contacts", homes, before=world.run)


def party(world, n: int) -> str:
    """Party number of the customer of account ``n``."""
    return customers(world)[f"NEW-{n:04}"]["PartyNumber"]


def address(row: dict) -> str:
    """What the address of a contact person contains."""
    return f"AssociatedPartyNumber='{row['AssociatedPartyNumber']}'"


def persons_sent(world, n: int) -> list[tuple[str, list[str]]]:
    """(method, fields) of the changes of this run to the contact persons of contact ``n``."""
    writes = world.finops.writes()
    found = []
    for row in people(world, n).values():
        number = f"ContactPersonPartyNumber='{row['ContactPersonPartyNumber']}'"
        found += sent(writes, "CDSContactPersons(", number, address(row))
    return found


def test_every_contact_of_sales_is_in_the_report(world, first):
    persons = world.finops.rows("CDSContactPersons")
    sold = [row for row in customers(world).values() if row["PartyType"] == "Person"]

    assert first["read"] == len(world.sales.rows("contacts", select="contactid"))
    assert first["rejected"] == {}
    assert first["created"] == len(persons) + len(sold) > 10


@together
def test_a_contact_waits_until_its_account_has_been_delivered(world, homes):
    home = account(world, 30)
    guid = contact(world, 30, home)
    report = yield
    assert outcomes(world, report, guid) == [("contact_persons", "waiting")]
    assert people(world, 30) == {}

    report = yield "accounts"
    assert outcomes(world, report, guid) == [("contact_persons", "created")]
    assert person(world, 30)["AssociatedPartyNumber"] == party(world, 30)


@together
def test_a_contact_is_a_contact_person_of_its_accounts_customer_and_a_change_sends_one_field(world, homes):
    guid = contact(world, 1, homes[0], donotemail=True, accountrolecode=1)
    yield
    row = person(world, 1)
    assert row["AssociatedPartyNumber"] == party(world, 1)
    assert row["ContactPersonPartyNumber"] not in ("", row["AssociatedPartyNumber"])
    assert row["IsContactPersonExternallyMaintained"] == "Yes"
    assert row["IsReceivingDirectMail"] == "No"
    assert row["DecisionMakingRoleCode"] == "Decision Maker"
    assert row["PrimaryAddressCountryRegionISOCode"] == "US"

    change(world, guid, jobtitle="Buyer")
    report = yield
    assert outcomes(world, report, guid) == [("contact_persons", "updated")]
    assert persons_sent(world, 1) == [("PATCH", ["EmploymentProfession"])]


@together
def test_a_contact_that_moves_to_another_account_becomes_inactive_there_and_is_created_here_as_the_same_person(
    world, homes
):
    guid = contact(world, 2, homes[0])
    yield
    before = person(world, 2)
    change(world, guid, **{"parentcustomerid_account@odata.bind": f"/accounts({homes[1]})"})

    yield
    rows = people(world, 2)
    assert {key: row["IsInactive"] for key, row in rows.items()} == {
        party(world, 1): "Yes",
        party(world, 2): "No",
    }
    assert {row["ContactPersonPartyNumber"] for row in rows.values()} == {before["ContactPersonPartyNumber"]}
    assert persons_sent(world, 2) == [("PATCH", ["IsInactive"])]
    order = [(w["method"], w["fields"] == ["IsInactive"]) for w in world.finops.writes()]
    assert order.index(("PATCH", True)) < order.index(("POST", False))

    change(world, guid, **{"parentcustomerid_account@odata.bind": f"/accounts({homes[0]})"})
    yield
    rows = people(world, 2)
    assert {key: row["IsInactive"] for key, row in rows.items()} == {
        party(world, 1): "No",
        party(world, 2): "Yes",
    }

    report = yield
    assert outcomes(world, report, guid) == []
    assert persons_sent(world, 2) == []


@together
def test_a_contact_with_a_quote_becomes_a_customer_with_its_own_party_and_stays_one(world, homes):
    guid = contact(world, 3, homes[0])
    yield
    before = person(world, 3)
    draft = quote(world, guid)

    report = yield
    now = person_customer(world, 3)
    assert ("contact_customers", "created") in outcomes(world, report, guid)
    assert now["CustomerAccount"].startswith("CON-")
    assert (now["PartyType"], now["PartyNumber"]) == ("Person", before["ContactPersonPartyNumber"])
    assert person(world, 3)["IsInactive"] == "Yes"

    world.sales.send("DELETE", f"quotes({draft})")
    report = yield FULL
    assert outcomes(world, report, guid) == []
    assert persons_sent(world, 3) == []
    assert sent(world.finops.writes(), now["CustomerAccount"]) == []


@together
def test_a_contact_stays_a_customer_when_its_only_quote_is_given_to_another_contact(world, homes):
    guid, other = contact(world, 4, homes[0]), contact(world, 5, homes[0])
    draft = quote(world, guid)
    yield
    world.sales.send("PATCH", f"quotes({draft})", {"customerid_contact@odata.bind": f"/contacts({other})"})

    report = yield
    assert outcomes(world, report, guid) == []
    assert ("contact_customers", "created") in outcomes(world, report, other)
    assert people(world, 4) == {}
    assert person_customer(world, 4)["PartyNumber"] != person_customer(world, 5)["PartyNumber"]


@together
def test_an_inactive_contact_becomes_an_inactive_contact_person_even_if_other_fields_break_rules(
    world, homes
):
    guid = contact(world, 6, homes[0])
    yield
    change(world, guid, statecode=1, statuscode=2, middlename="M" * 40)

    report = yield
    assert outcomes(world, report, guid) == [("contact_persons", "deactivated")]
    assert persons_sent(world, 6) == [("PATCH", ["IsInactive"])]
    assert person(world, 6)["IsInactive"] == "Yes"
    report = yield
    assert outcomes(world, report, guid) == []
    assert report["excluded"]["contact_inactive"] >= 1

    change(world, guid, statecode=0, statuscode=1, middlename="Mae")
    yield
    assert (person(world, 6)["IsInactive"], person(world, 6)["MiddleName"]) == ("No", "Mae")


@together
def test_a_contact_that_loses_its_account_or_is_deleted_becomes_inactive_and_is_never_deleted(world, homes):
    guids = [contact(world, n, homes[0]) for n in (7, 8)]
    yield
    world.sales.send("DELETE", f"contacts({guids[0]})/parentcustomerid_account/$ref")
    world.sales.send("DELETE", f"contacts({guids[1]})")

    report = yield FULL
    for guid in guids:
        assert outcomes(world, report, guid) == [("contact_persons", "deactivated")]
    assert [person(world, n)["IsInactive"] for n in (7, 8)] == ["Yes", "Yes"]

    report = yield FULL
    assert persons_sent(world, 7) == persons_sent(world, 8) == []
    assert report["excluded"]["contact_without_account"] >= 1
    assert report["excluded"]["contact_deleted"] == 1


@together
def test_a_held_contact_is_not_changed_in_f_and_o_and_is_sent_once_it_is_corrected(world, homes):
    guid = contact(world, 9, homes[0])
    yield
    change(world, guid, lastname="N" * 30)

    report = yield
    assert report["held"]["value_too_long"] == 1
    assert outcomes(world, report, guid) == []
    assert persons_sent(world, 9) == []

    change(world, guid, lastname="New 9", jobtitle="Buyer")
    report = yield
    assert outcomes(world, report, guid) == [("contact_persons", "updated")]


@together
def test_a_role_that_f_and_o_lacks_holds_its_contact_until_it_is_created(world, homes):
    contact(world, 10, homes[0], accountrolecode=3)
    report = yield
    assert report["held"]["decision_role_missing"] >= 1
    assert people(world, 10) == {}

    role = {"dataAreaId": "usmf", "RoleName": "Influencer", "RoleDescription": "Influencer"}
    world.finops.send("POST", "DecisionMakingRoles", role)
    report = yield
    assert "decision_role_missing" not in report["held"]
    assert person(world, 10)["DecisionMakingRoleCode"] == "Influencer"


@together
def test_a_contact_person_of_an_earlier_integration_is_adopted_and_not_created_again(world, homes):
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

    yield
    assert person(world, 60)["EmploymentDepartment"] == "Stores"
    rows = world.finops.rows("CDSContactPersons", filter="LastName eq 'New 61'")
    assert sorted(row["IsContactPersonExternallyMaintained"] for row in rows) == ["No", "Yes"]


def test_primary_contact_and_invoice_account_of_a_customer_are_sent_in_a_second_pass(
    world, homes, ended, monkeypatch
):
    guid = NEW.format(1)
    world.sales.send("PATCH", f"accounts({homes[0]})", {
        "primarycontactid@odata.bind": f"/contacts({guid})",
        "parentaccountid@odata.bind": f"/accounts({homes[1]})",
    })  # fmt: skip
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", '{"invoice_account_from": "parent_account"}')

    world.run("accounts", full=True)

    (row,) = world.finops.rows("ContactPersons", filter="LastName eq 'New 1'")
    customer = customers(world)["NEW-0001"]
    assert customer["ContactPersonId"] == row["ContactPersonId"]
    assert customer["InvoiceAccount"] == "NEW-0002"
    world.finops.forget()
    world.run("accounts", full=True)
    assert world.finops.writes() == []


def test_a_run_after_the_last_change_writes_nothing_to_either_system(world, ended):
    world.run("contacts")  # reads what the run before wrote to Sales

    report = world.run_writes_nothing("contacts")

    assert report["unchanged"] > 20
