"""The task itself: from Airflow connections to counts, and what Airflow does with each kind of error."""

import json
import logging
from datetime import timedelta

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from prospect_to_cash.operators.extract import ExtractToRaw
from tests.cards import card, changed
from tests.extract.harness import COMPARE, WINDOW


def test_the_task_returns_counts_alone_and_logs_one_line_without_content(source, execute, caplog):
    caplog.set_level(logging.INFO, logger="prospect_to_cash")
    for number in range(3):
        source.put(number, name="Contoso Ltd", at=source.now - timedelta(hours=2))
    source.put_bytes(2, b"Fabrikam \\u0000")
    counts = execute()

    assert counts == {
        "sales_accounts": {"landed": 2, "unchanged": 0, "quarantined": 1, "pages": 2, "deleted": 0}
    }
    lines = [
        record.getMessage() for record in caplog.records if record.name.startswith("prospect_to_cash.op")
    ]
    assert lines == [
        "::group::sales_accounts",
        "sales_accounts: 2 rows landed, 0 rows unchanged, 1 rows quarantined, 2 pages, 0 rows deleted; read everything",
        "::endgroup::",
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
    ExtractToRaw(task_id="extract", card=card(), reads=(WINDOW,))

    assert source.reads == []


def test_what_passes_by_itself_is_retried_and_what_a_person_must_mend_is_not(source, execute, monkeypatch):
    for number in range(30):
        source.put(number, name="x")
    execute(COMPARE)
    source.fault = lambda page: 403
    with pytest.raises(AirflowFailException, match="Give the application user the roles that it needs"):
        execute(COMPARE, number=2)
    source.fault = lambda page: None
    source.rows.clear()
    with pytest.raises(AirflowFailException, match=r"no longer returns 30 of 30 records.*`force`"):
        execute(COMPARE, number=3)
    assert execute(COMPARE, number=4, force=True)["sales_accounts"]["deleted"] == 30
    nowhere = {"conn_type": "postgres", "host": "127.0.0.1", "port": 1, "login": "u", "schema": "d"}
    monkeypatch.setenv("AIRFLOW_CONN_STAGING_DB", json.dumps(nowhere))
    with pytest.raises(AirflowException, match="is not reachable") as refused:
        execute(COMPARE, number=5)
    assert not isinstance(refused.value, AirflowFailException)


def test_an_entity_without_raw_table_asks_for_the_migration(execute):
    with pytest.raises(
        AirflowFailException, match=r"no table raw.sales_leads: run `python -m prospect_to_cash"
    ):
        execute(changed(WINDOW, entity="leads"))


def test_a_retry_repeats_nothing_and_a_cleared_run_reads_again(source, execute):
    source.put(1, name="x")
    first = execute(COMPARE)
    retried = execute(COMPARE)
    cleared = execute(COMPARE, cleared=1)

    assert [counts["sales_accounts"]["pages"] for counts in (first, retried, cleared)] == [1, 0, 1]
