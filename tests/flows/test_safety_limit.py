"""The safety limit: a run that would change too many of the target's records stops before its first write."""

import pytest

from tests.flows.records import change_account, customers

pytestmark = pytest.mark.slow

LIMITS = {"safety_limit_floor": 5, "safety_limit_share": 0.5}


@pytest.fixture(scope="module")
def loaded(world) -> int:
    """Number of customers that the first load created; the limit does not apply to it."""
    return world.run("accounts", **LIMITS)["created"]


@pytest.fixture(scope="module")
def changed(world, loaded) -> list[str]:
    """New names of two thirds of the accounts, changed in Sales after the first load."""
    known = customers(world)
    rows = [row for row in world.sales.rows("accounts") if row["accountnumber"] in known]
    names = []
    for n, row in enumerate(rows[: loaded * 2 // 3]):
        names.append(f"Renamed {n}")
        change_account(world, row["accountid"], name=names[-1])
    return names


def stopped(world) -> list[tuple]:
    return world.sql(
        "select run_id, safety_limit from sync.run where safety_limit is not null order by run_id"
    )


def test_a_first_load_is_never_stopped(world, loaded):
    assert loaded == len(customers(world)) > 30
    assert stopped(world) == []


def test_a_run_that_would_change_most_records_stops_before_any_write_and_logs_the_counts(
    world, changed, loaded, capfd
):
    world.forget()

    report = world.run("accounts", expect="failed", **LIMITS)

    assert world.writes() == []
    ((run, seen),) = stopped(world)
    assert run == report["run_id"]
    assert seen == {"accounts": {"known": loaded, "update": len(changed)}}
    assert report["waiting"] == {"safety_limit": len(changed)}
    assert report["updated"] == 0
    log = "".join(capfd.readouterr())
    assert "The safety limit stopped flow accounts before anything was sent" in log
    assert f"accounts: update {len(changed)} of {loaded} known records" in log
    assert "release_safety_limit" in log


@pytest.mark.slow
def test_the_next_run_stops_again_and_a_dry_run_reports_what_would_be_sent(world, changed):
    assert world.run("accounts", expect="failed", **LIMITS)["waiting"] == {"safety_limit": len(changed)}
    assert world.run("accounts", dry_run=True, **LIMITS)["updated"] == len(changed)
    assert world.finops.writes() == []


def test_release_safety_limit_releases_one_run(world, changed):
    report = world.run("accounts", release_safety_limit=True, **LIMITS)

    assert report["updated"] == len(changed) == len(world.finops.writes())
    assert {row["OrganizationName"] for row in customers(world).values()} >= set(changed)


@pytest.mark.slow
def test_after_a_released_run_the_safety_limit_applies_again(world, changed):
    known = customers(world)
    rows = [row for row in world.sales.rows("accounts") if row["accountnumber"] in known]
    for row in rows[: len(changed)]:
        change_account(world, row["accountid"], websiteurl="https://new.example")
    world.finops.forget()

    report = world.run("accounts", expect="failed", **LIMITS)

    assert report["waiting"] == {"safety_limit": len(changed)}
    assert world.finops.writes() == []
    assert stopped(world)[-1][0] == report["run_id"]
