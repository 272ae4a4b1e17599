"""The server process of one data folder: check it, stop it, clean up after it was killed."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

from local.errors import LocalError


class Postmaster:
    """The process in `postmaster.pid` of the folder `data`, checked against the running processes."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._file = data / "postmaster.pid"

    def alive(self) -> bool:
        """Whether the server in the file runs, belongs to this folder and accepts connections."""
        lines = self._lines()
        if len(lines) < 8 or lines[7].strip() != "ready" or not self._is_ours(int(lines[0])):
            return False
        try:
            with socket.create_connection(("127.0.0.1", int(lines[3])), timeout=5):
                return True
        except OSError:
            return False

    def clear_stale(self) -> None:
        """Remove what a killed server left: its child processes, and its pid file.

        Postgres itself only checks whether a process with this pid exists, and does not wait for child processes.
        """
        lines = self._lines()
        if lines and self._is_ours(int(lines[0])):
            self.stop()
        for child in self._processes():
            _signal(child, signal.SIGKILL)
        _wait_until(lambda: not self._processes(), 10)
        self._file.unlink(missing_ok=True)

    def stop(self) -> bool:
        """Shut down within 60 s; open transactions are rolled back. Return whether a server was running."""
        lines = self._lines()
        if not lines or not self._is_ours(int(lines[0])):
            return False
        _signal(int(lines[0]), signal.SIGINT)
        if not _wait_until(lambda: not self._processes() and not self._file.exists(), 60):
            raise LocalError(
                f"Postgres in {self._data} did not stop within 60 s: see {self._data.parent / 'server.log'}."
            )
        return True

    def _lines(self) -> list[str]:
        try:
            lines = self._file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return lines if lines and lines[0].strip().isdigit() else []

    def _is_ours(self, pid: int) -> bool:
        if not Path("/proc/self").exists():
            return _signal(pid, 0)
        try:
            # Unlike the working folder, readable for processes of other users too.
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False
        return os.fsencode(self._data) in arguments

    def _processes(self) -> list[int]:
        """Processes whose working folder is the data folder, as it is for every Postgres process."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if entry.readlink() == self._data:
                    found.append(int(entry.parent.name))
            except OSError:
                continue  # has ended, or belongs to another user
        return found


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())
