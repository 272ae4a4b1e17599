"""Migrate the staging database to this version; safe to repeat, and to run twice at once.

python -m prospect_to_cash.database.migrate [--database-url URL] [--cards FOLDER] [--dbt-project FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection

from prospect_to_cash.database import raw_tables
from prospect_to_cash.database.connections import ROLES, connect, database_url
from prospect_to_cash.database.instance import adopt_instance
from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import Misconfigured, P2CError
from prospect_to_cash.flow_card import CardError, load_cards
from prospect_to_cash.installation.project import dbt_projects

MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATE_LOCK = 7_020_170_701
OLDEST_SERVER = 18  # the first with casefold(), which migration 0002 needs
_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")
_PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Migration:
    """One numbered file; ``checksum`` is the hash of its text."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The migrations of a folder by number. Raises Misconfigured when two have the same number."""
    found: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.match(path.name)
        if not match:
            raise Misconfigured(f"{path.name} is not a migration: name it like 0042_what_it_does.sql.")
        version = int(match[1])
        if version in found:
            raise Misconfigured(
                f"Two migrations have number {version:04} ({found[version].name}, {match[2]}): renumber one."
            )
        found[version] = Migration(version, match[2], path.read_text(encoding="utf-8"))
    return [found[version] for version in sorted(found)]


def migrate(connection: Connection, folder: Path = MIGRATIONS) -> list[str]:
    """Create the roles and apply missing migrations, each in its own transaction; returns their names.

    The session must have no role set. Raises Misconfigured when an applied file has changed, the database is newer than
    the files, or the user lacks a right.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", (MIGRATE_LOCK,))
    try:
        _check_server(connection)
        _make_roles(connection)
        _make_version_table(connection)
        pending = _pending(connection, migrations(folder))
        for migration in pending:
            _apply(connection, migration)
        adopt_instance(connection)
        return [f"{migration.version:04}_{migration.name}" for migration in pending]
    finally:
        if not connection.closed:
            with connection, connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(%s)", (MIGRATE_LOCK,))


def _check_server(connection: Connection) -> None:
    if connection.server_version < OLDEST_SERVER * 10000:
        raise Misconfigured(
            f"The server of the staging database is Postgres {connection.server_version // 10000}; this version needs "
            f"Postgres {OLDEST_SERVER} or newer, which can tell whether two keys are one for Finance and Operations. "
            "Upgrade the server (pg_upgrade, or dump and restore), then migrate again."
        )
    if connection.info.parameter_status("server_encoding") != "UTF8":
        raise Misconfigured("The staging database is not encoded in UTF8: create it with `encoding 'UTF8'`.")
    with connection, connection.cursor() as cursor:
        cursor.execute("select current_database()")
        database = one(cursor)[0]
        statement = sql.SQL("alter database {} set timezone to 'UTC'").format(sql.Identifier(database))
        cursor.execute(
            "select 1 from pg_db_role_setting where setdatabase = (select oid from pg_database"
            " where datname = current_database()) and setrole = 0 and 'TimeZone=UTC' = any(setconfig)"
        )
        if cursor.fetchone() is None:
            _or_ask(connection, statement)


def _make_roles(connection: Connection) -> None:
    user = sql.Identifier(connection.info.user)
    for role in ROLES:
        name = sql.Identifier(role)
        # Roles belong to the cluster: a migration of another database may create them at the same time.
        with (
            suppress(errors.DuplicateObject, errors.UniqueViolation),
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
            if cursor.fetchone() is None:
                _or_ask(connection, sql.SQL("create role {} nologin").format(name))
        with connection, connection.cursor() as cursor:
            cursor.execute("select pg_has_role(current_user, %s, 'SET')", (role,))
            if not one(cursor)[0]:
                _or_ask(connection, sql.SQL("grant {} to {}").format(name, user))


def _or_ask(connection: Connection, statement: sql.Composed) -> None:
    """Run a statement that needs special rights; without them, raise Misconfigured with the statement for an administrator."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(statement)
        except errors.InsufficientPrivilege:
            raise Misconfigured(
                f"The database user '{connection.info.user}' may not set up the staging database; "
                f"let an administrator run: {statement.as_string(cursor)}; -- then migrate again"
            ) from None


def _make_version_table(connection: Connection) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass('sync.migration') is not null")
        if one(cursor)[0]:
            return
        for statement in (
            "create schema if not exists sync",
            "create table sync.migration (version integer primary key, name text not null,"
            " applied_at timestamptz not null default clock_timestamp(), checksum text not null)",
        ):
            _or_ask(connection, sql.SQL(statement).format())


def _pending(connection: Connection, known: Sequence[Migration]) -> list[Migration]:
    with connection, connection.cursor() as cursor:
        cursor.execute("select version, name, checksum from sync.migration order by version")
        applied = {row[0]: (row[1], row[2]) for row in cursor.fetchall()}
    for version in sorted(set(applied) - {migration.version for migration in known}):
        raise Misconfigured(
            f"The staging database has migration {version:04}_{applied[version][0]}, which this version "
            "does not know: it was migrated by a newer one. Install that version."
        )
    for migration in known:
        if migration.version in applied and applied[migration.version][1] != migration.checksum:
            raise Misconfigured(
                f"Migration {migration.version:04}_{migration.name}.sql has changed since it was applied: "
                "restore the file and put the change into a new migration."
            )
    return [migration for migration in known if migration.version not in applied]


def _apply(connection: Connection, migration: Migration) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(migration.text)
        cursor.execute(
            "insert into sync.migration (version, name, checksum) values (%s, %s, %s)",
            (migration.version, migration.name, migration.checksum),
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; prints one sentence and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m prospect_to_cash.database.migrate", description=__doc__)
    parser.add_argument("--database-url", help="libpq URL of the staging database")
    parser.add_argument("--cards", type=Path, default=_PROJECT / "dags" / "flows")
    parser.add_argument("--dbt-project", type=Path, help="another dbt project than this installation's")
    options = parser.parse_args(arguments)
    try:
        cards = load_cards(options.cards, options.dbt_project or dbt_projects())
        reads = [read for card in cards for read in card.reads]
        with connect(database_url(options.database_url, os.environ), None, "p2c migrate") as connection:
            applied = migrate(connection)
            made = raw_tables.ensure_all(connection, reads)
    except (P2CError, CardError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Staging database: {len(applied)} migrations applied, {len(made)} raw tables created.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
