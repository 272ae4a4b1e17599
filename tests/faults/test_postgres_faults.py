"""Faults of the staging database in every task: a clean stop, a plain sentence, nothing by halves, and the next run goes on."""

from __future__ import annotations

import os
import threading
from contextlib import ExitStack, contextmanager

import psycopg2
import pytest

from tests.world import running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# What each task does in Postgres, as the event that a trigger can disturb; dbt makes its tables anew.
PLACES = {
    "extract": "before insert on raw.sales_accounts",
    "plan": "before insert on sync.plan",
    "load": "before insert or update on sync.ledger",
    "report": "before update of report on sync.run",
}
REMEDIES = {
    "disk full": "disk of the staging database is full: free space there",
    "limit": "temp_file_limit",
    "serialization": "The retry does its work again",
    "terminated": "The connection broke",
    "statement timeout": "raise statement_timeout",
    "lock timeout": "raise lock_timeout",
    "deadlock": "deadlock",
}
BODIES = {
    "disk full": "raise exception 'could not extend file: No space left on device' using errcode = '53100'",
    "limit": "raise exception 'temporary file size exceeds temp_file_limit' using errcode = '53400'",
    "serialization": "raise exception 'could not serialize access' using errcode = '40001'",
    "terminated": "perform pg_terminate_backend(pg_backend_pid())",
    "statement timeout": "perform pg_sleep(60)",
    "lock timeout": "perform pg_advisory_xact_lock(77)",
    "deadlock": "perform pg_advisory_xact_lock(78); perform pg_advisory_xact_lock(77)",
}
SETTINGS = {"statement timeout": "statement_timeout = '8s'", "lock timeout": "lock_timeout = '300ms'"}


@pytest.fixture(scope="module")
def world(database, airflow, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    with running_world(folder, database, "--accounts", "20", "--products", "0") as world:
        world.run("accounts")
        yield world


@contextmanager
def setting(cursor, text):
    name = text.partition(" ")[0]
    cursor.execute(f"alter role current_user set {text}")
    try:
        yield
    finally:
        cursor.execute(f"alter role current_user reset {name}")


@contextmanager
def planted(cursor, task, fault):
    """Let the statements of a task meet the fault; dbt's tables are made by ``create table as`` alone."""
    returned = "" if task == "transform" else "return new;"
    guard = (
        "if current_setting('application_name') = 'p2c dbt' then" if task == "transform" else "if true then"
    )
    kind = "event_trigger" if task == "transform" else "trigger"
    cursor.execute(
        f"create function public.fault() returns {kind} language plpgsql security definer as"
        f" $$ begin {guard} {BODIES[fault]}; end if; {returned} end $$"
    )
    if task == "transform":
        cursor.execute(
            "create event trigger fault on ddl_command_start when tag in ('CREATE TABLE AS') execute function public.fault()"
        )
        remove = "drop event trigger fault"
    else:
        cursor.execute(f"create trigger fault {PLACES[task]} for each row execute function public.fault()")
        remove = f"drop trigger fault on {PLACES[task].rpartition(' ')[2]}"
    try:
        yield
    finally:
        cursor.execute(f"{remove}; drop function public.fault()")


@contextmanager
def opponent(url, fault):
    """A session that holds the lock; for a deadlock it asks for the other one once the task waits."""
    if fault not in ("lock timeout", "deadlock"):
        yield
        return
    ended = threading.Event()
    with ExitStack() as stack:
        session = psycopg2.connect(url)
        stack.callback(session.close)
        with session.cursor() as cursor:
            # The task gives way: this session waits too long to look for a deadlock itself.
            cursor.execute("set deadlock_timeout to '60s'; select pg_advisory_xact_lock(77)")
        if fault == "deadlock":

            def ask():
                while not ended.wait(0.1):
                    with session.cursor() as cursor:
                        cursor.execute(
                            "select exists (select 1 from pg_locks where locktype = 'advisory' and objid = 77 and not granted)"
                        )
                        if cursor.fetchone()[0]:
                            cursor.execute("select pg_advisory_xact_lock(78)")
                            return

            thread = threading.Thread(target=ask, daemon=True)
            thread.start()
            stack.callback(thread.join, 30)
        stack.callback(ended.set)
        yield


# Each task and each fault; the other pairs too with P2C_ALL_FAULTS=1.
PAIRS = [
    ("extract", "deadlock"), ("extract", "terminated"), ("transform", "limit"), ("transform", "statement timeout"),
    ("plan", "lock timeout"), ("plan", "serialization"), ("load", "disk full"), ("load", "deadlock"),
    ("report", "disk full"), ("report", "terminated"),
]  # fmt: skip
OTHER_PAIRS = [
    ("extract", "disk full"), ("extract", "lock timeout"), ("transform", "disk full"), ("transform", "terminated"),
    ("transform", "lock timeout"), ("plan", "disk full"), ("load", "terminated"), ("load", "statement timeout"),
    ("report", "lock timeout"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "fault"), PAIRS + OTHER_PAIRS * ("P2C_ALL_FAULTS" in os.environ))
def test_a_task_stops_cleanly_and_the_next_run_goes_on(world, capfd, task, fault):
    (account, *_) = world.sales.rows("accounts", select="accountid,name", orderby="accountid")
    name = f"After {task} {fault}"
    world.sales.send("PATCH", f"accounts({account['accountid']})", {"name": name})
    admin = psycopg2.connect(world.database_url)
    admin.autocommit = True
    capfd.readouterr()
    with admin.cursor() as cursor, ExitStack() as stack:
        stack.enter_context(planted(cursor, task, fault))
        stack.enter_context(opponent(world.database_url, fault))
        if fault in SETTINGS:
            stack.enter_context(setting(cursor, SETTINGS[fault]))
        world.run("accounts", expect="failed")
    admin.close()
    log = "".join(capfd.readouterr())

    assert REMEDIES[fault] in log
    assert ("AirflowFailException" in log.replace("The run is not complete", "")) or fault != "limit"
    assert "psycopg2.errors" not in log
    world.run("accounts")
    names = [row["OrganizationName"] for row in world.finops.rows("CustomersV3", select="OrganizationName")]
    assert names.count(name) == 1
    world.run_writes_nothing("accounts")
