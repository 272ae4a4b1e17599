"""Run flows through Airflow in one child process: nothing has to be up, and the screen stays readable."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from local.errors import LocalError
from local.stack import Stack


@dataclass
class Outcome:
    """What the runs came to: how each flow ended, the stored reports, the same as text, and where everything printed went."""

    log: Path
    ok: bool = False
    states: dict[str, str] = field(default_factory=dict)
    reports: list[dict[str, object]] = field(default_factory=list)
    text: str = ""


def run_flows(
    stack: Stack, flows: Sequence[str], conf: Mapping[str, bool], dags: Path | None = None
) -> Outcome:
    """Run the DAGs of `flows` in order, telling of each; LocalError when they could not even begin."""
    log = stack.paths.logs / f"flows-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
    command = [sys.executable, "-m", "local.flow_runs", *flows, "--conf", json.dumps(dict(conf))]
    command += ["--dags", str(dags or stack.paths.root / "dags")]
    outcome = Outcome(log)
    ended = 0
    with log.open("wb") as output, _child(command, stack, output.fileno()) as process:
        for line in process.stdout or ():
            event = json.loads(line)
            if "end" in event:
                ended += 1
                outcome.states[event["end"]] = event["state"]
            outcome.reports = event.get("reports", outcome.reports)
            outcome.text = event.get("text", outcome.text)
            _tell(event, stack)
        outcome.ok = process.wait() == 0
    if ended < len(flows):
        raise LocalError(f"{_last_line(log).rstrip('.')} (all of it: {log}).")
    return outcome


def _tell(event: Mapping[str, object], stack: Stack) -> None:
    if "begin" in event:
        stack.say(f"{event['begin']} ...")
    elif "failed" in event:
        stack.say(
            f"  {event['failed']}: {event['sentence']}{' (tried again in 30 s)' if event['again'] else ''}"
        )
    elif "end" in event:
        stack.say(f"{event['end']}: {event['state']} after {event['seconds']} s")


@contextmanager
def _child(command: Sequence[str], stack: Stack, log: int) -> Iterator[subprocess.Popen[str]]:
    """The child, ended with us: Ctrl-C reaches it too, anything else ends it by a signal."""
    process = subprocess.Popen(
        command,
        cwd=stack.paths.root,
        env=stack.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "The runs ended without a word"
