"""A sandbox in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from d365_sandbox.testing.home import CARD
from d365_sandbox.testing.system import System

START_SECONDS = 120


class SandboxError(RuntimeError):
    """The sandbox did not start; the message has its own words."""


class Sandbox:
    """Both systems in a child process, on free ports unless `arguments` name others.

    `arguments` are those of `d365-sandbox serve`, `environment` holds further SANDBOX_* variables. Without
    `--accounts`, `--products` or `--data` it starts empty. The state is kept in `home`; without one it is in a
    temporary folder that goes when the sandbox stops. Use it as a context manager, or call `start` and `stop`.
    """

    def __init__(
        self,
        *arguments: str,
        home: Path | None = None,
        environment: Mapping[str, str] | None = None,
        admin_token: str = "admin",
    ) -> None:
        self._temporary = home is None
        self.home = home or Path(tempfile.mkdtemp(prefix="d365-sandbox-"))
        self.arguments = arguments
        self.environment = {"SANDBOX_ADMIN_TOKEN": admin_token, **(environment or {})}
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and wait until both systems serve. Raises SandboxError when they do not."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as log:
            self.process = subprocess.Popen(
                self.command(), env={**os.environ, **self.environment}, stdout=log, stderr=log, text=True
            )
        try:
            self.card = self._await_card(self.process)
        except BaseException:
            self.kill()
            raise
        self.tenant_id: str = self.card["tenant_id"]
        self.client_id: str = self.card["client_id"]
        self.client_secret = self.environment.get("SANDBOX_CLIENT_SECRET", "sandbox-secret")
        self.admin_token = self.environment["SANDBOX_ADMIN_TOKEN"]
        self.ca_file = Path(self.card["ca_file"]) if "ca_file" in self.card else None
        self.sales, self.finops = (self._system(name) for name in ("sales", "finops"))

    def stop(self) -> int:
        """End the process, having written everything to its home; returns its exit status."""
        status = self._end(kill=False)
        if self._temporary:
            shutil.rmtree(self.home, ignore_errors=True)
        return status

    def kill(self) -> None:
        """End the process at once, as a crash would; `start` may follow on the same home."""
        self._end(kill=True)

    def restart(self) -> None:
        """Stop and start again on the same home; ports may change."""
        self._end(kill=False)
        self.start()

    @property
    def log(self) -> Path:
        """What the process printed."""
        return self.home / "sandbox.log"

    def command(self) -> list[str]:
        given = " ".join(self.arguments)
        words = [sys.executable, "-m", "d365_sandbox", "serve", "--home", str(self.home), *self.arguments]
        for option in ("--sales-port", "--finops-port"):
            words += [] if option in given else [option, "0"]
        if "--data" not in given and "--accounts" not in given and "--products" not in given:
            words += ["--accounts", "0", "--products", "0"]
        return words

    def _await_card(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            try:
                card: dict[str, Any] = json.loads((self.home / CARD).read_text(encoding="utf-8"))
                if card["pid"] == process.pid:
                    return card
            except FileNotFoundError:
                pass
            if process.poll() is not None:
                break
            time.sleep(0.02)
        raise SandboxError(f"The sandbox did not start: {self.log.read_text(encoding='utf-8').strip()}")

    def _system(self, name: str) -> System:
        url = self.card[f"{name}_url"]
        return System(
            name, url, self.tenant_id, self.client_id, self.client_secret, self.admin_token, self.ca_file
        )

    def _end(self, kill: bool) -> int:
        if self.process is None:
            return 0
        if kill:
            self.process.kill()
        else:
            self.process.terminate()
        return self.process.wait(30)
