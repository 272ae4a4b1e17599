"""A run that is killed at any stage: the next run delivers the rest, and no record is lost or created twice."""

import pytest

from tests.faults.conftest import assert_delivered_once, exists, kill, start_run, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


STAGES = {
    "extract": "select 1 from raw.sales_accounts",
    "extract of small sets at once": "select 1 from raw.finops_currencies",
    "transform": "select 1 from sync.builds where state = 'running'",
    "plan": "select 1 from sync.builds where state = 'green'",
    "first write in doubt": "select 1 from sync.ledger where doubt is not null",
    "load": "select 1 from sync.ledger where settled_hash is not null and write = 'accounts'",
}


@pytest.mark.parametrize("stage", STAGES)
def test_after_a_killed_run_no_record_is_lost_or_created_twice(busy_world, stage):
    process = start_run(busy_world, "accounts")
    wait_for(process, lambda: exists(busy_world, STAGES[stage]))
    kill(process)

    busy_world.run("accounts")
    busy_world.time_passes()
    busy_world.run("accounts")

    assert_delivered_once(busy_world)
    busy_world.run_writes_nothing("accounts")


def test_two_runs_of_the_same_flow_at_once_deliver_everything_once(busy_world):
    both = [start_run(busy_world, "accounts") for _ in range(2)]
    codes = [process.wait(300) for process in both]

    assert codes == [0, 0], (busy_world.home / "runs.log").read_text()[-4000:]
    busy_world.run("accounts")
    assert_delivered_once(busy_world)
    creates = [write for write in busy_world.finops.writes() if write["method"] == "POST"]
    assert len(creates) == len(busy_world.finops.rows("CustomersV3", select="CustomerAccount"))
