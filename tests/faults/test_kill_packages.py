"""A process that dies while a package is under way: nothing is lost, nothing is doubled, the same job is gone on with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.conftest import kill, start_run, wait_for
from tests.faults.test_kill import one
from tests.flows.packages import jobs, package_dags, set_up_projects, switch
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

STAGES = {
    "import noted": "select 1 from sync.package_job where direction = 'import'",
    "import runs": "select 1 from sync.package_job where direction = 'import' and state = 'started'",
    "rows are read back": (
        "select 1 from sync.ledger inner join sync.package_job on execution_id = request_id"
        " where ledger.state = 'accepted' and write = 'accounts'"
    ),
    "export runs": "select 1 from sync.package_job where direction = 'export' and state = 'started'",
}


@pytest.fixture
def package_world(database_per_test: str, airflow_url: str, tmp_path) -> Iterator[World]:
    """A world whose accounts go and come by packages, in jobs that take some seconds."""
    dags = package_dags(tmp_path / "dags")
    world = World(tmp_path, database_per_test, airflow_url, {"P2C_TEST_DAGS": str(dags)})
    world.start_sandbox("--accounts", "400", "--products", "0")
    set_up_projects(world)
    switch(world, queue_seconds=0.5, run_seconds=2.0)
    yield world
    world.stop()


def customers(world: World) -> list[dict]:
    return world.finops.rows("CustomersV3", select="CustomerAccount,OrganizationName,PartyNumber")


def assert_delivered_once(world: World) -> None:
    """Every deliverable account is exactly one customer, with the body that outbound says; there is one more that
    was there before and is nobody's account."""
    said = world.sql(
        "select target_key ->> 'CustomerAccount', body ->> 'OrganizationName' from outbound.outbound_finops__accounts"
    )
    rows = customers(world)
    found = {(row["CustomerAccount"], row["OrganizationName"]) for row in rows}
    assert len(said) > 300
    assert set(said) <= found
    assert len(rows) == len(said) + 1
    assert len({row["PartyNumber"] for row in rows}) == len(rows)
    assert world.sql("select write, state, sentence from sync.ledger where state <> 'accepted'") == []


def executions(world: World, operation: str) -> list[str]:
    return [job["executionId"] for job in jobs(world) if job["operation"] == operation]


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_killed_with_a_package_under_way_leaves_nothing_lost_and_nothing_doubled(
    package_world, stage
):
    world = package_world
    process = start_run(world, "accounts")
    wait_for(process, lambda: one(world, STAGES[stage]))
    kill(process)
    begun = executions(world, "Import")

    world.run("accounts")
    world.run("accounts")

    assert_delivered_once(world)
    if stage != "rows are read back":  # then nothing may be left to send, and nobody looks after the job
        assert world.sql("select 1 from sync.package_job where state in ('chosen', 'started')") == []
    if stage in ("import runs", "rows are read back"):
        assert executions(world, "Import") == begun
        assert len(begun) == 1
    world.finops.forget()
    world.sales.forget()
    quiet = world.run("accounts")
    assert (quiet["created"], quiet["updated"], quiet["rejected"]) == (0, 0, {})
    assert [write for write in world.finops.writes() if "DataManagement" not in write["path"]] == []


def test_changes_that_were_exported_before_a_crash_still_land(package_world):
    world = package_world
    world.run("accounts")
    world.run("accounts")
    (row,) = world.finops.rows("CustomersV3", select="CustomerAccount", top="1")[:1]
    number = row["CustomerAccount"]
    world.finops.send(
        "PATCH", f"CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')", {"OnHoldStatus": "All"}
    )
    process = start_run(world, "accounts")
    wait_for(process, lambda: one(world, STAGES["export runs"]))
    kill(process)
    before = executions(world, "Export")

    world.run("accounts")

    lost = executions(world, "Export")[len(before) - 1]
    landed = world.sql(
        "select payload ->> 'OnHoldStatus' from raw.finops_customers_v3 where payload ->> 'CustomerAccount' = %s",
        number,
    )
    assert landed == [("All",)]
    assert world.sql("select state, slices from sync.package_job where execution_id = %s", lost) == [
        ("done", 1)
    ]
