"""What Postgres refuses, and what a task makes of it: every fault happens in a real session."""

import contextlib
import threading

import psycopg2
import pytest

from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.failures import failure, failure_of, sqlstate_named
from prospect_to_cash.errors import Misconfigured, Unavailable


def execute(url, statements):
    """The statements in a task's session; their error as the task sees it."""
    with connect(url, None, "a task") as connection:
        try:
            with connection, connection.cursor() as cursor:
                for text in statements:
                    cursor.execute(text)
        except psycopg2.Error as error:
            raise failure(error) from None


def raised(url, *statements):
    with pytest.raises((Unavailable, Misconfigured)) as refused:
        execute(url, statements)
    return refused.value


def state(code):
    return f"do $$ begin raise exception 'Contoso' using errcode = '{code}'; end $$"


@pytest.mark.parametrize(
    ("statements", "kind", "remedy"),
    [
        (["set statement_timeout to 50", "select pg_sleep(5)"], Unavailable, "raise statement_timeout"),
        (["select pg_terminate_backend(pg_backend_pid())"], Unavailable, "The connection broke"),
        (["select pg_cancel_backend(pg_backend_pid())", "select pg_sleep(1)"], Unavailable, "by a person"),
        (["set default_transaction_read_only to on", "commit", "create table t ()"], Unavailable, "primary"),
        ([state("53100")], Unavailable, "disk of the staging database is full: free space"),
        ([state("53200")], Unavailable, "no memory"),
        ([state("53300")], Unavailable, "raise max_connections"),
        ([state("40001")], Unavailable, "The retry does its work again"),
        ([state("58030")], Unavailable, "log of Postgres"),
        (
            [
                "set temp_file_limit to 0", "set work_mem to '64kB'",
                "select string_agg(n::text, '') from (select n from generate_series(1, 99999) as n order by -n) as t",
            ],
            Misconfigured,
            "temp_file_limit",
        ),
        (["select * from sync.nothing"], Misconfigured, "run `python -m prospect_to_cash.database.migrate`"),
        (["select nothing from sync.run"], Misconfigured, "database.migrate`"),
        (["set role p2c_dbt", "select * from sync.coverage"], Misconfigured, "database.migrate`"),
        (["selec"], Misconfigured, "report it as a fault"),
        (["select 'x'::int"], Misconfigured, "report it as a fault"),
        ([state("P0001")], Unavailable, "SQLSTATE P0001"),
    ],
)  # fmt: skip
def test_a_fault_of_the_database_is_named_with_a_remedy_and_retried_where_that_can_help(
    migrated, statements, kind, remedy
):
    error = raised(migrated, *statements)

    assert type(error) is kind
    assert remedy in str(error)


def test_a_lock_that_another_session_holds_for_too_long_is_retried(migrated):
    with connect(migrated, None, "other") as other, other.cursor() as cursor:
        cursor.execute("lock table sync.run in access exclusive mode")
        error = raised(migrated, "set lock_timeout to 50", "select * from sync.run")

    assert type(error) is Unavailable
    assert "end that session or raise lock_timeout" in str(error)


def test_of_two_sessions_that_wait_for_each_other_one_gives_way_and_is_retried(migrated):
    ready, errors = threading.Barrier(2), []

    def task(first, second):
        with contextlib.suppress(Unavailable), connect(migrated, None, "a task") as connection:
            try:
                with connection, connection.cursor() as cursor:
                    cursor.execute(f"select pg_advisory_xact_lock({first})")
                    ready.wait(20)
                    cursor.execute(f"select pg_advisory_xact_lock({second})")
            except psycopg2.Error as error:
                errors.append(failure(error))

    threads = [threading.Thread(target=task, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    (error,) = errors
    assert type(error) is Unavailable
    assert "deadlock" in str(error)


def test_two_transactions_that_cannot_be_put_in_order_are_retried(migrated):
    with connect(migrated, None, "one") as one, connect(migrated, None, "two") as two:
        for connection in (one, two):
            connection.set_session(isolation_level="REPEATABLE READ")
        with one, one.cursor() as cursor:
            cursor.execute("create table counted (n int); insert into counted values (1)")
        with two.cursor() as late, one.cursor() as cursor:
            late.execute("select n from counted")
            cursor.execute("update counted set n = 2")
            one.commit()
            with pytest.raises(psycopg2.errors.SerializationFailure) as refused:
                late.execute("update counted set n = 3")

    assert type(failure(refused.value)) is Unavailable
    assert "changed the same rows" in str(failure(refused.value))


def test_what_a_sentence_says_of_a_row_is_left_out(migrated):
    error = raised(migrated, "select 'Contoso'::int")

    assert "Contoso" not in str(error)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("DiskFull", Unavailable), ("ConfigurationLimitExceeded", Misconfigured), ("QueryCanceled", Unavailable),
        ("DeadlockDetected", Unavailable), ("LockNotAvailable", Unavailable), ("SerializationFailure", Unavailable),
        ("AdminShutdown", Unavailable), ("OperationalError", Unavailable), ("InterfaceError", Unavailable),
    ],
)  # fmt: skip
def test_an_exception_of_psycopg2_is_known_by_the_name_of_its_class(name, kind):
    assert type(failure_of(sqlstate_named(name) or "", "x.")) is kind


@pytest.mark.parametrize(
    "name", ["UniqueViolation", "UndefinedTable", "SyntaxError", "InvalidTextRepresentation"]
)
def test_an_exception_that_speaks_of_the_statement_is_not_one_of_the_server(name):
    assert sqlstate_named(name) is None
