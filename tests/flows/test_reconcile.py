"""Every flow against its targets: what was delivered reads back as it was sent, and edits by people are found."""

from __future__ import annotations

import pytest

from prospect_to_cash.reconcile.findings import KINDS

pytestmark = pytest.mark.slow

FLOWS = ("products", "accounts", "contacts", "quotes")


@pytest.fixture(scope="module")
def delivered(world) -> None:
    for flow in FLOWS:
        world.run(flow)
    for flow in FLOWS:  # reads what the first runs have written
        world.run(flow, full=True)


def counts(world) -> dict[str, dict]:
    return dict(
        world.sql(
            "select distinct on (write) write, counts from sync.reconcile order by write, reconcile_id desc"
        )
    )


def test_a_full_run_of_every_flow_ends_with_a_comparison_that_finds_nothing(world, delivered):
    found = counts(world)

    assert len(found) == 12
    assert (
        world.sql("select write, record, field, kind, ours, theirs from sync.finding where kind <> 'kept'")
        == []
    )
    present = dict(world.sql("select write, count(*) from sync.ledger where present group by write"))
    assert {write: n["compared"] for write, n in found.items()} == {**dict.fromkeys(found, 0), **present}
    for write, n in found.items():
        assert {kind: n[kind] for kind in KINDS if kind != "kept"} == dict.fromkeys(
            [kind for kind in KINDS if kind != "kept"], 0
        ), write
    assert {write: n["hidden"] for write, n in found.items() if n["hidden"]} == {}
    assert sum(n["compared"] for n in found.values()) > 100


def test_the_daily_dag_finds_what_people_have_changed_in_the_target(world, delivered):
    customer = next(row for row in world.finops.rows("CustomersV3") if row["IsExternallyMaintained"] == "Yes")
    key = f"dataAreaId='{customer['dataAreaId']}',CustomerAccount='{customer['CustomerAccount']}'"
    world.finops.send("PATCH", f"CustomersV3({key})", {"LanguageId": "de"})

    world.run("reconcile", flow="accounts")
    found = world.sql(
        "select kind, record, field, theirs from sync.finding where resolved_at is null and kind <> 'kept'"
    )
    assert found == [("different", customer["CustomerAccount"], "LanguageId", "de")]
    world.run_writes_nothing("accounts")
    world.finops.send("PATCH", f"CustomersV3({key})", {"LanguageId": customer["LanguageId"]})
    world.run("reconcile", flow="accounts")
    assert world.sql("select 1 from sync.finding where resolved_at is null and kind <> 'kept'") == []
