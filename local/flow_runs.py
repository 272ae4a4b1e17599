"""Run DAGs to their end in this process, one after the other, and tell the parent what happens.

Started by `in_process.py` in Airflow's environment. Standard output carries one JSON object a line:
{"begin": flow}, {"failed": task, "sentence": text, "again": bool}, {"end": flow, "state": text, "seconds": n}
and at last {"reports": [...], "text": table and reasons}. What Airflow, dbt and the tasks print goes to
standard error.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from local.reports import stored_reports


class Events:
    """The line to the parent, on a copy of standard output that nobody else prints to."""

    def __init__(self) -> None:
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def tell(self, **event: object) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()


def load_dags(flows: Sequence[str], folder: Path) -> dict[str, Any]:
    """The DAG of each flow; ends the program with one sentence when one is missing."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(folder))
    found = {flow: bag.dags.get(f"prospect_to_cash_{flow}") for flow in flows}
    for flow, dag in found.items():
        if dag is None:
            errors = [text.strip().splitlines()[-1] for text in bag.import_errors.values()]
            known = sorted(dag_id.removeprefix("prospect_to_cash_") for dag_id in bag.dags)
            raise SystemExit(
                f"There is no flow {flow}: {'; '.join(errors) or 'there are ' + ', '.join(known)}"
            )
    return found


def _listen(events: Events) -> None:
    """Tell of each failed task with its own sentence."""
    from airflow.listeners import hookimpl
    from airflow.sdk.listener import get_listener_manager

    class Failures:
        @hookimpl
        def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
            again = "retry" in str(getattr(task_instance, "state", ""))
            events.tell(failed=task_instance.task_id, sentence=_sentence(error), again=again)

    get_listener_manager().add_listener(Failures())


def _sentence(error: object) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when every run succeeded, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m local.flow_runs", description=__doc__)
    parser.add_argument("flows", nargs="+")
    parser.add_argument("--dags", type=Path, required=True, help="folder of the DAG files")
    parser.add_argument("--conf", type=json.loads, default={}, help="params of the runs, as JSON")
    said = parser.parse_args(arguments)
    events = Events()
    # Airflow makes a million objects that stay to the end; with Python's own 700 they would be gone through all the time.
    gc.set_threshold(50_000, 20, 20)
    runs: list[tuple[str, str]] = []
    states = []
    _listen(events)
    for flow, dag in load_dags(said.flows, said.dags).items():
        events.tell(begin=flow)
        began = time.monotonic()
        run = dag.test(run_conf=said.conf)
        state = str(getattr(run.state, "value", run.state))
        runs.append((flow, run.run_id))
        states.append(state)
        events.tell(end=flow, state=state, seconds=round(time.monotonic() - began, 1))
    events.tell(**stored_reports(runs))
    return 0 if all(state == "success" for state in states) else 1


if __name__ == "__main__":
    sys.exit(main())
