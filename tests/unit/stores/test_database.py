import socket

import psycopg2
import pytest

from prospect_to_cash.errors import Misconfigured, Unavailable
from prospect_to_cash.stores.database import connect, told


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


def test_a_wrong_password_is_told_without_the_password(postgres):
    address = postgres.url("postgres").partition("@")[2]
    with pytest.raises(Misconfigured, match="does not let 'p2c' in") as refused:
        opened(f"postgresql://p2c:geheim@{address}")
    assert "geheim" not in str(refused.value)


def test_something_that_is_no_address_is_told():
    with pytest.raises(Misconfigured, match="no valid Postgres address"):
        opened("not = an = address")


def test_a_missing_role_asks_for_the_migration(migrated):
    with pytest.raises(
        Misconfigured, match=r"no role p2c_nobody: run `python -m prospect_to_cash.stores.migrate`"
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
def test_an_error_is_told_without_what_a_record_holds(migrated, statement):
    with (
        connect(migrated, None, "a task") as connection,
        connection.cursor() as cursor,
        pytest.raises(psycopg2.Error) as failed,
    ):
        cursor.execute(statement)
    assert "Contoso" in str(failed.value)
    assert "Contoso" not in told(failed.value)
    assert len(told(failed.value)) > 15
