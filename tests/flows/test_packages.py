"""Accounts whose creates go as an import package and whose customers are read by exports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.packages import jobs, package_dags, set_up_projects
from tests.flows.test_accounts import account, change, customers
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


SAMPLE = ("--accounts", "60", "--products", "5")
# A field that no rule of ours looks at, and in which F&O has room for ten characters.
OWN_FIELD = '{"own_fields": {"accounts": [{"source": "sic", "target": "StatisticsGroupId"}]}}'


@pytest.fixture(scope="module")
def world(database: str, airflow: None, tmp_path_factory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("packages")
    dags = package_dags(folder / "dags")
    world = World(folder, database, "", {"P2C_TEST_DAGS": str(dags), "P2C_DBT_VARS": OWN_FIELD})
    world.start_sandbox(*SAMPLE)
    set_up_projects(world)
    yield world
    world.stop()


@pytest.fixture(scope="module")
def first(world) -> dict:
    return world.run("accounts")


def imports(world) -> list[dict]:
    return [job for job in jobs(world) if job["operation"] == "Import"]


def exports(world) -> list[dict]:
    return [job for job in jobs(world) if job["operation"] == "Export"]


def test_the_first_load_goes_as_one_package_and_nothing_is_posted(world, first):
    (job,) = imports(world)
    posts = [
        write for write in world.finops.writes() if write["method"] == "POST" and "Customers" in write["path"]
    ]

    assert first["rejected"] == {}
    assert first["created"] == job["entities"][0]["good"] > 40
    assert posts == []
    assert (job["state"], job["legalEntityId"]) == ("Succeeded", "usmf")


def test_the_target_ends_as_it_does_by_odata(world, first, database_per_test, tmp_path):
    other = World(tmp_path, database_per_test, "")
    other.start_sandbox(*SAMPLE)
    try:
        report = other.run("accounts")
        by_odata = customers(other)
    finally:
        other.stop()

    assert imports(world)
    assert report["created"] == first["created"]
    assert {number: same(row) for number, row in customers(world).items()} == {
        number: same(row) for number, row in by_odata.items()
    }


def same(row: dict) -> dict:
    """A customer without what each environment numbers in its own way."""
    return {
        name: value
        for name, value in row.items()
        if name not in ("@odata.etag", "PartyNumber") and "RecordId" not in name
    }


def test_party_numbers_are_read_back_and_the_ledger_names_the_execution(world, first):
    known = world.sql("select answer ->> 'PartyNumber' from sync.identity where entity = 'CustomersV3'")
    ids = world.sql(
        "select distinct request_id from sync.ledger where write = 'accounts' and state = 'accepted'"
    )

    assert {number for (number,) in known} == {row["PartyNumber"] for row in customers(world).values()}
    assert (imports(world)[0]["executionId"],) in ids


def test_customers_read_by_package_stand_as_odata_says_them(world, first):
    world.run("accounts")
    landed = dict(world.sql("select payload ->> 'CustomerAccount', payload from raw.finops_customers_v3"))
    fields = sorted(next(iter(landed.values())))
    told = customers(world)

    assert len(landed) == len(told) > 40
    assert {number: {name: payload[name] for name in fields} for number, payload in landed.items()} == {
        number: {name: row[name] for name in fields} for number, row in told.items()
    }


def test_a_second_run_writes_nothing(world, first):
    world.run("accounts")
    world.sales.forget()
    world.finops.forget()
    before = len(imports(world))

    report = world.run("accounts")

    assert (report["created"], report["updated"]) == (0, 0)
    assert len(imports(world)) == before
    assert [write for write in world.finops.writes() if "DataManagement" not in write["path"]] == []


def test_a_change_of_one_customer_lands_as_one_row_of_an_export(world, first):
    number = next(iter(customers(world)))
    world.finops.send(
        "PATCH", f"CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')", {"OnHoldStatus": "All"}
    )

    world.run("accounts")

    assert exports(world)[-1]["entities"][0]["good"] == 1
    (held,) = world.sql(
        "select payload ->> 'OnHoldStatus' from raw.finops_customers_v3 where payload ->> 'CustomerAccount' = %s", number
    )  # fmt: skip
    assert held == ("All",)


def test_a_customer_that_is_gone_is_found_by_the_full_export(world, first):
    world.finops.send("POST", "CustomersV3", {"dataAreaId": "usmf", "CustomerAccount": "GONE-1", "CustomerGroupId": "10",
                      "SalesCurrencyCode": "USD", "PartyType": "Organization", "OrganizationName": "Gone"})  # fmt: skip
    world.run("accounts")
    world.finops.send("DELETE", "CustomersV3(dataAreaId='usmf',CustomerAccount='GONE-1')")

    world.run("accounts", full=True)

    (gone,) = world.sql(
        "select deleted_at is not null from raw.finops_customers_v3 where key like '%%GONE-1%%'"
    )
    assert gone == (True,)


def test_updates_go_one_by_one(world, first):
    guid = world.sql(
        "select source_key from sync.ledger where write = 'accounts' and state = 'accepted' order by 1 limit 1"
    )[0][0]
    change(world, guid, telephone1="+1 206 555 0199")
    world.finops.forget()
    before = len(imports(world))

    report = world.run("accounts")

    writes = [write for write in world.finops.writes() if "DataManagement" not in write["path"]]
    assert report["updated"] == 1
    assert [write["method"] for write in writes] == ["PATCH"]
    assert len(imports(world)) == before


def test_a_poison_row_in_a_package_is_refused_alone_with_its_sentence(world, first):
    for n in range(40, 60):
        account(world, n, sic="much too long" if n == 50 else "segment" if n % 2 else None)
    before = len(customers(world))

    report = world.run("accounts")

    told = world.sql(
        "select sentence, request_id from sync.ledger where write = 'accounts' and state = 'rejected'"
    )
    job = imports(world)[-1]
    assert (job["state"], job["entities"][0]["errors"]) == ("PartiallySucceeded", 1)
    assert report["created"] == 19
    assert sum(report["rejected"].values()) == 1
    assert len(customers(world)) == before + 19
    assert {customers(world)[f"NEW-00{n}"]["StatisticsGroupId"] for n in (41, 42)} == {"segment", ""}
    assert len(told) == 1
    assert "10 characters" in told[0][0]
    assert told[0][1] == job["executionId"]


def test_records_that_exist_already_are_adopted_and_not_overwritten(world, first):
    for n in range(70, 85):
        account(world, n)
    world.finops.send("POST", "CustomersV3", {"dataAreaId": "usmf", "CustomerAccount": "NEW-0075", "CustomerGroupId": "10",
                      "SalesCurrencyCode": "USD", "PartyType": "Organization", "OrganizationName": "Old name",
                      "SalesMemo": "theirs"})  # fmt: skip

    report = world.run("accounts")

    assert (report["created"], report["updated"]) == (14, 1)
    assert imports(world)[-1]["entities"][0]["total"] == 14
    assert customers(world)["NEW-0075"]["OrganizationName"] == "New Account 75"
    assert customers(world)["NEW-0075"]["SalesMemo"] == "theirs"
