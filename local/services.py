"""Programs that keep running after the command that started them, each in a session of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "P2C_SERVICE_OF"


@dataclass(frozen=True)
class Service:
    """A program of the stack, with its pid file and log in `home`/services."""

    name: str
    home: Path

    @property
    def log(self) -> Path:
        return self.home / "services" / f"{self.name}.log"

    @property
    def _file(self) -> Path:
        return self.home / "services" / f"{self.name}.json"

    def start(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start `command` detached from this process and its terminal."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment, MARK: str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        started = psutil.Process(process.pid).create_time()
        self._file.write_text(json.dumps({"pid": process.pid, "started": started}), encoding="utf-8")

    def alive(self) -> bool:
        """Whether the program is running; another program that has its pid by now does not count."""
        return self._process() is not None

    def stop(self, seconds: float = 20) -> bool:
        """Terminate the process group, and kill it after `seconds`; return whether it was running."""
        process = self._process()
        if process is not None:
            family = [process, *process.children(recursive=True)]
            _signal_group(process.pid, signal.SIGTERM)
            _, left = psutil.wait_procs(family, timeout=seconds)
            if left:
                _signal_group(process.pid, signal.SIGKILL)
                _kill(left)
        self._file.unlink(missing_ok=True)
        return process is not None

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def _process(self) -> psutil.Process | None:
        try:
            stored = json.loads(self._file.read_text(encoding="utf-8"))
            process = psutil.Process(stored["pid"])
            alive = process.create_time() == stored["started"] and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.Error):
            return None
        return process if alive else None


def sweep(home: Path) -> int:
    """Kill every process that still has the mark of a service of `home`; return their number."""
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(home) and process.pid != os.getpid():
                left.append(process)
        except (psutil.Error, OSError):
            continue  # has ended, or belongs to another user
    _kill(left)
    return len(left)


def stop_all(services: Sequence[Service], seconds: float = 20) -> bool:
    """Stop several services at the same time; return whether any was running."""
    with ThreadPoolExecutor(max_workers=len(services)) as threads:
        return any(list(threads.map(lambda service: service.stop(seconds), services)))


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=5)
