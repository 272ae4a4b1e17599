"""`make preflight`: what has no map or is missing in the target, of every flow, before anything is sent."""

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

# Params of the runs: nothing is sent, and whatever is read is looked at.
DRY = {"dry_run": True}


def preflight(paths: Paths, flows: Sequence[str], as_json: bool, records: Records | None = None) -> int:
    """Dry-run the flows and print what their records wait for; exit code 0 when that is nothing.

    With the environment's connections it looks at the real systems, else at the stand-ins as `make run` does.
    """
    say = partial(print, file=sys.stderr, flush=True) if as_json else print
    with paths.only_one():
        if airflow_stack.is_up(paths):
            raise LocalError("Airflow is up here: `make down` stops it, then preflight can look by itself.")
        filled = None if real_systems() else records or Records()
        with running_stack(paths, filled, keep_records=records is None, say=say) as stack:
            stack.env["P2C_DBT_VARS"] = _with_open_gate(stack.env)
            outcome = run_flows(stack, flows, DRY)
            failed = [flow for flow in flows if outcome.states.get(flow) != "success"]
            if failed:
                say(f"\nNot everything could be looked at: {outcome.log} has all that was said.")
            code, said = _coverage(stack, flows, failed, as_json)
    print(said if as_json else f"\n{said}")
    return code


def _with_open_gate(environment: Mapping[str, str]) -> str:
    """P2C_DBT_VARS without the gate: that most records wait is what preflight is to say, not a reason to stop."""
    said = environment.get("P2C_DBT_VARS") or "{}"
    try:
        own = json.loads(said)
    except ValueError:
        return said  # the transform says what is wrong with it
    return json.dumps(own | {"max_blocked_share": 1}) if isinstance(own, dict) else said


def _coverage(stack: Stack, flows: Sequence[str], failed: Sequence[str], as_json: bool) -> tuple[int, str]:
    command = [sys.executable, "-m", "prospect_to_cash.reporting.coverage", *flows]
    command += [f"--not-looked-at={flow}" for flow in failed] + ["--json"] * as_json
    answer = subprocess.run(
        command, cwd=stack.paths.root, env=stack.env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if answer.returncode not in (0, 1) or not answer.stdout.strip():
        lines = answer.stderr.strip().splitlines() or ["nothing was said"]
        raise LocalError(f"Could not read what the flows found: {lines[-1]}")
    return answer.returncode, answer.stdout.rstrip()
