"""`make preflight`: values that have no map or are missing in the target, before anything is sent."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from local import airflow_stack
from local.environment import real_systems
from local.errors import LocalError
from local.in_process import run_flows
from local.paths import Paths
from local.stack import Stack, running_stack
from local.stand_ins import Records


def preflight(paths: Paths, flows: Sequence[str], as_json: bool, records: Records | None = None) -> int:
    """Dry-run the flows and print the missing values; exit code 0 if there are none.

    Reads the real systems if the environment has connections to them, else the stand-ins, as `make run` does.
    """
    notify = partial(print, file=sys.stderr, flush=True) if as_json else print
    with paths.lock():
        if airflow_stack.is_up(paths):
            raise LocalError("Airflow is running: stop it with `make down`, then run preflight again.")
        filled = None if real_systems() else records or Records()
        with running_stack(paths, filled, keep_records=records is None, notify=notify) as stack:
            stack.env["P2C_DBT_VARS"] = _with_open_gate(stack.env)
            result = run_flows(stack, flows, {"dry_run": True})
            failed = [flow for flow in flows if result.states.get(flow) != "success"]
            if failed:
                notify(f"\nNot every flow could be checked: see {result.log}.")
            code, text = _missing_values(stack, flows, failed, as_json)
    print(text if as_json else f"\n{text}")
    return code


def _with_open_gate(environment: Mapping[str, str]) -> str:
    """P2C_DBT_VARS with the gate open: many blocked records are a result of preflight, not a reason to stop."""
    text = environment.get("P2C_DBT_VARS") or "{}"
    try:
        own = json.loads(text)
    except ValueError:
        return text  # the transform reports what is wrong with it
    return json.dumps(own | {"max_blocked_share": 1}) if isinstance(own, dict) else text


def _missing_values(
    stack: Stack, flows: Sequence[str], failed: Sequence[str], as_json: bool
) -> tuple[int, str]:
    command = [sys.executable, "-m", "prospect_to_cash.report.missing_values", *flows]
    command += [f"--not-looked-at={flow}" for flow in failed] + ["--json"] * as_json
    completed = subprocess.run(
        command, cwd=stack.paths.root, env=stack.env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if completed.returncode not in (0, 1) or not completed.stdout.strip():
        lines = completed.stderr.strip().splitlines() or ["no reason given"]
        raise LocalError(f"The missing values cannot be read: {lines[-1]}")
    return completed.returncode, completed.stdout.rstrip()
