import threading
import uuid

import psycopg2
import pytest

from prospect_to_cash.database import migrate, raw_tables
from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.instance import adopt_instance
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import CompareRead
from tests.database.older_server import OlderServer
from tests.databases import new_database


@pytest.fixture
def empty(postgres):
    """URL of a new, empty database for one test."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def folder(tmp_path):
    """A copy of the migrations that a test may change."""
    for path in migrate.MIGRATIONS.glob("*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def run(url, *arguments):
    with connect(url, None, "test") as connection:
        return migrate.migrate(connection, *arguments)


def ask(url, statement, role=None):
    with connect(url, role, "test") as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_migrating_twice_applies_every_file_once(empty):
    first, second = run(empty), run(empty)

    assert len(first) == len(list(migrate.MIGRATIONS.glob("*.sql"))) > 0
    assert second == []


def test_two_migrations_at_once_take_turns(empty):
    applied = []
    threads = [threading.Thread(target=lambda: applied.append(run(empty))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(bool, applied)) == [False, False, True]


def test_a_file_that_changed_after_it_was_applied_is_refused(empty, folder):
    run(empty, folder)
    path = next(iter(sorted(folder.glob("*.sql"))))
    path.write_text(path.read_text() + "\n-- changed\n")

    with pytest.raises(Misconfigured, match=rf"{path.name} has changed since it was applied: restore"):
        run(empty, folder)


def test_a_database_of_a_newer_version_is_refused(empty, folder):
    (folder / "9999_from_the_future.sql").write_text("select 1;")
    run(empty, folder)
    (folder / "9999_from_the_future.sql").unlink()

    with pytest.raises(Misconfigured, match=r"9999_from_the_future, which this version does not know"):
        run(empty, folder)


def test_a_file_that_fails_leaves_nothing_behind_and_the_next_try_goes_on(empty, folder):
    broken = folder / "9000_broken.sql"
    broken.write_text("create table sync.half (x int); select 1 / 0;")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        run(empty, folder)
    broken.write_text("create table sync.half (x int);")

    assert run(empty, folder) == ["9000_broken"]


@pytest.mark.parametrize("name", ["12_short.sql", "0001_again.sql"])
def test_a_misnamed_or_doubled_migration_is_refused(folder, name):
    (folder / name).write_text("select 1;")

    with pytest.raises(Misconfigured, match=r"name it like 0042|Two migrations have number"):
        migrate.migrations(folder)


def test_every_role_may_do_its_part_and_no_more(empty):
    run(empty)
    with connect(empty, None, "test") as connection:
        raw_tables.ensure(connection, CompareRead(system="sales", entity="accounts", key=("accountid",)))
    insert = "insert into raw.sales_accounts (env_id, key, payload, content_hash, observed_at)"
    ask(empty, f"{insert} values ('e', 'k', '{{}}', md5('')::uuid, now())", "p2c_loader")
    ask(empty, "create table canonical.made_by_dbt as select key from raw.sales_accounts", "p2c_dbt")

    for role in ("p2c_loader", "p2c_console"):
        assert ask(empty, "select key from canonical.made_by_dbt", role) == [("k",)]
    for role in ("p2c_dbt", "p2c_dev", "p2c_console"):
        assert ask(empty, "select count(*) from raw.sales_accounts, raw.quarantine", role) == [(0,)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(empty, "delete from raw.sales_accounts", role)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(empty, "select * from sync.coverage", "p2c_dbt")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(empty, "select key from canonical.made_by_dbt", "p2c_dev")
    ask(empty, "create schema dev_ann_staging; create table dev_ann_staging.own (n int)", "p2c_dev")


@pytest.mark.parametrize("major", [16, 17])
def test_an_older_server_is_refused_with_the_version_that_is_needed(empty, postgres, major):
    front = OlderServer(postgres.port(), major)
    url = empty.replace(f":{postgres.port()}/", f":{front.port}/")

    with pytest.raises(
        Misconfigured, match=rf"is Postgres {major}; this version needs Postgres 18 or newer.*Upgrade"
    ):
        run(url)
    front.close()
    assert ask(empty, "select to_regclass('sync.migration')") == [(None,)]


def test_times_are_in_utc_for_every_new_session(empty):
    run(empty)
    plain = psycopg2.connect(empty)
    with plain.cursor() as cursor:
        cursor.execute("show timezone")
        assert cursor.fetchone() == ("UTC",)
    plain.close()


def test_a_user_without_rights_gets_the_statement_for_an_administrator(empty, postgres):
    with psycopg2.connect(postgres.url("postgres")) as admin, admin.cursor() as cursor:
        user = f"plain_{uuid.uuid4().hex[:8]}"
        cursor.execute(f"create role {user} login password 'x'")
    admin.close()
    url = empty.replace(empty.partition("//")[2].partition("@")[0], f"{user}:x")

    with pytest.raises(Misconfigured, match="let an administrator run: alter database"):
        run(url)


def test_after_a_restore_into_another_cluster_every_row_counts_as_landed_just_now(empty):
    run(empty)
    with connect(empty, None, "test") as connection:
        raw_tables.ensure(connection, CompareRead(system="sales", entity="accounts", key=("accountid",)))
    insert = "insert into raw.sales_accounts (env_id, key, payload, content_hash, observed_at, landed_xid)"
    ask(empty, f"{insert} values ('e', 'k', '{{}}', md5('')::uuid, now(), '99999999999')")
    ask(empty, "update sync.instance set system_identifier = 'the cluster it was dumped from'")

    with connect(empty, "p2c_loader", "test") as connection:
        assert adopt_instance(connection)
        assert not adopt_instance(connection)
    statement = "select landed_xid < pg_current_xact_id() from raw.sales_accounts"
    assert ask(empty, statement) == [(True,)]


def test_two_cards_that_read_an_entity_differently_are_refused(empty):
    run(empty)
    one = CompareRead(system="sales", entity="accounts", key=("accountid",), select=("accountid",))
    other = CompareRead(system="sales", entity="accounts", key=("accountid",), select=("accountid", "name"))

    with (
        connect(empty, None, "test") as connection,
        pytest.raises(Misconfigured, match="Two cards read accounts of sales with different 'select'"),
    ):
        raw_tables.ensure_all(connection, [one, other])


def test_without_a_database_the_error_names_the_remedy(capsys, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_STAGING_DB", raising=False)
    monkeypatch.delenv("P2C_DATABASE_URL", raising=False)

    assert migrate.main([]) == 1
    assert "set AIRFLOW_CONN_STAGING_DB or pass --database-url" in capsys.readouterr().err
