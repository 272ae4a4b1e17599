"""Everything that a flow needs on this machine: Postgres, both systems, migrated databases."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from local import stand_ins
from local.environment import airflow_env, inherited, own_database, settings_used
from local.errors import LocalError
from local.paths import Paths
from local.postgres import STAGING_DATABASE, EmbeddedPostgres
from local.stand_ins import Records, StandIns


class Stack:
    """Postgres and the stand-ins; `env` is the complete environment for Airflow once they have started."""

    def __init__(self, paths: Paths, notify: Callable[[str], None] = print) -> None:
        self.paths = paths
        self.notify = notify
        self.postgres = None if os.environ.get("P2C_DATABASE_URL") else EmbeddedPostgres(paths.home, notify)
        self.stand_ins: StandIns | None = None
        self.env: dict[str, str] = {}

    def start(self, records: Records | None, keep_records: bool = False) -> None:
        """Start everything. With `records` None, the environment's connections lead to the real systems.

        If `records` are not those of the last time, the stand-ins and the staging database start empty, unless
        `keep_records` is set.
        """
        self.paths.make()
        if self.postgres is None:
            own_database()
        else:
            self.postgres.start()
        if records is not None:
            self._settle_records(records, keep_records)
            self.stand_ins = stand_ins.start(self.paths, records, inherited())
        self.env = {**inherited(), **airflow_env(self.paths, self.postgres, self.stand_ins)}
        if self.stand_ins is not None:
            self.notify(settings_used(self.env))
        self._migrate()

    def stop(self) -> None:
        """Stop the stand-ins, then Postgres."""
        stand_ins.stop(self.paths)
        if self.postgres is not None:
            self.postgres.stop()

    def _settle_records(self, records: Records, keep: bool) -> None:
        """Ensure that the stand-ins and the staging database are filled from the same records."""
        before, now = self.paths.recall().get("records"), records.fingerprint()
        if before is not None and (keep or before == now):
            return
        if before is not None:
            if self.postgres is None:
                raise LocalError(
                    "The database of P2C_DATABASE_URL has the records of the last demo: choose an empty database "
                    "and another P2C_HOME."
                )
            self.notify(
                "The records differ from those of the last demo: the stand-ins and the staging database start empty."
            )
        stand_ins.forget(self.paths)
        if self.postgres is not None:
            self.postgres.recreate(STAGING_DATABASE)
        self.paths.remember(records=now)

    def _migrate(self) -> None:
        """Run the migrations of both databases at the same time; Airflow's only if its version or database is new."""
        steps = {"the staging database": [sys.executable, "-m", "prospect_to_cash.database.migrate"]}
        stamp = self.paths.airflow / "migrated"
        metadata = self.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        current = f"{version('apache-airflow-core')} {hashlib.sha256(metadata.encode()).hexdigest()}"
        if (
            not stamp.is_file()
            or stamp.read_text(encoding="utf-8") != current
            or not self._has_metadata(metadata)
        ):
            steps["Airflow's database"] = [sys.executable, "-m", "airflow", "db", "migrate"]
        running: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        for what, command in steps.items():
            log = self.paths.logs / f"migrate-{len(running)}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command,
                    cwd=self.paths.root,
                    env=self.env,
                    stdout=output,
                    stderr=output,
                    stdin=subprocess.DEVNULL,
                )
            running[what] = (process, log)
        for what, (process, log) in running.items():
            if process.wait() != 0:
                reason = _last_line(log)
                raise LocalError(f"Could not migrate {what}: {reason} (full log: {log}).")
        stamp.write_text(current, encoding="utf-8")

    def _has_metadata(self, url: str) -> bool:
        if url.startswith("sqlite:///"):
            return Path(url.removeprefix("sqlite:///")).is_file()
        return self.postgres is None or self.postgres.has_table("airflow", "alembic_version")


@contextmanager
def running_stack(
    paths: Paths, records: Records | None, keep_records: bool = False, notify: Callable[[str], None] = print
) -> Iterator[Stack]:
    """A stack for the time of a `with` block, stopped at its end even if Ctrl-C is pressed again."""
    stack = Stack(paths, notify)
    try:
        stack.start(records, keep_records)
        yield stack
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        stack.stop()
        signal.signal(signal.SIGINT, before)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip().rstrip(".") if lines else "no reason given"
