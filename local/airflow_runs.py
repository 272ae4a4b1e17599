"""`make run` and `make backfill` in the Airflow that `make up` started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from local import airflow_stack
from local.airflow_api import AirflowApi
from local.demo import write_report
from local.environment import airflow_env, inherited
from local.errors import LocalError
from local.paths import Paths
from local.postgres import EmbeddedPostgres

TIMESTAMP = "%Y-%m-%dT%H:%M:%SZ"


def run(paths: Paths, flow: str, conf: Mapping[str, object]) -> int:
    """Trigger a DAG run, wait for it, print its report; exit code 0 if it succeeded."""
    server = airflow_stack.api(paths)
    dag_id = _unpaused(server, flow)
    run_id = server.trigger(dag_id, conf)
    print(f"{flow} ... {server.url}/dags/{dag_id}/runs/{run_id}", flush=True)
    state = server.wait(dag_id, run_id)
    print(f"{flow}: {state}")
    for task in server.failed_tasks(dag_id, run_id):
        print(f"  {task} failed; its log: {server.url}/dags/{dag_id}/runs/{run_id}/tasks/{task}")
    _show_report(paths, flow, run_id)
    return 0 if state == "success" else 1


def backfill(paths: Paths, flow: str, first: str, last: str) -> int:
    """Run the intervals from `first` to `last` again, both included; exit code 0 if every run succeeded.

    Both are days or timestamps, in UTC; a day as `last` is included to its end.
    """
    begin, end = _boundaries(first, last)
    server = airflow_stack.api(paths)
    dag_id = _unpaused(server, flow)
    backfill_id = server.backfill(dag_id, begin, end)
    print(f"{flow} from {begin} to {end} ... {server.url}/dags/{dag_id}/backfills", flush=True)
    while not server.backfill_completed(backfill_id):
        time.sleep(1)
    states = Counter(server.backfill_states(dag_id, begin, end))
    if not states:
        raise LocalError(f"{flow} has no interval that starts between {begin} and {end}: give other days.")
    print(f"{states.total()} runs: {', '.join(f'{n} {state}' for state, n in sorted(states.items()))}")
    return 0 if set(states) == {"success"} else 1


def _unpaused(server: AirflowApi, flow: str) -> str:
    dag_id = f"prospect_to_cash_{flow}"
    if server.is_paused(dag_id):
        raise LocalError(
            f"{dag_id} is paused, so its runs would never start: unpause it at {server.url}/dags."
        )
    return dag_id


def _boundaries(first: str, last: str) -> tuple[str, str]:
    try:
        begin, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
    except ValueError:
        raise LocalError("Give FROM and TO as days, for example FROM=2026-01-01 TO=2026-01-03.") from None
    if len(last) == len("2026-01-03"):
        end = datetime.combine(end.date(), datetime.max.time().replace(microsecond=0))
    if begin > end:
        raise LocalError(f"FROM={first} is later than TO={last}: swap them.")
    return begin.strftime(TIMESTAMP), end.strftime(TIMESTAMP)


def _show_report(paths: Paths, flow: str, run_id: str) -> None:
    postgres = None if os.environ.get("P2C_DATABASE_URL") else EmbeddedPostgres(paths.home)
    env = {**inherited(), **airflow_env(paths, postgres, None)}
    command = [sys.executable, "-m", "local.reports", f"{flow}={run_id}"]
    completed = subprocess.run(command, cwd=paths.root, env=env, capture_output=True, text=True, check=False)
    if completed.returncode != 0:
        raise LocalError(
            f"The run has ended, but its report cannot be read: {completed.stderr.strip().splitlines()[-1]}"
        )
    stored = json.loads(completed.stdout.splitlines()[-1])
    if stored["reports"] or not stored["text"]:  # a reconcile has a text alone
        write_report(paths, stored["reports"])
    print(f"\n{stored['text'] or 'The run stopped before it planned anything, so there is no report.'}")
