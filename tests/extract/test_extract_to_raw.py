"""The task itself: from Airflow connections to counts, and what Airflow does with each kind of error."""

import json
import logging
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from prospect_to_cash.flow_card import FlowCard
from prospect_to_cash.operators.extract_to_raw import ExtractToRaw
from tests.extract.harness import COMPARE, WINDOW


@pytest.fixture
def execute(source, raw_database, monkeypatch):
    """Execute the task of a scheduled run that ends at the source's present."""
    place = urlsplit(raw_database)
    staging = {"conn_type": "postgres", "host": place.hostname, "port": place.port, "login": place.username}
    staging |= {"password": place.password, "schema": place.path[1:]}
    sales = {"conn_type": "d365_sales", "host": source.url, "login": "c", "password": "the secret"}
    sales |= {"extra": {"tenant_id": "t", "authority": source.url}}
    monkeypatch.setenv("AIRFLOW_CONN_STAGING_DB", json.dumps(staging))
    monkeypatch.setenv("AIRFLOW_CONN_D365_SALES", json.dumps(sales))

    def run(read=WINDOW, number=1, cleared=0, **params):
        card = FlowCard("accounts", "Move accounts.", "0 * * * *", 1, (read,), ())
        task = ExtractToRaw(task_id="extract", card=card, read=read)
        return task.execute(
            {
                "params": params,
                "dag_run": SimpleNamespace(
                    run_type="scheduled",
                    run_id=f"{source.organization} {number}",
                    dag_id="d",
                    clear_number=cleared,
                ),
                "data_interval_start": source.now - timedelta(hours=1),
                "data_interval_end": source.now,
            }
        )

    return run


@pytest.fixture(autouse=True)
def unbound(raw):
    """Every test's organisation is the first that the connection leads to."""
    raw.sql("delete from sync.connection_environment")


def test_the_task_returns_counts_alone_and_logs_one_line_without_content(source, execute, caplog):
    caplog.set_level(logging.INFO, logger="prospect_to_cash")
    for number in range(3):
        source.put(number, name="Contoso Ltd", at=source.now - timedelta(hours=2))
    source.put_bytes(2, b"Fabrikam \\u0000")
    counts = execute()

    assert counts == {
        "entity": "accounts", "landed": 2, "unchanged": 0, "quarantined": 1, "pages": 2, "deleted": 0,
    }  # fmt: skip
    lines = [
        record.getMessage() for record in caplog.records if record.name.startswith("prospect_to_cash.op")
    ]
    assert lines == [
        "sales_accounts: 2 landed, 0 unchanged, 1 quarantined, 2 pages, 0 deleted; read everything",
    ]
    assert not any(word in caplog.text for word in ("Contoso", "Fabrikam", "the secret"))


def test_the_second_run_says_which_window_it_read(source, execute, caplog):
    caplog.set_level(logging.INFO, logger="prospect_to_cash")
    execute()
    start = source.now
    source.pass_time(hours=1)
    execute(number=2)

    assert f"read [{start.isoformat()}, {source.now.isoformat()})" in caplog.text


def test_making_the_task_reads_nothing_and_asks_nobody(source, raw_database, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_D365_SALES", raising=False)
    ExtractToRaw(task_id="extract", card=FlowCard("a", "a", "@daily", 1, (), ()), read=WINDOW)

    assert source.reads == []


def test_what_passes_by_itself_is_retried_and_what_a_person_must_mend_is_not(source, execute, monkeypatch):
    for number in range(30):
        source.put(number, name="x")
    execute(read=COMPARE)
    source.fault = lambda page: 403
    with pytest.raises(AirflowFailException, match="Give the application user the roles it needs"):
        execute(read=COMPARE, number=2)
    source.fault = lambda page: None
    source.rows.clear()
    with pytest.raises(AirflowFailException, match=r"no longer shows 30 of 30 records.*`force`"):
        execute(read=COMPARE, number=3)
    assert execute(read=COMPARE, number=4, force=True)["deleted"] == 30
    nowhere = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "u", "schema": "d"}
    monkeypatch.setenv("AIRFLOW_CONN_STAGING_DB", json.dumps(nowhere))
    with pytest.raises(AirflowException, match="is not reachable") as refused:
        execute(read=COMPARE, number=5)
    assert not isinstance(refused.value, AirflowFailException)


def test_a_strategy_that_is_not_known_fails_with_the_cards_name(execute):
    with pytest.raises(AirflowFailException, match="Card accounts, accounts: strategy 'guess' is not known"):
        execute(read=replace(WINDOW, strategy="guess"))


def test_an_entity_without_raw_table_asks_for_the_migration(execute):
    with pytest.raises(
        AirflowFailException, match=r"no table raw.sales_leads: run `python -m prospect_to_cash"
    ):
        execute(read=replace(WINDOW, entity="leads"))


def test_a_retry_repeats_nothing_and_a_cleared_run_reads_again(source, execute):
    source.put(1, name="x")
    first = execute(read=COMPARE)
    retried = execute(read=COMPARE)
    cleared = execute(read=COMPARE, cleared=1)

    assert [counts["pages"] for counts in (first, retried, cleared)] == [1, 0, 1]
