"""Sessions on the staging database: one role each, isolation READ COMMITTED, times in UTC."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import parse_dsn

from prospect_to_cash.database.failures import failure
from prospect_to_cash.errors import Misconfigured, Unavailable

ROLES = ("p2c_loader", "p2c_dbt", "p2c_dev", "p2c_console")
TLS_OPTIONS = ("sslmode", "sslrootcert", "sslcert", "sslkey")
_TLS_FAILURES = ("certificate", "SSL error", "private key", "sslmode")
_OF_AIRFLOW = (
    "cursor",
    "iam",
    "redshift",
    "aws_conn_id",
    "azure_conn_id",
    "cluster-identifier",
    "workgroup-name",
)
"""Keys of a Postgres connection's extra that Airflow's own hook reads; libpq does not know them."""


@dataclass(frozen=True)
class ConnectionParts:
    """The parts of an Airflow connection to Postgres. `extra` holds options of libpq, such as sslmode."""

    login: str
    password: str = field(repr=False)
    host: str
    port: int
    schema: str
    extra: Mapping[str, object] = field(default_factory=dict, repr=False)

    def url(self) -> str:
        """The libpq URL, password included."""
        login = quote(self.login, safe="")
        if self.password:
            login += ":" + quote(self.password, safe="")
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        options = urlencode(self._options())
        url = f"postgresql://{login}@{host}:{self.port}/{quote(self.schema, safe='')}"
        return f"{url}?{options}" if options else url

    def dbt_environment(self) -> dict[str, str]:
        """The environment variables that dbt's profiles.yml reads; an option that is not set is empty."""
        options = self._options()
        return {
            "P2C_DB_HOST": self.host,
            "P2C_DB_PORT": str(self.port),
            "P2C_DB_NAME": self.schema,
            "P2C_DB_USER": self.login,
            "P2C_DB_PASSWORD": self.password,
            **{f"P2C_DB_{name.upper()}": str(options.get(name, "")) for name in TLS_OPTIONS},
        }

    def _options(self) -> dict[str, str | int]:
        return {
            name: value
            for name, value in self.extra.items()
            if isinstance(value, str | int) and not isinstance(value, bool) and name not in _OF_AIRFLOW
        }


def database_url(argument: str | None, environment: Mapping[str, str]) -> str:
    """The URL on a command line, else P2C_DATABASE_URL, else AIRFLOW_CONN_STAGING_DB (JSON or URI).

    Raises Misconfigured when none of them is usable.
    """
    url = argument or environment.get("P2C_DATABASE_URL") or environment.get("AIRFLOW_CONN_STAGING_DB", "")
    if not url:
        raise Misconfigured(
            "No staging database is configured: set AIRFLOW_CONN_STAGING_DB or pass --database-url."
        )
    if url.lstrip().startswith("{"):
        return _parts_of_json(url).url()
    return re.sub(r"^postgres://", "postgresql://", url)


def _parts_of_json(text: str) -> ConnectionParts:
    """A connection in Airflow's JSON form. Raises Misconfigured."""
    try:
        found = json.loads(text)
        extra = found.get("extra") or {}
        return ConnectionParts(
            login=found.get("login") or "",
            password=found.get("password") or "",
            host=found["host"],
            port=int(found.get("port") or 5432),
            schema=found["schema"],
            extra=dict(json.loads(extra) if isinstance(extra, str) else extra),
        )
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Misconfigured(
            "AIRFLOW_CONN_STAGING_DB is not a connection as JSON with host and schema."
        ) from None


@contextmanager
def connect(uri: str, role: str | None, application_name: str) -> Iterator[Connection]:
    """A session with ``role`` (None: the user who logs in), closed at the end.

    Transactions are the caller's: ``with connection, connection.cursor() as cursor``. Raises Misconfigured (wrong
    database, user, password, role or certificate), Unavailable (server not reachable, session broken), and what
    ``failures.failure`` makes of other faults of the server.
    """
    connection = _open(uri, application_name)
    try:
        _prepare(connection, role)
        yield connection
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise failure(error) from None
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
        raise Misconfigured(
            "The URL of the staging database is not valid: correct connection staging_db."
        ) from None
    except (psycopg2.OperationalError, UnicodeDecodeError) as error:
        raise _not_connected(uri, str(error)) from None


def _not_connected(uri: str, text: str) -> Misconfigured | Unavailable:
    parts = parse_dsn(uri)
    place = f"{parts.get('host', 'the local socket')}:{parts.get('port', '5432')}"
    database, user = parts.get("dbname", ""), parts.get("user", "")
    if "does not exist" in text and "database" in text:
        return Misconfigured(f"Postgres at {place} has no database '{database}': create it, then migrate.")
    if "authentication failed" in text or "no password supplied" in text or "does not exist" in text:
        return Misconfigured(
            f"Postgres at {place} refuses user '{user}': correct login and password of connection staging_db."
        )
    if any(sign in text for sign in _TLS_FAILURES):
        return Misconfigured(
            f"TLS with Postgres at {place} fails: check sslmode and the certificates of connection staging_db."
        )
    if "no pg_hba.conf entry" in text or "does not support SSL" in text:
        return Misconfigured(
            f"Postgres at {place} refuses the address or the encryption of this client: check its pg_hba.conf."
        )
    return Unavailable(
        f"Postgres at {place} is not reachable: start it, or correct host and port of connection staging_db."
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
                f"The staging database has no role {role}: run `python -m prospect_to_cash.database.migrate`."
            ) from None
        except errors.InsufficientPrivilege:
            user, roles = connection.info.user, ", ".join(ROLES)
            raise Misconfigured(
                f"The database user '{user}' may not act as {role}: run `grant {roles} to \"{user}\"`."
            ) from None
