import socket

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from prospect_to_cash.database.connections import ConnectionParts, connect, database_url
from prospect_to_cash.database.failures import safe_message
from prospect_to_cash.errors import Misconfigured, Unavailable


def opened(url, role=None):
    with connect(url, role, "a task"):
        pass


def test_a_session_has_its_role_its_name_and_utc(migrated):
    with connect(migrated, "p2c_loader", "accounts extract") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select current_user, current_setting('timezone'), current_setting('transaction_isolation'),"
            " current_setting('application_name')"
        )
        assert cursor.fetchone() == ("p2c_loader", "UTC", "read committed", "accounts extract")


def test_the_session_is_closed_at_the_end(migrated):
    with connect(migrated, None, "a task") as connection:
        assert not connection.closed
    assert connection.closed


def test_a_server_that_is_not_there_is_unavailable():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable, match=rf"Postgres at 127.0.0.1:{port} is not reachable: start it"):
        opened(f"postgresql://u:geheim@127.0.0.1:{port}/db")


def test_a_missing_database_is_named(postgres):
    with pytest.raises(Misconfigured, match="has no database 'nowhere': create it"):
        opened(postgres.url("nowhere"))


def test_a_wrong_password_is_reported_without_the_password(postgres):
    address = postgres.url("postgres").partition("@")[2]
    with pytest.raises(Misconfigured, match="refuses user 'p2c'") as refused:
        opened(f"postgresql://p2c:geheim@{address}")
    assert "geheim" not in str(refused.value)


def test_what_is_not_a_database_url_is_reported():
    with pytest.raises(Misconfigured, match="URL of the staging database is not valid"):
        opened("not = an = address")


def test_a_missing_role_asks_for_the_migration(migrated):
    with pytest.raises(
        Misconfigured, match=r"no role p2c_nobody: run `python -m prospect_to_cash.database.migrate`"
    ):
        opened(migrated, "p2c_nobody")


def test_a_session_that_breaks_in_the_middle_is_unavailable(migrated):
    with (
        pytest.raises(Unavailable, match=r"Postgres: "),
        connect(migrated, None, "victim") as victim,
        victim,
        victim.cursor() as cursor,
    ):
        cursor.execute("select pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    "statement",
    [
        "select 'Contoso Ltd'::integer",
        "create temp table t (x text check (x <> 'Contoso Ltd')); insert into t values ('Contoso Ltd')",
        "create temp table t (x text unique); insert into t values ('Contoso Ltd'), ('Contoso Ltd')",
        "select '{\"name\": Contoso Ltd}'::json",
    ],
)
def test_an_error_does_not_repeat_a_records_values(migrated, statement):
    with (
        connect(migrated, None, "a task") as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.Error) as failed,
    ):
        cursor.execute(statement)
    assert "Contoso" in str(failed.value)
    assert "Contoso" not in safe_message(failed.value)
    assert len(safe_message(failed.value)) > 15


@pytest.mark.parametrize(
    "connection",
    [
        "postgres://u:p%40ss@h:5433/db?sslmode=require",
        '{"conn_type": "postgres", "host": "h", "port": 5433, "login": "u", "password": "p@ss",'
        ' "schema": "db", "extra": {"sslmode": "require"}}',
        '{"host": "h", "port": "5433", "login": "u", "password": "p@ss", "schema": "db",'
        ' "extra": "{\\"sslmode\\": \\"require\\", \\"cursor\\": \\"dictcursor\\"}"}',
    ],
    ids=["uri", "json", "json within json"],
)
def test_the_database_is_taken_from_airflows_connection(connection):
    assert database_url(None, {"AIRFLOW_CONN_STAGING_DB": connection}) == (
        "postgresql://u:p%40ss@h:5433/db?sslmode=require"
    )


def test_the_command_line_wins_over_the_environment():
    environment = {"P2C_DATABASE_URL": "postgresql://second", "AIRFLOW_CONN_STAGING_DB": "postgresql://third"}
    assert database_url("postgresql://first", environment) == "postgresql://first"
    assert database_url(None, environment) == "postgresql://second"


@pytest.mark.parametrize(
    "text", ["{", '{"host": "h"}', '{"host": "h", "schema": "db", "port": "x"}', '{"extra": 7}']
)
def test_a_connection_that_lacks_parts_is_refused(text):
    with pytest.raises(Misconfigured, match="AIRFLOW_CONN_STAGING_DB is not a connection"):
        database_url(None, {"AIRFLOW_CONN_STAGING_DB": text})


@pytest.mark.parametrize("host", ["::1", "db.example", "/run/postgresql"])
def test_parts_become_a_url_that_postgres_reads(host):
    url = ConnectionParts("u@x", "p/:@", host, 5433, "a b", {"sslmode": "prefer"}).url()
    assert parse_dsn(url) == {
        "host": host, "port": "5433", "user": "u@x", "password": "p/:@", "dbname": "a b", "sslmode": "prefer",
    }  # fmt: skip
