"""The gate: if most records of a flow are blocked, the run stops before anything is sent and names the reason."""

import pytest

pytestmark = pytest.mark.slow


def test_a_var_that_blocks_most_records_stops_the_run_with_the_name_of_the_rule(world, monkeypatch, capfd):
    monkeypatch.setitem(
        world.extra_env,
        "P2C_DBT_VARS",
        '{"customer_group_id": "77", "max_blocked_share": 0.5, "blocked_floor": 5}',
    )

    world.run("accounts", expect="failed")

    log = "".join(capfd.readouterr())
    (blocked,) = world.sql(
        "select count(distinct source_key) from validation.violations_accounts where effect = 'block'"
    )
    (unknown,) = world.sql(
        "select count(*) from validation.violations_accounts where broken_rule = 'customer_group_missing'"
    )
    assert unknown[0] > 30
    assert (
        f"The gate stopped flow accounts before anything was sent: {blocked[0]} of its records are blocked"
        in log
    )
    assert f"{unknown[0]} records by rule customer_group_missing" in log
    assert world.sql("select state from sync.builds") == [("failed",)]
    assert world.writes() == []


def test_once_the_var_is_corrected_the_records_are_sent(world):
    assert world.run("accounts")["created"] > 30
