"""Runs a program and measures its time and memory."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

SAMPLE_EVERY = 0.05


@dataclass(frozen=True)
class Sample:
    """Resident memory of a program and its child processes at one time (seconds since the epoch, MiB)."""

    at: float
    mib: float


@dataclass(frozen=True)
class Usage:
    """Resources that a program used: wall and processor seconds, peak resident memory in MiB, samples of it."""

    exit_code: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    samples: list[Sample] = field(repr=False)

    def peak_between(self, start: float, end: float) -> float:
        """Highest sample from `start` to `end`, 0 if there is none."""
        return max((sample.mib for sample in self.samples if start <= sample.at <= end), default=0.0)


def run_measured(command: Sequence[str], env: Mapping[str, str], folder: Path, log: Path) -> Usage:
    """Run `command` to its end; standard error goes to `log`, standard output to the same name with suffix .out."""
    log.parent.mkdir(parents=True, exist_ok=True)
    samples: list[Sample] = []
    ended = Event()
    with log.open("wb") as errors, log.with_suffix(".out").open("wb") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdin=subprocess.DEVNULL, stdout=output, stderr=errors
        )
        watcher = Thread(target=_watch, args=(process.pid, samples, ended), daemon=True)
        watcher.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                process.kill()
            ended.set()
            watcher.join()
        seconds = time.monotonic() - began
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return Usage(
        exit_code=process.returncode,
        seconds=seconds,
        cpu_seconds=used.ru_utime + used.ru_stime,
        peak_mib=used.ru_maxrss * unit / 2**20,
        samples=samples,
    )


def _watch(pid: int, samples: list[Sample], ended: Event) -> None:
    while not ended.wait(SAMPLE_EVERY):
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
            resident = sum(member.memory_info().rss for member in family)
        except psutil.Error:
            continue  # one of the processes has just ended
        samples.append(Sample(time.time(), resident / 2**20))
