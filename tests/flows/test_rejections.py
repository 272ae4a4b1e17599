"""A rejected record keeps the target's message and is not sent again until there is a reason."""

import pytest

from tests.flows.records import account, customers

pytestmark = pytest.mark.slow


def test_a_run_with_mostly_rejected_records_fails_and_reports_them(world, monkeypatch):
    world.run("accounts")
    delivered = len(customers(world))
    account(world, 1)
    # A description that is too long for F&O; no rule checks values of vars.
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", '{"address_description": "' + "x" * 150 + '"}')

    report = world.run("accounts", expect="failed")

    assert sum(report["rejected"].values()) == delivered + 1
    assert len(report["rejected"]) == 1
    assert len(customers(world)) == delivered


def test_rejected_records_are_sent_again_only_by_a_run_with_retry_rejected(world, monkeypatch):
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", '{"address_description": "' + "x" * 150 + '"}')
    world.finops.forget()

    second = world.run("accounts", expect="failed")
    assert world.finops.writes() == []
    assert sum(second["rejected"].values()) > 30

    retry = world.run("accounts", expect="failed", retry_rejected=True)
    assert retry["writes"]["finops"] == sum(retry["rejected"].values())


def test_once_the_cause_is_corrected_the_next_run_sends_the_record(world):
    world.finops.forget()

    report = world.run("accounts")

    assert report["rejected"] == {}
    assert report["created"] == 1
    assert "NEW-0001" in customers(world)
    assert len(world.finops.writes()) == 1
