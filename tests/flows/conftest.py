from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from tests.world import ROOT, World


@pytest.fixture(scope="session")
def airflow_url(postgres, tmp_path_factory) -> str:
    """One migrated Airflow metadata database for the session; the environment is set before Airflow is imported."""
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("create database {}").format(sql.Identifier("airflow_tests")))
    admin.close()
    url = postgres.url("airflow_tests").replace("postgresql://", "postgresql+psycopg2://")
    home = tmp_path_factory.mktemp("airflow")
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url,
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
        AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
        AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
        AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
        DBT_SEND_ANONYMOUS_USAGE_STATS="False",
    )
    subprocess.run(
        [str(Path(sys.executable).parent / "airflow"), "db", "migrate"], check=True, capture_output=True
    )
    return url


def small_world(database: str, airflow_url: str, folder: Path, *arguments: str) -> Iterator[World]:
    world = World(folder, database, airflow_url)
    world.start_sandbox(*arguments)
    yield world
    world.stop()


@pytest.fixture(scope="module")
def world(database: str, airflow_url: str, tmp_path_factory) -> Iterator[World]:
    """Both systems with the small sample data, nothing moved yet; shared by a module's tests in their order."""
    yield from small_world(
        database, airflow_url, tmp_path_factory.mktemp("world"), "--accounts", "40", "--products", "30"
    )
