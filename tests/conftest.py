"""What every test may ask for: one Postgres per session, a migrated database, running sandboxes."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

ROOT = Path(__file__).resolve().parents[1]
for _folder in (ROOT, ROOT / "plugins"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

# Airflow reads its settings when it is first imported, which is while tests are collected: before any fixture.
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="airflow-"))
atexit.register(shutil.rmtree, AIRFLOW_HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=str(AIRFLOW_HOME),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
    DBT_SEND_ANONYMOUS_USAGE_STATS="False",
)

from local.postgres import EmbeddedPostgres  # noqa: E402  (the path is set above)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres server of the test session's own."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def empty_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a new, empty database, shared by a module's tests."""
    yield from _new_database(postgres)


@pytest.fixture
def database_per_test(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a migrated database that one test has for itself."""
    from prospect_to_cash.stores import migrate

    for url in _new_database(postgres):
        assert migrate.main(["--database-url", url]) == 0
        yield url


def _new_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield postgres.url(name)
        cursor.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    admin.close()


@pytest.fixture(scope="module")
def database(empty_database: str) -> str:
    """URL of a new database with our schemas and every card's raw tables."""
    from prospect_to_cash.stores import migrate

    assert migrate.main(["--database-url", empty_database]) == 0
    return empty_database


@pytest.fixture(scope="session")
def airflow() -> None:
    """Airflow's own database for runs in this process."""
    _migrate_airflow(os.environ)


@pytest.fixture(scope="session")
def airflow_url(airflow: None, postgres: EmbeddedPostgres) -> str:
    """Airflow's own database for runs in processes of their own, several at once."""
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("create database airflow_tests")
    admin.close()
    url = postgres.url("airflow_tests").replace("postgresql://", "postgresql+psycopg2://")
    environment = {**os.environ, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url}
    _migrate_airflow(environment)
    # As the DAG processor does: two first runs at once would both insert the same DAGs.
    environment["PYTHONPATH"] = str(ROOT / "plugins")
    _airflow("dags", "reserialize", environment=environment)
    return url


def _migrate_airflow(environment: Mapping[str, str]) -> None:
    _airflow("db", "migrate", environment=environment)


def _airflow(*words: str, environment: Mapping[str, str]) -> None:
    command = [str(Path(sys.executable).parent / "airflow"), *words]
    subprocess.run(command, check=True, capture_output=True, env=environment)
