"""From version 0.1.0 on, the database of an earlier version migrates and its next runs write nothing.

The files beside this module are a staging database and the stand-ins' records after flows of that version had delivered
everything. Releases add one: ``P2C_SAVE_STATE=0.2.0 make test-all ARGS=tests/upgrade`` writes it from this tree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from prospect_to_cash.database import migrate
from prospect_to_cash.installation.new_project import preset_vars
from prospect_to_cash.reconcile.findings import KINDS
from tests.databases import new_database
from tests.upgrade import saved_state
from tests.world import World, running_world

pytestmark = pytest.mark.slow
FLOWS = ("products", "accounts", "contacts", "quotes")
FOLDER = Path(__file__).parent
SAVED = os.environ.get("P2C_SAVE_STATE", "")
VERSIONS = sorted({path.name.removesuffix(".tar.xz") for path in FOLDER.glob("*.tar.xz")} | ({SAVED} - {""}))
# The settings of the demo, in which the target rejects nothing.
ENV = {"P2C_DBT_VARS": json.dumps(preset_vars("sample"))}
SIZE = ("--accounts", "200", "--products", "100")


def addresses(world: World) -> dict[str, str]:
    return {
        "@sales@": saved_state.address(world.sales.root),
        "@finops@": saved_state.address(world.finops.root),
    }


def until_silent(world: World) -> None:
    """Run all flows until they write nothing."""
    for _ in range(4):
        world.forget()
        for flow in FLOWS:
            world.run(flow)
        if not world.writes():
            return
    pytest.fail("four rounds of all flows still write")


@pytest.fixture(scope="module", autouse=True)
def saved(postgres, airflow, tmp_path_factory) -> None:
    """Save the state of a new world when asked to; otherwise nothing."""
    if SAVED:
        folder = tmp_path_factory.mktemp("saved")
        with new_database(postgres) as url:
            assert migrate.main(["--database-url", url]) == 0
            with running_world(folder, url, *SIZE, env=ENV) as world:
                until_silent(world)
                world.stop()
                saved_state.save(FOLDER / f"{SAVED}.tar.xz", url, folder / "sandbox", addresses(world))


@pytest.fixture(scope="module", params=VERSIONS)
def upgraded(request, postgres, airflow, tmp_path_factory) -> Iterator[World]:
    """The world of an earlier version, its database migrated by this one."""
    folder = tmp_path_factory.mktemp("upgraded")
    dumped = saved_state.unpack(FOLDER / f"{request.param}.tar.xz", folder)
    with new_database(postgres) as roles:
        assert migrate.main(["--database-url", roles]) == 0  # roles are the server's, and no part of a dump
    with new_database(postgres) as url, running_world(folder, url, env=ENV) as world:
        saved_state.restore(dumped, url, addresses(world))
        assert migrate.main(["--database-url", url]) == 0
        yield world


@pytest.mark.parametrize("flow", FLOWS)
def test_after_the_upgrade_the_next_run_writes_nothing(upgraded, flow):
    report = upgraded.run_writes_nothing(flow)

    assert report["unchanged"] > 0


def test_after_the_upgrade_a_changed_record_is_one_update(upgraded):
    (row, *_) = [
        row for row in upgraded.sales.rows("accounts", select="accountid,name,statecode", orderby="accountid")
        if upgraded.sql(
            "select 1 from sync.ledger where write = 'accounts' and source_key = %s and present", row["accountid"]
        )
    ]  # fmt: skip
    upgraded.sales.send("PATCH", f"accounts({row['accountid']})", {"name": "Changed After The Upgrade"})
    upgraded.forget()

    report = upgraded.run("accounts")

    assert report["updated"] == 1
    assert [write["method"] for write in upgraded.writes()] == ["PATCH"]


def test_after_the_upgrade_reconcile_finds_no_difference(upgraded):
    report = upgraded.run("accounts", full=True)

    assert report["updated"] == report["created"] == 0
    counts = upgraded.sql(
        """
        select distinct on (write) write, counts from sync.reconcile where finished_at is not null
        order by write, reconcile_id desc
        """
    )
    assert {write for write, _ in counts} == {"account_numbers", "accounts", "account_references"}
    assert dict(counts)["accounts"]["compared"] > 100
    for write, found in counts:
        assert {kind: found[kind] for kind in KINDS} == dict.fromkeys(KINDS, 0), write
