"""Run Postgres programs, which refuse to run as root, for root as well.

An ordinary user runs them directly. Root runs them as user 1000 of a user namespace, in which root's files belong
to that user, so no user is created and no file changes its owner. Where namespaces are forbidden, root gives the
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
    """How to start a program: a command prefix, and the user id to run as (None: the current user)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None

    def run(self, command: Sequence[str], log: Path) -> tuple[int, str]:
        """Run `command` with its output in the file `log`; return exit code and output.

        Not through a pipe: the server that pg_ctl starts would keep it open.
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
        """Make the user of the programs the owner of a file or folder."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)

    def owner(self) -> int:
        """User id that owns the server's files on disk."""
        return os.geteuid() if self.uid is None else self.uid


def choose_account(data: Path, programs: Path) -> Account:
    """Choose the account for the programs in the folder `programs` and the data in `data`.

    Raises LocalError if root has neither user namespaces nor folders that user 65534 may enter.
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
                f"ordinary user, or let every user enter {closed} (chmod o+x), or use your own server "
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
    """The first of `folder` and its parents, from the root, that other users may not enter."""
    folder = folder.resolve()
    for step in [*reversed(folder.parents), folder]:
        if step.exists() and not step.stat().st_mode & stat.S_IXOTH:
            return step
    return None


def _environment() -> dict[str, str]:
    """This process's environment without PG* variables, which would redirect the programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
