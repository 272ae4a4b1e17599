"""A run that is killed while a package is being processed: the next run continues the same job, and no record is lost or
created twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.conftest import assert_delivered_once, exists, kill, start_run, wait_for
from tests.flows.packages import jobs, package_dags, set_up_projects, switch
from tests.world import World, running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

STAGES = {
    "import is chosen": "select 1 from sync.package_job where direction = 'import'",
    "import is running": "select 1 from sync.package_job where direction = 'import' and state = 'started'",
    "rows are read back": (
        "select 1 from sync.ledger inner join sync.package_job on execution_id = request_id"
        " where settled_hash is not null and write = 'accounts'"
    ),
    "export is running": "select 1 from sync.package_job where direction = 'export' and state = 'started'",
}


@pytest.fixture
def package_world(database_per_test: str, airflow_url: str, tmp_path) -> Iterator[World]:
    """A world in which accounts are written and read by packages, in jobs of some seconds."""
    dags = package_dags(tmp_path / "dags")
    env = {"P2C_TEST_DAGS": str(dags)}
    sizes = ("--accounts", "400", "--products", "0")
    with running_world(tmp_path, database_per_test, *sizes, airflow_url=airflow_url, env=env) as world:
        set_up_projects(world)
        switch(world, queue_seconds=0.5, run_seconds=2.0)
        yield world


def executions(world: World, operation: str) -> list[str]:
    return [job["executionId"] for job in jobs(world) if job["operation"] == operation]


@pytest.mark.parametrize("stage", STAGES)
def test_after_a_run_is_killed_during_a_package_no_record_is_lost_or_created_twice(package_world, stage):
    world = package_world
    process = start_run(world, "accounts")
    wait_for(process, lambda: exists(world, STAGES[stage]))
    kill(process)
    begun = executions(world, "Import")

    world.run("accounts")
    world.time_passes()
    world.run("accounts")

    assert_delivered_once(world, others=1)  # a customer that was there before
    if stage != "rows are read back":  # then there may be nothing left to send, so no run finishes the job
        assert world.sql("select 1 from sync.package_job where state in ('chosen', 'started')") == []
    if stage in ("import is running", "rows are read back"):
        assert executions(world, "Import") == begun
        assert len(begun) == 1
    world.forget()
    quiet = world.run("accounts")
    assert (quiet["created"], quiet["updated"], quiet["rejected"]) == (0, 0, {})
    assert [write for write in world.finops.writes() if "DataManagement" not in write["path"]] == []


def test_changes_that_a_killed_run_exported_still_land(package_world):
    world = package_world
    world.run("accounts")
    world.time_passes()
    world.run("accounts")
    (row,) = world.finops.rows("CustomersV3", select="CustomerAccount", top="1")[:1]
    number = row["CustomerAccount"]
    world.finops.send(
        "PATCH", f"CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')", {"OnHoldStatus": "All"}
    )
    process = start_run(world, "accounts")
    wait_for(process, lambda: exists(world, STAGES["export is running"]))
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
