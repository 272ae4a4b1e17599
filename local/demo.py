"""`make demo`, and `make run` while Airflow is not running: start everything, run flows, stop everything."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from d365_sandbox import NOTES
from local import airflow_stack, stand_ins
from local.cards import flows
from local.environment import own_database, real_systems
from local.errors import LocalError
from local.in_process import Result, run_flows
from local.paths import Paths
from local.stack import Stack, running_stack
from local.stand_ins import Records


def demo(paths: Paths, records: Records) -> int:
    """Run every flow between the stand-ins and show the results; exit code 0 if all succeeded."""
    with paths.lock():
        if airflow_stack.is_up(paths):
            raise LocalError(
                "Airflow is running: use it with `make run FLOW=...`, or stop it with `make down` first."
            )
        began = time.monotonic()
        print("Starting Postgres and the stand-ins of both systems ...")
        with running_stack(paths, records) as stack:
            result = run_flows(stack, flows(paths), {})
            _show(result, stack)
            print(_notes(paths), end="")
            print(f"\nDone in {time.monotonic() - began:.0f} s. {_where_to_look(stack)}")
        return 0 if result.ok else 1


def run_once(paths: Paths, flow: str, conf: Mapping[str, object]) -> int:
    """Run one flow with the data of earlier commands; exit code 0 if it succeeded."""
    with paths.lock():
        records = None if real_systems() else Records()
        with running_stack(paths, records, keep_records=True) as stack:
            result = run_flows(stack, [flow], conf)
            _show(result, stack)
        return 0 if result.ok else 1


def write_report(paths: Paths, reports: Sequence[Mapping[str, object]]) -> None:
    """Write the reports to `report.json` in the home."""
    text = json.dumps(list(reports), indent=2, ensure_ascii=False)
    (paths.home / "report.json").write_text(text + "\n", encoding="utf-8")


def _show(result: Result, stack: Stack) -> None:
    if result.text:
        print(f"\n{result.text}")
    if result.reports or not result.text:  # a reconcile has a text alone
        write_report(stack.paths, result.reports)
    if not result.ok:
        print(f"\nNot every flow succeeded: see {result.log}.")


def _notes(paths: Paths, most: int = 3) -> str:
    """The first notes of the stand-ins about the folder of CSV files, empty if there are none."""
    path = paths.sandbox / NOTES
    notes = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if not notes:
        return ""
    more = [f"... and {len(notes) - most} more in {path}"] if len(notes) > most else []
    return "\nNotes on the records of your folder\n" + "".join(f"  {line}\n" for line in notes[:most] + more)


def _where_to_look(stack: Stack) -> str:
    home = stack.paths.home
    lines = [
        "Where to look:",
        f"  {home / 'report.json'}: these counts as JSON; {stack.paths.logs}: the logs of the tasks",
        "  make up: starts Airflow with its UI on this data; make down stops it",
    ]
    if stack.postgres is not None:
        lines.append(
            f"  Postgres, while make up runs: {_without_password(stack.postgres.url())}"
            f" (password in {stack.postgres.folder / 'password'})"
        )
    else:
        lines.append(f"  Postgres: {_without_password(own_database())}")
    if stack.stand_ins is not None:
        lines.append(
            f"  make sandbox: serves Sales at {stack.stand_ins.sales_url} and F&O at {stack.stand_ins.finops_url}"
            f" with these records (client id {stand_ins.CLIENT_ID}, secret {stand_ins.CLIENT_SECRET})"
        )
    return "\n".join(lines)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.username}@{parts.hostname}:{parts.port or 5432}{parts.path}"
