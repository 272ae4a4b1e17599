from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.flows.conftest import small_world
from tests.world import ROOT, World

RUNNER = """
import sys
from tests.world import dags
run = dags()["prospect_to_cash_" + sys.argv[1]].test()
sys.exit(0 if "success" in str(run.state) else 1)
"""


def start_run(world: World, flow: str) -> subprocess.Popen:
    """Run a flow in a process of its own, which can be killed."""
    log = (world.home / "runs.log").open("ab")
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, flow],
        cwd=ROOT,
        env={**os.environ, **world.env(), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": world.airflow_url},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def wait_for(process: subprocess.Popen, moment: Callable[[], bool], seconds: float = 90) -> None:
    """Wait until something is so while the run goes on; fails when the run is over before."""
    for _ in range(int(seconds / 0.02)):
        if moment():
            return
        assert process.poll() is None, "the run was over before its moment came"
        time.sleep(0.02)
    raise AssertionError("the moment never came")


def kill(process: subprocess.Popen) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def busy_world(database_per_test: str, airflow_url: str, tmp_path) -> Iterator[World]:
    """A world of its own with enough accounts that a run takes a while."""
    yield from small_world(database_per_test, airflow_url, tmp_path, "--accounts", "1500", "--products", "0")
