"""The gate: where most records of a flow are blocked nothing is sent, and the reason is named."""


def test_a_setting_that_blocks_most_records_stops_the_run_at_once_and_names_the_rule(
    world, monkeypatch, capfd
):
    monkeypatch.setitem(
        world.extra_env,
        "P2C_DBT_VARS",
        '{"customer_group_id": "77", "max_blocked_share": 0.5, "blocked_floor": 5}',
    )

    world.run("accounts", expect="failed")

    said = "".join(capfd.readouterr())
    (blocked,) = world.sql(
        "select count(distinct source_key) from validation.violations_accounts where effect = 'block'"
    )
    (unknown,) = world.sql(
        "select count(*) from validation.violations_accounts where broken_rule = 'customer_group_missing'"
    )
    assert unknown[0] > 30
    assert (
        f"The gate stopped flow accounts before anything was sent: {blocked[0]} of its records are blocked"
        in said
    )
    assert f"{unknown[0]} by customer_group_missing" in said
    assert world.sql("select state from sync.builds") == [("failed",)]
    assert world.finops.writes() == []
    assert world.sales.writes() == []


def test_once_the_setting_is_right_everything_goes(world):
    assert world.run("accounts")["created"] > 30
