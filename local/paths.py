"""The folders of the project and of its local state."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError


@dataclass(frozen=True)
class Paths:
    """`root` is the checkout; `home` (P2C_HOME, else `root`/.demo) has all local state."""

    root: Path
    home: Path

    @classmethod
    def here(cls) -> Paths:
        root = Path(__file__).resolve().parents[1]
        return cls(root, Path(os.environ.get("P2C_HOME") or root / ".demo").resolve())

    @property
    def airflow(self) -> Path:
        return self.home / "airflow"

    @property
    def sandbox(self) -> Path:
        return self.home / "sandbox"

    @property
    def logs(self) -> Path:
        return self.airflow / "logs"

    def make(self) -> None:
        """Create the folders; LocalError if that is not possible."""
        try:
            for folder in (self.home, self.sandbox, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.home / "lock"
            probe.touch()
        except OSError as problem:
            raise LocalError(
                f"Cannot write to {self.home} ({problem.strerror}): choose another folder with P2C_HOME."
            ) from None

    def recall(self) -> dict[str, object]:
        """What earlier commands remembered: ports, and which records the stand-ins have."""
        try:
            remembered = json.loads((self.home / "local.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return remembered if isinstance(remembered, dict) else {}

    def remember(self, **facts: object) -> None:
        """Add facts for later commands."""
        new = self.home / "local.json.new"
        new.write_text(json.dumps({**self.recall(), **facts}, indent=1), encoding="utf-8")
        new.replace(self.home / "local.json")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the home for one command; LocalError if another command has it."""
        self.make()
        with (self.home / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise LocalError(
                    f"Another make command is running in {self.home}: wait for it, or choose another P2C_HOME."
                ) from None
            yield
