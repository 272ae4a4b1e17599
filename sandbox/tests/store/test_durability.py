import contextlib
import subprocess
import sys

import pytest

from d365_sandbox.dataverse.entities import sales_entities
from d365_sandbox.dataverse.stamps import drop, put
from d365_sandbox.store.store import Store
from support.running import Sandbox, batch, part


@pytest.fixture
def sandbox(tmp_path):
    running = Sandbox(tmp_path / "home")
    yield running
    running.kill()


def test_everything_that_was_answered_survives_a_kill(sandbox):
    kept = sandbox.sales.create("accounts", {"name": "kept"})
    gone = sandbox.sales.create("accounts", {"name": "gone"})["accountid"]
    sandbox.sales.delete(f"accounts({gone})")
    sandbox.finops.create("LegalEntities", {"LegalEntityId": "usmf"})
    sandbox.finops.create("CustomerGroups", {"dataAreaId": "usmf", "CustomerGroupId": "10"})
    sandbox.kill()
    sandbox.start()
    row = sandbox.sales.get(f"accounts({kept['accountid']})").json()
    assert (row["name"], row["@odata.etag"]) == ("kept", kept["@odata.etag"])
    assert sandbox.sales.get(f"accounts({gone})").status_code == 404
    assert sandbox.finops.get("CustomerGroups/$count").text == "1"
    assert sandbox.sales.create("accounts", {"name": "new"})["versionnumber"] > kept["versionnumber"]


def test_a_batch_is_kept_up_to_its_last_answered_request(sandbox):
    sandbox.sales.batch(batch(*[part("POST accounts", {"name": f"{n}"}) for n in range(300)]))
    sandbox.kill()
    sandbox.start()
    assert sandbox.sales.get("accounts/$count").content.decode("utf-8-sig") == "300"


def test_a_torn_last_line_is_forgotten(sandbox):
    sandbox.sales.create("accounts", {"name": "kept"})
    sandbox.kill()
    journal = max((sandbox.home / "sales").glob("journal.*"))
    with journal.open("ab") as out:
        out.write(b'{"w":[["accounts","1000')
    sandbox.start()
    assert [row["name"] for row in sandbox.sales.rows("accounts?$select=name")] == ["kept"]
    sandbox.sales.create("accounts", {"name": "later"})
    sandbox.kill()
    sandbox.start()
    assert {row["name"] for row in sandbox.sales.rows("accounts?$select=name")} == {"kept", "later"}


def test_the_organisation_keeps_its_id_over_restarts(sandbox):
    before = sandbox.sales.get("WhoAmI").json()["OrganizationId"]
    sandbox.kill()
    sandbox.start()
    assert sandbox.sales.get("WhoAmI").json()["OrganizationId"] == before


def launch(home, *arguments):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "d365_sandbox",
            "serve",
            "--home",
            home,
            "--sales-port",
            "0",
            "--finops-port",
            "0",
            *arguments,
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_sample_records_are_loaded_once(tmp_path):
    running = Sandbox(tmp_path / "home", "--accounts", "12", "--products", "6")
    try:
        ids = {row["accountid"] for row in running.sales.rows("accounts?$select=accountid")}
        assert len(ids) == 12
        assert int(running.finops.get("SellableReleasedProducts/$count?cross-company=true").text) >= 6
        running.sales.delete(f"accounts({min(ids)})")
        running.kill()
        running.start()
        assert {r["accountid"] for r in running.sales.rows("accounts?$select=accountid")} == ids - {min(ids)}
    finally:
        running.kill()


def test_a_load_that_failed_is_done_again_at_the_next_start(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    failed = launch(tmp_path / "home", "--data", empty)
    assert failed.returncode == 2
    assert failed.stderr.startswith("sandbox: ")
    assert failed.stderr.count("\n") == 1
    running = Sandbox(tmp_path / "home", "--accounts", "12", "--products", "6")
    try:
        assert len(running.sales.rows("accounts?$select=accountid")) == 12
    finally:
        running.kill()


def test_a_folder_serves_one_sandbox_at_a_time(sandbox):
    second = launch(sandbox.home)
    assert second.returncode == 2
    assert second.stderr == (
        f"sandbox: Another sandbox uses {sandbox.home}: stop it, or name another folder with --home.\n"
    )


def test_a_signal_ends_it_cleanly(sandbox):
    sandbox.sales.create("accounts", {"name": "kept"})
    assert sandbox.stop() == 0
    assert not (sandbox.home / "sandbox.json").exists()
    sandbox.start()
    assert len(sandbox.sales.rows("accounts")) == 1


@pytest.fixture
def opened(tmp_path):
    """Opens the store of Sales in one folder anew, as a restart does."""
    return lambda: Store(sales_entities().values(), tmp_path / "store")


def test_versions_of_deletions_survive_restarts_and_snapshots(opened):
    store = opened()
    with store.transaction() as tx:
        for key in ("a", "b"):
            put(tx, "accounts", {"accountid": key})
        drop(tx, "accounts", "a")
    deleted = dict(store.tables["accounts"].deleted)
    assert list(deleted) == ["a"]
    store.close()
    for _ in range(2):
        store = opened()
        assert store.tables["accounts"].deleted == deleted
        store.snapshot()
        store.close()


def test_a_deletion_that_was_undone_or_made_good_is_not_told(opened):
    store = opened()
    with store.transaction() as tx:
        put(tx, "accounts", {"accountid": "a"})
        drop(tx, "accounts", "a")
    deleted = dict(store.tables["accounts"].deleted)
    with contextlib.suppress(KeyError), store.transaction() as tx:
        put(tx, "accounts", {"accountid": "a"})
        put(tx, "accounts", {"accountid": "b"})
        drop(tx, "accounts", "b")
        drop(tx, "accounts", "a")
        raise KeyError
    assert store.tables["accounts"].deleted == deleted
    with store.transaction() as tx:
        put(tx, "accounts", {"accountid": "a"})
    assert store.tables["accounts"].deleted == {}
    store.close()
    assert opened().tables["accounts"].deleted == {}
