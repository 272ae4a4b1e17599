"""A database in which tests land records as extract does, and dbt builds for real."""

import uuid

import psycopg2
import pytest
from psycopg2 import sql

from prospect_to_cash.stores import migrate
from tests.dbt.warehouse import Warehouse


@pytest.fixture(scope="session")
def only_warehouse(postgres, tmp_path_factory):
    """The session's one warehouse: dbt writes its name into what it parsed, and parsing is dear."""
    name = f"dbt_{uuid.uuid4().hex[:12]}"
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    admin.close()
    assert migrate.main(["--database-url", postgres.url(name)]) == 0
    with Warehouse(postgres.url(name), tmp_path_factory.mktemp("dbt")) as ours:
        ours.seed()
        yield ours


@pytest.fixture(scope="module")
def warehouse(only_warehouse):
    """Emptied for a module: an ordinary organisation's reference data, the seeds, nothing built."""
    only_warehouse.empty()
    return only_warehouse


@pytest.fixture
def fresh_warehouse(only_warehouse):
    """Emptied for one test in the same way."""
    only_warehouse.empty()
    return only_warehouse
