"""Run flows in one child process with Airflow, without a scheduler; its output goes to a log file."""

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
class Result:
    """The results of the runs: state by flow, the stored reports, the reports as text, and the log file."""

    log: Path
    ok: bool = False
    states: dict[str, str] = field(default_factory=dict)
    reports: list[dict[str, object]] = field(default_factory=list)
    text: str = ""


def run_flows(
    stack: Stack, flows: Sequence[str], conf: Mapping[str, object], dags: Path | None = None
) -> Result:
    """Run the DAGs of `flows` in order and print progress; LocalError if one of them did not run at all."""
    log = stack.paths.logs / f"flows-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
    command = [sys.executable, "-m", "local.flow_runs", *flows, "--conf", json.dumps(dict(conf))]
    command += ["--dags", str(dags or stack.paths.root / "dags")]
    result = Result(log)
    ended = 0
    with log.open("wb") as output, _child(command, stack, output.fileno()) as process:
        for line in process.stdout or ():
            event = json.loads(line)
            if "end" in event:
                ended += 1
                result.states[event["end"]] = event["state"]
            result.reports = event.get("reports", result.reports)
            result.text = event.get("text", result.text)
            _print_progress(event, stack)
        result.ok = process.wait() == 0
    if ended < len(flows):
        raise LocalError(f"{_last_line(log).rstrip('.')} (full output: {log}).")
    return result


def _print_progress(event: Mapping[str, object], stack: Stack) -> None:
    if "begin" in event:
        stack.notify(f"{event['begin']} ...")
    elif "failed" in event:
        retry = " (retrying in 30 s)" if event["will_retry"] else ""
        stack.notify(f"  {event['failed']}: {event['error']}{retry}")
    elif "end" in event:
        stack.notify(f"{event['end']}: {event['state']} after {event['seconds']} s")


@contextmanager
def _child(command: Sequence[str], stack: Stack, log: int) -> Iterator[subprocess.Popen[str]]:
    """The child process, terminated if it still runs at the end of the `with` block."""
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
    return lines[-1].strip() if lines else "The runs ended without any output"
