"""A database in which tests land records as extract does, and run dbt builds."""

import pytest

from prospect_to_cash.database import migrate
from tests.databases import new_database
from tests.dbt.warehouse import Warehouse


@pytest.fixture(scope="session")
def session_warehouse(postgres, tmp_path_factory):
    """The only warehouse of the session: the manifest contains its name, and parsing takes long."""
    with new_database(postgres) as url:
        assert migrate.main(["--database-url", url]) == 0
        with Warehouse(url, tmp_path_factory.mktemp("dbt")) as warehouse:
            warehouse.seed()
            yield warehouse


@pytest.fixture(scope="module")
def warehouse(session_warehouse):
    """The warehouse emptied for a module: reference data and seeds, nothing built."""
    session_warehouse.empty()
    return session_warehouse


@pytest.fixture
def fresh_warehouse(session_warehouse):
    """The warehouse emptied for one test."""
    session_warehouse.empty()
    return session_warehouse
