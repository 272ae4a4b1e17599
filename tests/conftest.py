"""Fixtures of all tests: a Postgres per session, empty and migrated databases, Airflow's own database."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
for _folder in (ROOT, ROOT / "plugins"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

# Airflow reads its settings at its first import, which happens while tests are collected, before any fixture.
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
from tests.databases import new_database  # noqa: E402


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A Postgres server for the test session."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def empty_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a new, empty database for the tests of a module."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture
def database_per_test(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a new, migrated database for one test."""
    from prospect_to_cash.database import migrate

    with new_database(postgres) as url:
        assert migrate.main(["--database-url", url]) == 0
        yield url


@pytest.fixture(scope="module")
def database(empty_database: str) -> str:
    """URL of a new, migrated database for the tests of a module."""
    from prospect_to_cash.database import migrate

    assert migrate.main(["--database-url", empty_database]) == 0
    return empty_database


@pytest.fixture(scope="session")
def airflow() -> None:
    """Airflow's metadata database for runs in this process."""
    _migrate_airflow(os.environ)


@pytest.fixture(scope="session")
def airflow_url(airflow: None, postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a metadata database of Airflow for several runs at once, in processes of their own."""
    with new_database(postgres) as created:
        url = created.replace("postgresql://", "postgresql+psycopg2://")
        environment = {**os.environ, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url}
        _migrate_airflow(environment)
        # The DAG processor does this in production; without it two first runs at once would insert the same DAGs.
        environment["PYTHONPATH"] = str(ROOT / "plugins")
        _airflow("dags", "reserialize", environment=environment)
        yield url


def _migrate_airflow(environment: Mapping[str, str]) -> None:
    _airflow("db", "migrate", environment=environment)


def _airflow(*arguments: str, environment: Mapping[str, str]) -> None:
    command = [str(Path(sys.executable).parent / "airflow"), *arguments]
    subprocess.run(command, check=True, capture_output=True, env=environment)
