"""Accounts from Sales to F&O, end to end; the scenarios share their runs."""

import re

import pytest

from tests.flows.records import NEW_ACCOUNT, account, change_account, currency, customers
from tests.flows.timeline import Timeline, outcomes, sent

together = Timeline()


@pytest.fixture(scope="module")
def first(world) -> dict:
    """The report of the first run."""
    return world.run("accounts")


@pytest.fixture(scope="module")
def ended(world, first):
    world.run("accounts")  # reads what the first run wrote to Sales
    return together.play(world, "accounts")


def test_every_account_of_sales_is_in_the_report(world, first):
    assert first["read"] == len(world.sales.rows("accounts", select="accountid"))
    assert first["created"] > 30
    assert first["rejected"] == {}


def test_a_customer_has_the_documented_defaults(world, first):
    row = next(iter(customers(world).values()))

    assert row["IsExternallyMaintained"] == "Yes"
    assert row["CustomerGroupId"] == "10"
    assert row["SiteId"] == "1"
    assert row["WarehouseId"] == "13"
    assert row["LanguageId"] == "en-us"
    assert row["PartyType"] == "Organization"


def test_a_blank_account_number_is_assigned_in_sales_and_is_the_number_of_the_customer(world, first):
    rows = world.sales.rows("accounts", select="accountnumber,name,statecode")

    assert all(row["accountnumber"] for row in rows if row["statecode"] == 0)
    assigned = [
        row["accountnumber"] for row in rows if re.match(r"^ACC-\d{5}-[A-Z]{6}$", row["accountnumber"] or "")
    ]
    assert assigned
    assert set(assigned) <= set(customers(world))


def own_writes(world, number: str) -> list[tuple[str, list[str]]]:
    """(method, fields) of the changes of this run to a customer."""
    return sent(world.finops.writes(), "CustomersV3(", f"CustomerAccount='{number}'")


@together
def test_seven_changed_accounts_are_seven_updates_of_the_changed_field(world):
    delivered = {row["accountid"]: row["accountnumber"]
                 for row in world.sales.rows("accounts", select="accountid,accountnumber,statecode")
                 if row["accountnumber"] in customers(world) and row["statecode"] == 0}  # fmt: skip
    seven = dict(list(delivered.items())[:7])
    for n, guid in enumerate(seven):
        change_account(world, guid, telephone1=f"+1 206 555 010{n}")

    report = yield
    for guid, number in seven.items():
        assert outcomes(world, report, guid) == [("accounts", "updated")]
        assert own_writes(world, number) == [("PATCH", ["PrimaryContactPhone"])]
    patched = [write for write in world.finops.writes() if write["method"] == "PATCH"]
    assert len(patched) == report["updated"] == 7


@together
def test_an_account_renamed_twice_between_runs_is_one_update(world):
    guid = account(world, 1)
    yield
    change_account(world, guid, name="First Name")
    change_account(world, guid, name="Second Name")

    report = yield
    assert outcomes(world, report, guid) == [("accounts", "updated")]
    assert own_writes(world, "NEW-0001") == [("PATCH", ["OrganizationName"])]
    assert customers(world)["NEW-0001"]["OrganizationName"] == "Second Name"


@together
def test_a_changed_street_sends_the_whole_address(world):
    guid = account(world, 2)
    yield
    change_account(world, guid, address1_line1="2 Oak St")

    yield
    ((_, fields),) = own_writes(world, "NEW-0002")
    assert {"AddressStreet", "AddressCity", "AddressState", "AddressZipCode"} <= set(fields)
    assert "OrganizationName" not in fields


def bad_account(world, n: int, bad: dict, good: dict, rule: str):
    """A scenario: an account breaks a rule, and is corrected."""
    guid = account(world, n, **bad)
    report = yield
    assert report["held"][rule] >= 1
    assert outcomes(world, report, guid) == []
    assert not any(row["OrganizationName"] == f"New Account {n}" for row in customers(world).values())

    change_account(world, guid, **good)
    report = yield
    assert outcomes(world, report, guid) == [("accounts", "created")]
    assert f"NEW-{n:04}" in customers(world)


@together
def test_only_an_account_with_too_long_a_name_is_held_and_it_is_sent_once_it_is_corrected(world):
    return bad_account(world, 10, {"name": "X" * 120}, {"name": "Short"}, "account_name_too_long")


@together
def test_only_an_account_of_an_unknown_country_is_held_and_it_is_sent_once_it_is_corrected(world):
    good = {"address1_country": "Canada", "address1_stateorprovince": "Ontario"}
    return bad_account(world, 11, {"address1_country": "Ruritania"}, good, "country_unmapped")


