"""Run DAGs in this process, one after the other, and report progress to the parent process.

Started by `in_process.py` with Airflow's environment. Standard output has one JSON object per line:
{"begin": flow}, {"failed": task, "error": text, "will_retry": bool}, {"end": flow, "state": text, "seconds": n}
and finally {"reports": [...], "text": table and reasons}. Everything that Airflow, dbt and the tasks print goes
to standard error.
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
    """Writes events to a copy of standard output; the original then leads to standard error."""

    def __init__(self) -> None:
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def emit(self, **event: object) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()


def load_dags(flows: Sequence[str], folder: Path) -> dict[str, Any]:
    """The DAG of each flow; ends the program with one sentence if one is missing."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(folder))
    found = {flow: bag.dags.get(f"prospect_to_cash_{flow}") for flow in flows}
    for flow, dag in found.items():
        if dag is None:
            errors = [text.strip().splitlines()[-1] for text in bag.import_errors.values()]
            known = sorted(dag_id.removeprefix("prospect_to_cash_") for dag_id in bag.dags)
            raise SystemExit(
                f"There is no flow {flow}: {'; '.join(errors) or 'choose one of ' + ', '.join(known)}"
            )
    return found


def _emit_failures(events: Events) -> None:
    """Emit an event for each task that fails from now on."""
    from airflow.listeners import hookimpl
    from airflow.sdk.listener import get_listener_manager

    class Failures:
        @hookimpl
        def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
            will_retry = "retry" in str(getattr(task_instance, "state", ""))
            events.emit(failed=task_instance.task_id, error=_first_line(error), will_retry=will_retry)

    get_listener_manager().add_listener(Failures())


def _first_line(error: object) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if every run succeeded, else 1."""
    parser = argparse.ArgumentParser(prog="python -m local.flow_runs", description=__doc__)
    parser.add_argument("flows", nargs="+")
    parser.add_argument("--dags", type=Path, required=True, help="folder of the DAG files")
    parser.add_argument("--conf", type=json.loads, default={}, help="params of the runs, as JSON")
    options = parser.parse_args(arguments)
    events = Events()
    # Airflow creates a million long-lived objects; with the default threshold of 700 the collector would scan them all the time.
    gc.set_threshold(50_000, 20, 20)
    runs: list[tuple[str, str]] = []
    states = []
    _emit_failures(events)
    for flow, dag in load_dags(options.flows, options.dags).items():
        events.emit(begin=flow)
        began = time.monotonic()
        run = dag.test(run_conf=options.conf)
        state = str(getattr(run.state, "value", run.state))
        runs.append((flow, run.run_id))
        states.append(state)
        events.emit(end=flow, state=state, seconds=round(time.monotonic() - began, 1))
    events.emit(**stored_reports(runs))
    return 0 if all(state == "success" for state in states) else 1


if __name__ == "__main__":
    sys.exit(main())
