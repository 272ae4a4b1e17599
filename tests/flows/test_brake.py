"""The brake: a run that would touch too much of what the target has stops before its first write."""

import pytest

from tests.flows.test_accounts import change, customers

LIMITS = {"brake_floor": 5, "brake_share": 0.5}


@pytest.fixture(scope="module")
def loaded(world) -> int:
    """How many customers the first load made; it is let through however large it is."""
    return world.run("accounts", **LIMITS)["created"]


@pytest.fixture(scope="module")
def changed(world, loaded) -> list[str]:
    """Names of accounts, more than half of all, that are new in Sales since then."""
    known = customers(world)
    rows = [row for row in world.sales.rows("accounts") if row["accountnumber"] in known]
    names = []
    for n, row in enumerate(rows[: loaded * 2 // 3]):
        names.append(f"Renamed {n}")
        change(world, row["accountid"], name=names[-1])
    return names


def braked(world) -> list[tuple]:
    return world.sql("select run_id, brake from sync.run where brake is not null order by run_id")


def test_a_first_load_is_let_through(world, loaded):
    assert loaded == len(customers(world)) > 30
    assert braked(world) == []


def test_a_change_of_most_records_stops_before_any_write_and_says_what_it_saw(world, changed, loaded, capfd):
    world.finops.forget()
    world.sales.forget()

    report = world.run("accounts", expect="failed", **LIMITS)

    assert world.finops.writes() == []
    assert world.sales.writes() == []
    ((run, seen),) = braked(world)
    assert run == report["run_id"]
    assert seen == {"accounts": {"known": loaded, "update": len(changed)}}
    assert report["waiting"] == {"brake": len(changed)}
    assert report["updated"] == 0
    said = "".join(capfd.readouterr())
    assert "The brake stopped flow accounts before anything was sent" in said
    assert f"accounts: update {len(changed)} of {loaded} known records" in said
    assert "release_brake" in said


@pytest.mark.slow
def test_the_next_run_stops_again_and_a_dry_run_shows_what_would_go(world, changed):
    assert world.run("accounts", expect="failed", **LIMITS)["waiting"] == {"brake": len(changed)}
    assert world.run("accounts", dry_run=True, **LIMITS)["updated"] == len(changed)
    assert world.finops.writes() == []


def test_release_brake_lets_one_run_through(world, changed):
    report = world.run("accounts", release_brake=True, **LIMITS)

    assert report["updated"] == len(changed) == len(world.finops.writes())
    assert {row["OrganizationName"] for row in customers(world).values()} >= set(changed)


@pytest.mark.slow
def test_after_a_release_the_brake_is_back(world, changed):
    known = customers(world)
    rows = [row for row in world.sales.rows("accounts") if row["accountnumber"] in known]
    for row in rows[: len(changed)]:
        change(world, row["accountid"], websiteurl="https://new.example")
    world.finops.forget()

    report = world.run("accounts", expect="failed", **LIMITS)

    assert report["waiting"] == {"brake": len(changed)}
    assert world.finops.writes() == []
    assert braked(world)[-1][0] == report["run_id"]
