from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.world import ROOT, World, running_world

RUNNER = """
import sys
from tests.world import dags
run = dags()["prospect_to_cash_" + sys.argv[1]].test()
sys.exit(0 if "success" in str(run.state) else 1)
"""


def start_run(world: World, flow: str) -> subprocess.Popen:
    """Run a flow in a process of its own, which a test can kill."""
    log = (world.home / "runs.log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, flow],
        cwd=ROOT,
        env={**os.environ, **world.env(), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": world.airflow_url},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen, condition: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until a condition holds; fails if the run ends before."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        assert process.poll() is None, "the run ended before the condition held"
        time.sleep(0.02)
    raise AssertionError(f"the condition did not hold within {seconds} s")


def kill(process: subprocess.Popen) -> None:
    """Kill a run with all its processes."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def busy_world(database_per_test: str, airflow_url: str, tmp_path) -> Iterator[World]:
    """A world with so many accounts that a run takes some time."""
    sizes = ("--accounts", "1500", "--products", "0")
    with running_world(tmp_path, database_per_test, *sizes, airflow_url=airflow_url) as world:
        yield world


def exists(world: World, statement: str) -> bool:
    """Whether a query returns a row."""
    return bool(world.sql(f"select exists ({statement})")[0][0])


def assert_delivered_once(world: World, others: int = 0) -> None:
    """Every row of outbound is exactly one customer with that name; F&O has as many ``others`` and no more."""
    expected = world.sql(
        "select target_key ->> 'CustomerAccount', body ->> 'OrganizationName' from outbound.outbound_finops__accounts"
    )
    rows = world.finops.rows("CustomersV3", select="CustomerAccount,OrganizationName,PartyNumber")
    found = Counter((row["CustomerAccount"], row["OrganizationName"]) for row in rows)
    assert len(expected) > 300
    assert Counter(expected) - found == Counter()
    assert (found - Counter(expected)).total() == others
    assert len({row["PartyNumber"] for row in rows}) == len(rows)
    unfinished = "select write, doubt ->> 'kind', sentence, count(*) from sync.ledger where settled_hash is null group by 1, 2, 3"
    assert world.sql(unfinished) == []
