"""Run Postgres programs, which refuse to run as root, on behalf of whoever called us.

An ordinary user runs them as they are. Root runs them as user 1000 of a user namespace, which sees root's own
files as its own, so nothing has to be created or given away. Where namespaces are forbidden, root hands the
data folder to the unprivileged user 65534 and runs the programs as that user.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

NOBODY = 65534


@dataclass(frozen=True)
class Account:
    """How to start a program: words put before the command, and the user id it runs under (None: our own)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None

    def run(self, command: Sequence[str], log: Path) -> tuple[int, str]:
        """Run `command` to its end with its output in the file `log`; return exit code and output.

        A file and not a pipe: the server that pg_ctl leaves behind would keep a pipe open for ever.
        """
        with log.open("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                [*self.prefix, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=_environment(),
                check=False,
                user=self.uid,
                group=self.uid,
                extra_groups=None if self.uid is None else (),
            )
            output.seek(0)
            return done.returncode, output.read()

    def own(self, path: Path) -> None:
        """Give a file or folder of ours to the user the programs run under."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)

    def owner(self) -> int:
        """User id that the files of the server bear on disk."""
        return os.geteuid() if self.uid is None else self.uid


def choose_account(data: Path, programs: Path) -> Account:
    """Pick the account that the programs in `programs` can run under with their data in `data`.

    Raises LocalError when root has neither user namespaces nor folders that user 65534 may enter.
    """
    if os.geteuid() != 0:
        return Account()
    given_away = data.exists() and data.stat().st_uid == NOBODY
    if not given_away and _namespaces_work():
        return Account(prefix=_UNSHARE)
    for folder in (programs, data.parent):
        closed = _closed_to_others(folder)
        if closed is not None:
            raise LocalError(
                f"Postgres refuses to run as root, and this machine allows no user namespaces: run as an "
                f"ordinary user, or let every user enter {closed} (chmod o+x), or name your own server "
                f"with P2C_DATABASE_URL."
            )
    return Account(uid=NOBODY)


_UNSHARE = ("unshare", "-U", "--map-user=1000", "--map-group=1000", "--")


def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = subprocess.run([*_UNSHARE, "true"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return probe.returncode == 0


def _closed_to_others(folder: Path) -> Path | None:
    """Return the first folder on the way to `folder` (itself included) that other users may not enter."""
    folder = folder.resolve()
    for step in [*reversed(folder.parents), folder]:
        if step.exists() and not step.stat().st_mode & stat.S_IXOTH:
            return step
    return None


def _environment() -> dict[str, str]:
    """Our environment without the PG* variables, which would redirect the programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
