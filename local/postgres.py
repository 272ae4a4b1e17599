"""The embedded Postgres server: programs from a wheel, data under P2C_HOME, TCP on 127.0.0.1 only."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from local import ports
from local.errors import LocalError
from local.postmaster import Postmaster
from local.programs import error_line, find_programs, major_version
from local.unprivileged import Account, choose_account

STAGING_DATABASE = "prospect_to_cash"
AIRFLOW_DATABASE = "airflow"
USER = "p2c"

SETTINGS = """\
# Written at every start; change local/postgres.py instead.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
max_connections = 100
shared_buffers = 256MB
max_wal_size = 4GB
wal_level = minimal
max_wal_senders = 0
checkpoint_timeout = 15min
work_mem = 32MB
maintenance_work_mem = 256MB
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
password_encryption = 'scram-sha-256'
dynamic_shared_memory_type = {shared_memory}
"""


class EmbeddedPostgres:
    """A server whose whole state (data, password, port, log) is in the folder `home`/postgres.

    `notify` is called with sentences for the user, for example that the port has changed.
    """

    def __init__(self, home: Path, notify: Callable[[str], None] | None = None) -> None:
        self.folder = Path(home).resolve() / "postgres"
        self.data = self.folder / "data"
        self._notify = notify or (lambda sentence: print(sentence, file=sys.stderr))
        self._postmaster = Postmaster(self.data)

    def start(self) -> str:
        """Start the server if it is not running, create both databases, return the URL of the staging database.

        Raises LocalError if the folder, the programs or the operating system do not allow it.
        """
        self._make_folder()
        with self._lock():
            if not (self._postmaster.alive() and self._accepts_connections()):
                programs = find_programs()
                account = choose_account(self.data, programs)
                account.own(self.folder)
                self._check_data(programs, account)
                if not self.data.exists():
                    self._initialise(programs, account)
                self._launch(programs, account)
            self._create_databases()
        return self.url()

    def stop(self) -> bool:
        """Shut the server down; return whether it was running."""
        if not self.folder.is_dir():
            return False
        with self._lock():
            return self._postmaster.stop()

    def running(self) -> bool:
        """Whether the server of this folder is running."""
        return self._postmaster.alive()

    def url(self, database: str = STAGING_DATABASE) -> str:
        """libpq URL of a database of this server, with the password."""
        password = (self.folder / "password").read_text(encoding="utf-8").strip()
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port()}/{database}"

    def port(self) -> int:
        """Port of the running server, or its last port; LocalError if it was never started."""
        remembered = self._remembered_port()
        if remembered is None:
            raise LocalError(
                f"There is no Postgres in {self.folder} yet: run `make demo` or `make up` first."
            )
        return remembered

    def recreate(self, database: str) -> None:
        """Drop a database, closing its connections, and create it again, empty."""
        with self._connected() as cursor:
            name = sql.Identifier(database)
            cursor.execute(sql.SQL("drop database if exists {} with (force)").format(name))
            cursor.execute(sql.SQL("create database {}").format(name))

    def has_table(self, database: str, table: str) -> bool:
        """Whether a database has a table of this name on its search path."""
        with self._connected(database) as cursor:
            cursor.execute("select to_regclass(%s) is not null", (table,))
            row = cursor.fetchone()
            return bool(row and row[0])

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise LocalError(
                f"Cannot create the folder {self.folder} ({problem.strerror}): choose another one with P2C_HOME."
            ) from None
        if not os.access(self.folder, os.W_OK):
            raise LocalError(
                f"The folder {self.folder} belongs to another user: choose another one with P2C_HOME."
            )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _check_data(self, programs: Path, account: Account) -> None:
        if not self.data.exists():
            return
        version = self.data / "PG_VERSION"
        password = self.folder / "password"
        if not version.is_file() or not password.is_file():
            raise LocalError(
                f"{self.data} is not a data folder of this project: move it away or choose another P2C_HOME."
            )
        if self.data.stat().st_uid != account.owner():
            raise LocalError(
                f"{self.data} belongs to another user: run as that user or choose another P2C_HOME."
            )
        theirs, ours = version.read_text(encoding="ascii").strip(), str(major_version(programs))
        if theirs != ours:
            raise LocalError(
                f"{self.data} was created by Postgres {theirs}, but the programs in {programs} are Postgres {ours}: "
                f"set P2C_POSTGRES_BIN to the programs of Postgres {theirs}, or remove the folder."
            )

    def _initialise(self, programs: Path, account: Account) -> None:
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        account.own(unfinished)
        password = self.folder / "password"
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as secret:
            secret.write(secrets.token_urlsafe(24) + "\n")
        account.own(password)
        command = [
            str(programs / "initdb"), "--pgdata", str(unfinished), "--username", USER,
            "--pwfile", str(password), "--auth", "scram-sha-256", "--encoding", "UTF8",
            *_locale(major_version(programs)),
        ]  # fmt: skip
        log = self.folder / "initdb.log"
        code, output = account.run(command, log)
        if code != 0:
            raise LocalError(
                f"Postgres could not create its data folder: {error_line(output)} (full output: {log})."
            )
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write("include = 'prospect_to_cash.conf'\n")
        unfinished.rename(self.data)

    def _launch(self, programs: Path, account: Account) -> None:
        self._postmaster.clear_stale()
        log = self.folder / "server.log"
        for _ in range(5):
            port = self._choose_port()
            settings = self.data / "prospect_to_cash.conf"
            settings.write_text(SETTINGS.format(port=port, shared_memory=_shared_memory()), encoding="utf-8")
            account.own(settings)
            log.write_text("", encoding="utf-8")
            account.own(log)
            command = [
                str(programs / "pg_ctl"), "start", "--wait", "--timeout", "300", "--silent",
                "--pgdata", str(self.data), "--log", str(log),
            ]  # fmt: skip
            code, output = account.run(command, self.folder / "pg_ctl.log")
            if code == 0:
                return
            reason = log.read_text(encoding="utf-8", errors="replace") or output
            # Another program may have taken the port, or child processes of a killed server may still be ending.
            if "Address already in use" not in reason and "still in use" not in reason:
                break
            time.sleep(1)
        raise LocalError(f"Postgres did not start: {error_line(reason)} (full log: {log}).")

    def _choose_port(self) -> int:
        remembered = self._remembered_port()
        if remembered is not None and ports.is_free(remembered):
            return remembered
        port = ports.any_free()
        if remembered is not None:
            self._notify(f"Port {remembered} is in use by another program: Postgres now listens on {port}.")
        return port

    def _remembered_port(self) -> int | None:
        settings = self.data / "prospect_to_cash.conf"
        if not settings.is_file():
            return None
        found = re.search(r"^port = (\d+)$", settings.read_text(encoding="utf-8"), re.MULTILINE)
        return int(found[1]) if found else None

    def _accepts_connections(self) -> bool:
        """Whether a connection succeeds: a server that was killed a moment ago still looks alive."""
        try:
            with self._connected():
                return True
        except psycopg2.OperationalError:
            return False

    def _create_databases(self) -> None:
        with self._connected() as cursor:
            cursor.execute("select datname from pg_database")
            existing = {row[0] for row in cursor.fetchall()}
            for database in sorted({STAGING_DATABASE, AIRFLOW_DATABASE} - existing):
                cursor.execute(sql.SQL("create database {}").format(sql.Identifier(database)))

    @contextmanager
    def _connected(self, database: str = "postgres") -> Iterator[Cursor]:
        connection = psycopg2.connect(self.url(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()


def _locale(major: int) -> list[str]:
    # The built-in provider needs no locale of the operating system and sorts the same on every machine.
    builtin = ["--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    return builtin if major >= 17 else ["--locale", "C.UTF-8"]


def _shared_memory() -> str:
    """`mmap` where /dev/shm is small: containers often have 64 MB, too little for parallel queries."""
    shm = Path("/dev/shm")
    return "posix" if shm.is_dir() and shutil.disk_usage(shm).free > 1 << 30 else "mmap"
