"""What the target refuses rests, with the target's own sentence, until there is a reason to try again."""

from tests.flows.test_accounts import account, customers


def test_a_run_whose_records_are_mostly_refused_fails_and_says_why(world, monkeypatch):
    world.run("accounts")
    delivered = len(customers(world))
    account(world, 1)
    # A description that F&O has no room for; no rule of ours looks at what a var says.
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", '{"address_description": "' + "x" * 150 + '"}')

    report = world.run("accounts", expect="failed")

    assert sum(report["rejected"].values()) == delivered + 1
    assert len(report["rejected"]) == 1
    assert len(customers(world)) == delivered


def test_refused_records_rest_in_the_next_run_and_go_again_when_asked_for(world, monkeypatch):
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", '{"address_description": "' + "x" * 150 + '"}')
    world.finops.forget()

    resting = world.run("accounts", expect="failed")
    assert world.finops.writes() == []
    assert sum(resting["rejected"].values()) > 30

    asked = world.run("accounts", expect="failed", retry_rejected=True)
    assert asked["writes"]["finops"] == sum(asked["rejected"].values())


def test_once_the_cause_is_mended_everything_goes_by_itself(world):
    world.finops.forget()

    report = world.run("accounts")

    assert report["rejected"] == {}
    assert report["created"] == 1
    assert "NEW-0001" in customers(world)
    assert len(world.finops.writes()) == 1
