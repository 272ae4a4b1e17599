"""A process that dies at any stage costs one quiet run, never a record and never a double."""

import pytest

from tests.faults.conftest import kill, start_run, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def one(world, statement: str) -> bool:
    return bool(world.sql(f"select exists ({statement})")[0][0])


STAGES = {
    "extract": "select 1 from raw.sales_accounts",
    "transform": "select 1 from sync.builds where state = 'running'",
    "plan": "select 1 from sync.builds where state = 'green'",
    "first write in doubt": "select 1 from sync.ledger where state = 'in_doubt'",
    "load": "select 1 from sync.ledger where state = 'accepted' and write = 'accounts'",
}


def assert_delivered_once(world) -> None:
    """Every deliverable account is exactly one customer, with the body that outbound says."""
    said = world.sql(
        "select target_key ->> 'CustomerAccount', body ->> 'OrganizationName' from outbound.outbound_finops__accounts"
    )
    rows = world.finops.rows(
        "CustomersV3", filter="dataAreaId eq 'usmf'", select="CustomerAccount,OrganizationName,PartyNumber"
    )
    assert sorted(said) == sorted((row["CustomerAccount"], row["OrganizationName"]) for row in rows)
    assert len({row["PartyNumber"] for row in rows}) == len(rows)
    unfinished = (
        "select write, state, sentence, count(*) from sync.ledger where state <> 'accepted' group by 1, 2, 3"
    )
    assert world.sql(unfinished) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_killed_leaves_nothing_lost_and_nothing_doubled(busy_world, stage):
    process = start_run(busy_world, "accounts")
    wait_for(process, lambda: one(busy_world, STAGES[stage]))
    kill(process)

    busy_world.run("accounts")
    quiet = busy_world.run("accounts")

    assert_delivered_once(busy_world)
    busy_world.finops.forget()
    busy_world.sales.forget()
    quiet = busy_world.run("accounts")
    assert quiet["created"] == quiet["updated"] == 0
    assert quiet["rejected"] == {}
    assert busy_world.finops.writes() == []
    assert busy_world.sales.writes() == []


def test_the_same_flow_started_twice_at_once_delivers_everything_once(busy_world):
    both = [start_run(busy_world, "accounts") for _ in range(2)]
    codes = [process.wait(300) for process in both]

    assert codes == [0, 0], (busy_world.home / "runs.log").read_text()[-4000:]
    busy_world.run("accounts")
    assert_delivered_once(busy_world)
    creates = [write for write in busy_world.finops.writes() if write["method"] == "POST"]
    assert len(creates) == len(busy_world.finops.rows("CustomersV3", select="CustomerAccount"))
