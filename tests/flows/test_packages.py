"""The flow of accounts with data packages: imports create customers, exports read them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.packages import jobs, package_dags, set_up_projects
from tests.flows.records import account, change_account, customers
from tests.world import World, running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


SAMPLE = ("--accounts", "60", "--products", "5")
# A field that no rule checks and that F&O limits to ten characters.
OWN_FIELD = '{"own_fields": {"accounts": [{"source": "sic", "target": "StatisticsGroupId"}]}}'


@pytest.fixture(scope="module")
def world(database: str, airflow: None, tmp_path_factory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("packages")
    dags = package_dags(folder / "dags")
    env = {"P2C_TEST_DAGS": str(dags), "P2C_DBT_VARS": OWN_FIELD}
    with running_world(folder, database, *SAMPLE, env=env) as world:
        set_up_projects(world)
        yield world


@pytest.fixture(scope="module")
def first(world) -> dict:
    return world.run("accounts")


def imports(world) -> list[dict]:
    return [job for job in jobs(world) if job["operation"] == "Import"]


def exports(world) -> list[dict]:
    return [job for job in jobs(world) if job["operation"] == "Export"]


def test_the_first_load_is_one_package_without_a_post(world, first):
    (job,) = imports(world)
    posts = [
        write for write in world.finops.writes() if write["method"] == "POST" and "Customers" in write["path"]
    ]

    assert first["rejected"] == {}
    assert first["created"] == job["entities"][0]["good"] > 40
    assert posts == []
    assert (job["state"], job["legalEntityId"]) == ("Succeeded", "usmf")


def test_the_target_is_the_same_as_after_a_load_by_odata(world, first, database_per_test, tmp_path):
    with running_world(tmp_path, database_per_test, *SAMPLE) as other:
        report = other.run("accounts")
        by_odata = customers(other)

    assert imports(world)
    assert report["created"] == first["created"]
    assert {number: same(row) for number, row in customers(world).items()} == {
        number: same(row) for number, row in by_odata.items()
    }


def same(row: dict) -> dict:
    """A customer without the numbers that each environment assigns."""
    return {
        name: value
        for name, value in row.items()
        if name not in ("@odata.etag", "PartyNumber") and "RecordId" not in name
    }


def test_party_numbers_are_read_back_and_the_ledger_names_the_execution(world, first):
    known = world.sql("select answer ->> 'PartyNumber' from sync.identity where entity = 'CustomersV3'")
    ids = world.sql(
        "select distinct request_id from sync.ledger where write = 'accounts' and settled_hash is not null"
    )

    assert {number for (number,) in known} == {row["PartyNumber"] for row in customers(world).values()}
    assert (imports(world)[0]["executionId"],) in ids


def test_customers_read_by_package_have_the_values_of_odata(world, first):
    world.run("accounts")
    landed = dict(world.sql("select payload ->> 'CustomerAccount', payload from raw.finops_customers_v3"))
    fields = sorted(next(iter(landed.values())))
    by_odata = customers(world)

    assert len(landed) == len(by_odata) > 40
    assert {number: {name: payload[name] for name in fields} for number, payload in landed.items()} == {
        number: {name: row[name] for name in fields} for number, row in by_odata.items()
    }


def test_a_second_run_writes_nothing(world, first):
    world.run("accounts")
    world.forget()
    before = len(imports(world))

    report = world.run("accounts")

    assert (report["created"], report["updated"]) == (0, 0)
    assert len(imports(world)) == before
    assert [write for write in world.finops.writes() if "DataManagement" not in write["path"]] == []


def test_a_change_of_one_customer_is_one_row_of_an_export(world, first):
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


def test_a_full_export_notices_a_deleted_customer(world, first):
    world.finops.send("POST", "CustomersV3", {"dataAreaId": "usmf", "CustomerAccount": "GONE-1", "CustomerGroupId": "10",
                      "SalesCurrencyCode": "USD", "PartyType": "Organization", "OrganizationName": "Gone"})  # fmt: skip
    world.run("accounts")
    world.finops.send("DELETE", "CustomersV3(dataAreaId='usmf',CustomerAccount='GONE-1')")

    world.run("accounts", full=True)

    (is_deleted,) = world.sql(
        "select deleted_at is not null from raw.finops_customers_v3 where key like '%%GONE-1%%'"
    )
    assert is_deleted == (True,)


def test_updates_are_sent_by_odata(world, first):
    guid = world.sql(
        "select source_key from sync.ledger where write = 'accounts' and settled_hash is not null order by 1 limit 1"
    )[0][0]
    change_account(world, guid, telephone1="+1 206 555 0199")
    world.finops.forget()
    before = len(imports(world))

    report = world.run("accounts")

    writes = [write for write in world.finops.writes() if "DataManagement" not in write["path"]]
    assert report["updated"] == 1
    assert [write["method"] for write in writes] == ["PATCH"]
    assert len(imports(world)) == before


def test_only_the_bad_row_of_a_package_is_rejected_with_its_message(world, first):
    for n in range(40, 60):
        account(world, n, sic="much too long" if n == 50 else "segment" if n % 2 else None)
    before = len(customers(world))

    report = world.run("accounts")

    rejected = world.sql(
        "select sentence, request_id from sync.ledger where write = 'accounts' and rejected_hash is not null"
    )
    job = imports(world)[-1]
    assert (job["state"], job["entities"][0]["errors"]) == ("PartiallySucceeded", 1)
    assert report["created"] == 19
    assert sum(report["rejected"].values()) == 1
    assert len(customers(world)) == before + 19
    assert {customers(world)[f"NEW-00{n}"]["StatisticsGroupId"] for n in (41, 42)} == {"segment", ""}
    assert len(rejected) == 1
    assert "10 characters" in rejected[0][0]
    assert rejected[0][1] == job["executionId"]


def test_existing_records_are_adopted_and_not_overwritten(world, first):
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
