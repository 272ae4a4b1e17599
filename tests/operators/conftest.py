"""The source and the raw tables that the strategies are tested with, behind Airflow's connections."""

import json
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from prospect_to_cash.operators.extract import ExtractToRaw
from tests.cards import card
from tests.extract.conftest import raw, raw_database, source
from tests.extract.harness import WINDOW
from tests.task_instance import TaskInstance

__all__ = ["raw", "raw_database", "source"]


@pytest.fixture
def connections(source, raw_database, monkeypatch):
    """Airflow's connections to the source and to the database."""
    place = urlsplit(raw_database)
    staging = {"conn_type": "postgres", "host": place.hostname, "port": place.port, "login": place.username}
    staging |= {"password": place.password, "schema": place.path[1:]}
    sales = {"conn_type": "d365_sales", "host": source.url, "login": "c", "password": "the secret"}
    sales |= {"extra": {"tenant_id": "t", "authority": source.url}}
    monkeypatch.setenv("AIRFLOW_CONN_STAGING_DB", json.dumps(staging))
    monkeypatch.setenv("AIRFLOW_CONN_D365_SALES", json.dumps(sales))


@pytest.fixture
def execute(source, connections, raw):
    """Execute the task of a scheduled run that ends at the source's present."""
    # Every test's organisation is the first that the connection leads to.
    raw.sql("delete from sync.connection_environment")

    def run(*reads, number=1, cleared=0, flow="accounts", **params):
        reads = reads or (WINDOW,)
        task = ExtractToRaw(task_id="extract", card=card(flow), reads=reads)
        return task.execute(
            {
                "params": params,
                "ti": TaskInstance("extract"),
                "dag_run": SimpleNamespace(
                    run_type="scheduled",
                    run_id=f"{source.organization} {number}",
                    dag_id=flow,
                    clear_number=cleared,
                ),
                "data_interval_start": source.now - timedelta(hours=1),
                "data_interval_end": source.now,
            }
        )["sets"]

    return run
