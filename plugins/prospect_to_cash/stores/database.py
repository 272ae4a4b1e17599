"""Sessions on the staging database: one role each, READ COMMITTED, times in UTC."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

from prospect_to_cash.errors import Misconfigured, Unavailable

ROLES = ("p2c_loader", "p2c_dbt", "p2c_console")
_QUOTED = re.compile(r'"[^"]*"')


@contextmanager
def connect(uri: str, role: str | None, application_name: str) -> Iterator[Connection]:
    """A session that acts as ``role`` (None: as the user who logs in), closed at the end.

    Transactions are the caller's: ``with connection, connection.cursor() as cursor``. A session that
    breaks in the middle raises ``Unavailable``.
    Raises Misconfigured (no such database, user, password, role), Unavailable (server not reachable).
    """
    connection = _open(uri, application_name)
    try:
        _prepare(connection, role)
        yield connection
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise Unavailable(f"Postgres: {told(error)}") from None
    finally:
        connection.close()


def _open(uri: str, application_name: str) -> Connection:
    try:
        return psycopg2.connect(
            uri,
            application_name=application_name[:63],
            client_encoding="UTF8",
            connect_timeout=10,
            keepalives=1,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )
    except psycopg2.ProgrammingError:
        raise Misconfigured("The staging database's connection is no valid Postgres address.") from None
    except (psycopg2.OperationalError, UnicodeDecodeError) as error:
        raise _not_connected(uri, str(error)) from None


def _not_connected(uri: str, text: str) -> Misconfigured | Unavailable:
    said = parse_dsn(uri)
    place = f"{said.get('host', 'the local socket')}:{said.get('port', '5432')}"
    database, user = said.get("dbname", ""), said.get("user", "")
    if "does not exist" in text and "database" in text:
        return Misconfigured(f"Postgres at {place} has no database '{database}': create it, then migrate.")
    if "authentication failed" in text or "no password supplied" in text or "does not exist" in text:
        return Misconfigured(
            f"Postgres at {place} does not let '{user}' in: mend login and password of connection staging_db."
        )
    if "no pg_hba.conf entry" in text or "does not support SSL" in text:
        return Misconfigured(
            f"Postgres at {place} refuses this client's address or encryption: see its pg_hba.conf."
        )
    return Unavailable(
        f"Postgres at {place} is not reachable: start it, or mend host and port of connection staging_db."
    )


def _prepare(connection: Connection, role: str | None) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute("set timezone to 'UTC'; set default_transaction_isolation to 'read committed'")
        if role is None:
            return
        try:
            cursor.execute(sql.SQL("set role {}").format(sql.Identifier(role)))
        except (errors.InvalidParameterValue, errors.UndefinedObject):
            raise Misconfigured(
                f"The staging database has no role {role}: run `python -m prospect_to_cash.stores.migrate`."
            ) from None
        except errors.InsufficientPrivilege:
            user, roles = connection.info.user, ", ".join(ROLES)
            raise Misconfigured(
                f"The database user '{user}' may not act as {role}: run `grant {roles} to \"{user}\"`."
            ) from None


def told(error: psycopg2.Error) -> str:
    """What went wrong, without the lines and the quotations that may repeat a record's content."""
    lines = str(error).strip().splitlines() or ["no answer"]
    text = error.diag.message_primary or lines[0]
    if (error.pgcode or "")[:2] in ("21", "22", "23"):
        text = _QUOTED.sub('"..."', text)
    return text.strip().rstrip(".") + "."
