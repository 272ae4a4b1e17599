import threading
import uuid

import psycopg2
import pytest
from psycopg2 import sql

from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores import migrate, raw_schema
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.instance import adopt_instance, instance_changed


@pytest.fixture
def new_database(postgres):
    name = f"m_{uuid.uuid4().hex[:12]}"
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield postgres.url(name)
        cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    admin.close()


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


def test_migrating_twice_applies_every_file_once(new_database):
    first, second = run(new_database), run(new_database)

    assert len(first) == len(list(migrate.MIGRATIONS.glob("*.sql"))) > 0
    assert second == []


def test_two_migrations_at_once_take_turns(new_database):
    applied = []
    threads = [threading.Thread(target=lambda: applied.append(run(new_database))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(map(bool, applied)) == [False, False, True]


def test_a_file_that_changed_after_it_was_applied_is_refused(new_database, folder):
    run(new_database, folder)
    path = next(iter(sorted(folder.glob("*.sql"))))
    path.write_text(path.read_text() + "\n-- changed\n")

    with pytest.raises(Misconfigured, match=rf"{path.name} has changed since it was applied: restore"):
        run(new_database, folder)


def test_a_database_of_a_newer_version_is_refused(new_database, folder):
    (folder / "9999_from_the_future.sql").write_text("select 1;")
    run(new_database, folder)
    (folder / "9999_from_the_future.sql").unlink()

    with pytest.raises(Misconfigured, match=r"9999_from_the_future, which this version does not know"):
        run(new_database, folder)


def test_a_file_that_fails_leaves_nothing_behind_and_the_next_try_goes_on(new_database, folder):
    broken = folder / "9000_broken.sql"
    broken.write_text("create table sync.half (x int); select 1 / 0;")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        run(new_database, folder)
    broken.write_text("create table sync.half (x int);")

    assert run(new_database, folder) == ["9000_broken"]


@pytest.mark.parametrize("name", ["12_short.sql", "0001_again.sql"])
def test_a_misnamed_or_doubled_migration_is_refused(folder, name):
    (folder / name).write_text("select 1;")

    with pytest.raises(Misconfigured, match=r"name it like 0042|stands twice"):
        migrate.migrations(folder)


def test_every_role_may_do_its_part_and_no_more(new_database):
    run(new_database)
    with connect(new_database, None, "test") as connection:
        raw_schema.ensure(connection, Read("sales", "accounts", ("accountid",), "compare"))
    insert = "insert into raw.sales_accounts (env_id, key, payload, content_hash, observed_at)"
    ask(new_database, f"{insert} values ('e', 'k', '{{}}', md5('')::uuid, now())", "p2c_loader")
    ask(new_database, "create table canonical.made_by_dbt as select key from raw.sales_accounts", "p2c_dbt")

    for role in ("p2c_loader", "p2c_console"):
        assert ask(new_database, "select key from canonical.made_by_dbt", role) == [("k",)]
    for role in ("p2c_dbt", "p2c_console"):
        assert ask(new_database, "select count(*) from raw.sales_accounts, raw.quarantine", role) == [(0,)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            ask(new_database, "delete from raw.sales_accounts", role)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        ask(new_database, "select * from sync.coverage", "p2c_dbt")


def test_times_are_in_utc_for_every_new_session(new_database):
    run(new_database)
    plain = psycopg2.connect(new_database)
    with plain.cursor() as cursor:
        cursor.execute("show timezone")
        assert cursor.fetchone() == ("UTC",)
    plain.close()


def test_a_user_without_rights_is_told_what_an_administrator_has_to_run(new_database, postgres):
    with psycopg2.connect(postgres.url("postgres")) as admin, admin.cursor() as cursor:
        user = f"plain_{uuid.uuid4().hex[:8]}"
        cursor.execute(f"create role {user} login password 'x'")
    admin.close()
    url = new_database.replace(new_database.partition("//")[2].partition("@")[0], f"{user}:x")

    with pytest.raises(Misconfigured, match="let an administrator run: alter database"):
        run(url)


def test_after_a_restore_into_another_cluster_every_row_counts_as_landed_just_now(new_database):
    run(new_database)
    with connect(new_database, None, "test") as connection:
        raw_schema.ensure(connection, Read("sales", "accounts", ("accountid",), "compare"))
    insert = "insert into raw.sales_accounts (env_id, key, payload, content_hash, observed_at, landed_xid)"
    ask(new_database, f"{insert} values ('e', 'k', '{{}}', md5('')::uuid, now(), '99999999999')")
    ask(new_database, "update sync.instance set system_identifier = 'the cluster it was dumped from'")

    with connect(new_database, "p2c_loader", "test") as connection:
        assert instance_changed(connection)
        assert adopt_instance(connection)
        assert not instance_changed(connection)
        assert not adopt_instance(connection)
    statement = "select landed_xid < pg_current_xact_id() from raw.sales_accounts"
    assert ask(new_database, statement) == [(True,)]


def test_two_cards_that_read_an_entity_differently_are_refused(new_database):
    run(new_database)
    one = Read("sales", "accounts", ("accountid",), "compare", select=("accountid",))
    other = Read("sales", "accounts", ("accountid",), "compare", select=("accountid", "name"))

    with (
        connect(new_database, None, "test") as connection,
        pytest.raises(Misconfigured, match="Two cards read accounts of sales with different 'select'"),
    ):
        raw_schema.ensure_all(connection, [one, other])


@pytest.mark.parametrize(
    "said",
    [
        "postgres://u:p%40ss@h:5433/db?sslmode=require",
        '{"conn_type": "postgres", "host": "h", "port": 5433, "login": "u", "password": "p@ss",'
        ' "schema": "db", "extra": {"sslmode": "require"}}',
    ],
    ids=["uri", "json"],
)  # fmt: skip
def test_the_database_is_taken_from_airflows_connection(said):
    assert migrate.database_url(None, {"AIRFLOW_CONN_STAGING_DB": said}) == (
        "postgresql://u:p%40ss@h:5433/db?sslmode=require"
    )


def test_without_any_database_the_remedy_is_said(capsys, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_STAGING_DB", raising=False)
    monkeypatch.delenv("P2C_DATABASE_URL", raising=False)

    assert migrate.main([]) == 1
    assert "set AIRFLOW_CONN_STAGING_DB or pass --database-url" in capsys.readouterr().err
