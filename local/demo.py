"""`make demo` and, while nothing is up, `make run`: flows from beginning to end in one command."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from local import airflow_stack, stand_ins
from local.cards import flows
from local.environment import own_database, real_systems
from local.errors import LocalError
from local.in_process import Outcome, run_flows
from local.paths import Paths
from local.stack import Stack, running_stack
from local.stand_ins import Records
from sandbox.samples import NOTES


def demo(paths: Paths, records: Records) -> int:
    """Move everything between the stand-ins and show what came of it; exit code 0 when all succeeded."""
    with paths.only_one():
        if airflow_stack.is_up(paths):
            raise LocalError(
                "Airflow is up here: `make run FLOW=...` uses it, or `make down` stops it first."
            )
        began = time.monotonic()
        print("Starting Postgres and the stand-ins of both systems ...")
        with running_stack(paths, records) as stack:
            outcome = run_flows(stack, flows(paths), {})
            _show(outcome, stack)
            print(_notes(paths), end="")
            print(f"\nThat took {time.monotonic() - began:.0f} s. {_where_to_look(stack)}")
        return 0 if outcome.ok else 1


def run_once(paths: Paths, flow: str, conf: Mapping[str, bool]) -> int:
    """Run one flow on what earlier commands left; exit code 0 when it succeeded."""
    with paths.only_one():
        records = None if real_systems() else Records()
        with running_stack(paths, records, keep_records=True) as stack:
            outcome = run_flows(stack, [flow], conf)
            _show(outcome, stack)
        return 0 if outcome.ok else 1


def write_report(paths: Paths, reports: Sequence[Mapping[str, object]]) -> None:
    """Leave the reports as `report.json` in the home."""
    text = json.dumps(list(reports), indent=2, ensure_ascii=False)
    (paths.home / "report.json").write_text(text + "\n", encoding="utf-8")


def _show(outcome: Outcome, stack: Stack) -> None:
    if outcome.text:
        print(f"\n{outcome.text}")
    write_report(stack.paths, outcome.reports)
    if not outcome.ok:
        print(f"\nNot everything succeeded: {outcome.log} has all that was said.")


def _notes(paths: Paths, most: int = 3) -> str:
    """What the stand-ins noticed in the folder of CSVs, the first few notes of it."""
    path = paths.sandbox / NOTES
    notes = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    if not notes:
        return ""
    more = [f"... and {len(notes) - most} more in {path}"] if len(notes) > most else []
    return "\nAbout the records in the folder\n" + "".join(f"  {line}\n" for line in notes[:most] + more)


def _where_to_look(stack: Stack) -> str:
    home = stack.paths.home
    lines = [
        "Where to look now:",
        f"  {home / 'report.json'}: the same counts as JSON; {stack.paths.logs}: what every task said",
        "  make up: Airflow's UI with these flows and this data; make down stops it",
    ]
    if stack.postgres is not None:
        lines.append(
            f"  under make up, Postgres: {_without_password(stack.postgres.url())}"
            f" (password in {stack.postgres.folder / 'password'})"
        )
    else:
        lines.append(f"  Postgres: {_without_password(own_database())}")
    if stack.stand_ins is not None:
        lines.append(
            f"  make sandbox: Sales at {stack.stand_ins.sales_url}, F&O at {stack.stand_ins.finops_url},"
            f" with what the demo wrote (client {stand_ins.CLIENT_ID}, secret {stand_ins.CLIENT_SECRET})"
        )
    return "\n".join(lines)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.username}@{parts.hostname}:{parts.port or 5432}{parts.path}"