@together
def test_an_account_with_the_number_of_a_delivered_one_is_held_and_sent_once_it_is_corrected(world):
    account(world, 3)
    yield
    guid = account(world, 12, accountnumber="new-0003")
    report = yield
    assert outcomes(world, report, guid) in ([], [("accounts", "held")])
    assert not any(row["OrganizationName"] == "New Account 12" for row in customers(world).values())
    assert customers(world)["NEW-0003"]["OrganizationName"] == "New Account 3"

    change_account(world, guid, accountnumber="NEW-0012")
    report = yield
    assert outcomes(world, report, guid) == [("accounts", "created")]
    assert "NEW-0012" in customers(world)


@together
def test_an_account_whose_number_changes_after_delivery_is_held_and_not_created_again(world):
    guid = account(world, 20)
    yield
    change_account(world, guid, accountnumber="CHANGED-20")

    report = yield
    assert report["held"]["key_changed"] == 1
    assert "CHANGED-20" not in customers(world)
    assert own_writes(world, "NEW-0020") == []

    change_account(world, guid, accountnumber="NEW-0020")
    report = yield
    assert "key_changed" not in report["held"]


@together
def test_an_existing_customer_is_adopted_and_only_the_differences_are_sent(world):
    yield  # the run of the seven updates
    world.finops.send("POST", "CustomersV3", {
        "dataAreaId": "usmf", "CustomerAccount": "NEW-0021", "PartyType": "Organization",
        "OrganizationName": "Old Name", "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
    })  # fmt: skip
    before = customers(world)["NEW-0021"]["PartyNumber"]
    guid = account(world, 21, name="Right Name")

    report = yield
    assert outcomes(world, report, guid) == [("accounts", "updated")]
    assert [method for method, _ in own_writes(world, "NEW-0021")] == ["PATCH"]
    row = customers(world)["NEW-0021"]
    assert (row["OrganizationName"], row["PartyNumber"]) == ("Right Name", before)


@together
def test_an_inactive_account_that_was_never_delivered_is_excluded(world):
    account(world, 22, statecode=1, statuscode=2)

    report = yield
    assert report["excluded"]["account_inactive"] >= 1
    assert "NEW-0022" not in customers(world)


def test_a_customer_group_that_f_and_o_lacks_holds_all_accounts_until_it_is_created(
    world, ended, monkeypatch
):
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", '{"customer_group_id": "77"}')
    account(world, 23)
    world.finops.forget()

    held = world.run("accounts")
    assert held["held"]["customer_group_missing"] > 30
    assert world.finops.writes() == []

    world.finops.send(
        "POST", "CustomerGroups", {"dataAreaId": "usmf", "CustomerGroupId": "77", "Description": "New"}
    )
    report = world.run("accounts")
    assert report["created"] == 1
    assert report["updated"] > 30
    assert "customer_group_missing" not in report["held"]
    assert all(
        write["fields"] == ["CustomerGroupId"]
        for write in world.finops.writes()
        if write["method"] == "PATCH"
    )


def test_a_dry_run_reports_what_would_be_sent_and_sends_nothing(world, ended):
    account(world, 24)
    world.finops.forget()

    report = world.run("accounts", dry_run=True)

    assert report["created"] == 1
    assert world.finops.writes() == []
    assert world.run("accounts")["created"] == 1


def test_only_the_accounts_with_unreadable_payloads_are_held(world, ended):
    usd = currency(world)
    row = ('{{"accountid":"{id}","accountnumber":"{no}","name":"{name}","numberofemployees":{n},'
           '"_transactioncurrencyid_value":"' + usd + '","statecode":0,"statuscode":1,"address1_country":"US"}}')  # fmt: skip
    world.sales.plant(
        "accounts",
        row.format(id=NEW_ACCOUNT.format(31), no="NEW-0031", name="Nul \\u0000 Ltd", n=1),
        row.format(id=NEW_ACCOUNT.format(32), no="NEW-0032", name="Half \\ud83d Ltd", n=1),
        row.format(id=NEW_ACCOUNT.format(33), no="NEW-0033", name="Dozen Ltd", n='"12x"'),
        row.format(id=NEW_ACCOUNT.format(34), no="NEW-0034", name="Whole Ltd", n=12),
    )

    report = world.run("accounts")

    assert report["held"]["payload_unreadable"] == 2
    assert report["held"]["value_unreadable"] == 1
    assert outcomes(world, report, NEW_ACCOUNT.format(34)) == [("accounts", "created")]
    assert {"NEW-0034"} == {f"NEW-00{n}" for n in (31, 32, 33, 34)} & set(customers(world))


def test_a_run_after_the_last_change_writes_nothing_to_either_system(world, ended):
    world.run("accounts")  # reads what the run before wrote to Sales

    report = world.run_writes_nothing("accounts")

    assert report["unchanged"] > 30
