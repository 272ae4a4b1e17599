"""What Airflow does with each kind of error: fail the task for good, retry it, or show a traceback."""

import errno
import json
import traceback
from types import SimpleNamespace

import psycopg2
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from prospect_to_cash import errors
from prospect_to_cash.clients.data_management.jobs import Gone
from prospect_to_cash.clients.http.transport import (
    AnswerLost,
    Busy,
    NotSent,
    TooLarge,
    TooLate,
    request_deadline,
)
from prospect_to_cash.clients.odata.pages import Garbled
from prospect_to_cash.database.connections import connect
from prospect_to_cash.load.lease import LeaseLost
from prospect_to_cash.operators.failures import group_error, task_errors, why_incomplete
from prospect_to_cash.operators.load import LoadOutbound, terms
from prospect_to_cash.operators.transform import TransformFlow
from prospect_to_cash.plan.completeness import RecordsLost
from prospect_to_cash.report.outcomes import CountsDiffer, Report
from prospect_to_cash.transform.dbt_run import GateFailed
from tests.cards import WRITE, card
from tests.extract.harness import WINDOW
from tests.task_instance import TaskInstance

FOR_GOOD = [
    errors.Misconfigured("x"), errors.Refused("x", 403), errors.Stopped("x"), GateFailed("x"), RecordsLost("x"),
    CountsDiffer("x"), psycopg2.errors.UndefinedTable("x"), psycopg2.errors.InsufficientPrivilege("x"),
]  # fmt: skip
RETRIED = [
    errors.Unavailable("x"), errors.Throttled("x", 9.0), errors.Expired("x"), NotSent("x"), AnswerLost("x"), Busy("x"),
    Garbled("x"), TooLarge("x"), TooLate("x"), Gone("x"), LeaseLost("x"),
    psycopg2.OperationalError("x"), psycopg2.InterfaceError("x"),
    OSError(errno.ENOSPC, "No space left on device"),
]  # fmt: skip
FAULTS = [
    TypeError("x"),
    KeyError("x"),
    ValueError("x"),
    LookupError("x"),
    AssertionError("x"),
    OSError(errno.EPERM, "x"),
]


def name(error):
    return type(error).__name__


def every_class(base):
    for found in base.__subclasses__():
        yield found
        yield from every_class(found)


@pytest.mark.parametrize("error", FOR_GOOD, ids=name)
def test_what_a_retry_cannot_mend_ends_the_task_at_once(error):
    # An error of psycopg2 that was made by hand has no SQLSTATE.
    if isinstance(error, psycopg2.Error):
        error.__setstate__({"pgcode": {"UndefinedTable": "42P01"}.get(name(error), "42501")})
    with pytest.raises(AirflowFailException) as failed, task_errors():
        raise error

    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__


@pytest.mark.parametrize("error", RETRIED, ids=name)
def test_what_a_retry_can_mend_is_retried(error):
    with pytest.raises(AirflowException) as failed, task_errors():
        raise error

    assert not isinstance(failed.value, AirflowFailException)
    assert failed.value.__suppress_context__


def test_every_error_of_ours_is_in_one_of_the_two_tables():
    told = {type(error) for error in (*FOR_GOOD, *RETRIED)}
    # These end where they are caught, inside the client of the package API.
    inside = {"LinkExpired", "_LinkExpired", "_DownloadBroken", "Transient"}

    assert {found.__name__ for found in every_class(errors.P2CError) if found not in told} <= inside


@pytest.mark.parametrize("error", FAULTS, ids=name)
def test_a_fault_of_the_package_passes_with_its_traceback(error):
    def somewhere():
        raise error

    with pytest.raises(type(error)) as passed, task_errors():
        somewhere()

    assert passed.value is error
    assert "somewhere" in "".join(traceback.format_exception(passed.value))


def test_one_lasting_failure_of_postgres_ends_a_task_of_several_sets():
    lasting = errors.Misconfigured("Postgres: a limit.")
    assert isinstance(group_error("sales", 2, {"a": lasting, "b": Busy("x")}), AirflowFailException)
    assert not isinstance(group_error("sales", 2, {"b": Busy("x")}), AirflowFailException)


def test_a_full_disk_of_the_worker_is_named_with_its_place():
    with (
        pytest.raises(AirflowException, match="disk of this worker is full, at /var/tmp/x: free space"),
        task_errors(),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "/var/tmp/x")


@pytest.mark.parametrize("text", ["soon", "", "0", "-5", "nan", "1e9"])
@pytest.mark.parametrize("variable", ["P2C_REQUEST_DEADLINE", "P2C_LEASE_SETTLE"])
def test_a_variable_that_is_no_number_of_seconds_is_named(monkeypatch, variable, text):
    monkeypatch.setenv(variable, text)
    if (variable, text) == ("P2C_LEASE_SETTLE", "0"):
        assert terms().settle == 0
        return
    with (
        pytest.raises(AirflowFailException, match=f"{variable} is {text!r}: set a number of seconds"),
        task_errors(),
    ):
        terms()


def test_the_lease_takes_the_deadline_of_the_requests(monkeypatch):
    monkeypatch.setenv("P2C_REQUEST_DEADLINE", "7.5")

    assert terms().deadline == request_deadline() == 7.5


def context(run="never planned", **params):
    return {
        "params": params,
        "dag_run": SimpleNamespace(run_id=run, run_type="manual"),
        "ti": TaskInstance("x"),
    }


ADVICE = "set a number of seconds in the variable, or leave it out, " * 5
LONG = f"Nothing works: {ADVICE}https://host/a-path?x={'y' * 120}"


def test_a_task_that_stops_logs_its_sentence_in_lines_that_fit_a_screen(caplog):
    with pytest.raises(AirflowFailException) as failed, task_errors():
        raise errors.Misconfigured(LONG)

    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    lines = line.splitlines()
    assert lines[0] == "This task stopped:"
    assert " ".join(lines[1:]) == LONG == str(failed.value)
    assert all(len(each) <= 100 for each in lines if "https" not in each)
    assert len(lines) > 3


def test_a_task_that_stops_leaves_its_sentence_for_the_report():
    ti = TaskInstance("transform")
    with pytest.raises(AirflowFailException), task_errors(ti):
        raise errors.Misconfigured("Set the variable.")
    with pytest.raises(AirflowException), task_errors(ti := TaskInstance("extract.sales", ti.xcoms)):
        raise group_error("sales", 3, {"accounts": Busy("Busy.")})

    results = {"extract.sales": None, "extract.finops": {}, "transform": None, "load": None}
    assert why_incomplete(ti, list(results), results) == (
        "The run is not complete. Task extract.sales stopped: 1 of 3 entity sets of sales were not read. accounts: Busy. "
        "Task transform stopped: Set the variable. Without a result: load."
    )


def test_a_task_that_was_killed_is_named_without_a_sentence():
    results = {"transform": None, "load": None}
    assert why_incomplete(TaskInstance("report"), list(results), results) == (
        "The run is not complete: transform, load did not succeed; the log of each task says why."
    )


def test_the_sentence_counts_although_airflow_does_not_keep_it():
    class Unreachable:
        def xcom_push(self, key, value):
            raise ConnectionError("api-server")

    with pytest.raises(AirflowFailException, match="Set the variable"), task_errors(Unreachable()):
        raise errors.Misconfigured("Set the variable.")


def test_a_load_without_a_plan_ends_at_once_and_names_the_remedy(connections):
    task = LoadOutbound(task_id="load", card=card(), writes=(WRITE,))
    with pytest.raises(AirflowFailException, match="no plan: run its transform task first"):
        task.execute(context())


def test_a_transform_before_the_first_extract_ends_at_once_and_names_the_remedy(connections, raw):
    raw.sql("delete from sync.connection_environment")
    with pytest.raises(
        AirflowFailException, match="d365_sales has not been read yet: run the flow's extract first"
    ):
        TransformFlow(task_id="transform", card=card()).execute(context())


def test_a_connection_that_cannot_work_ends_an_extract_at_once(execute, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_STAGING_DB", json.dumps({"conn_type": "postgres", "host": "h"}))
    with pytest.raises(AirflowFailException, match="staging_db needs a database"):
        execute(WINDOW)


def test_a_connection_that_is_not_there_ends_an_extract_at_once(execute, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_STAGING_DB")
    with pytest.raises(AirflowFailException, match="There is no connection staging_db: create it"):
        execute(WINDOW)


def test_counts_that_differ_end_the_report_at_once():
    counts = dict.fromkeys(("created", "updated", "unchanged", "deactivated"), 1)
    counts |= {name: {} for name in ("excluded", "held", "waiting", "rejected")}
    with (
        pytest.raises(AirflowFailException, match="1 records were read, but 4 outcomes counted"),
        task_errors(),
    ):
        Report({"flow": "things", "read": 1, **counts}).check()


def test_no_sentence_repeats_what_a_row_contains(raw_database):
    with (
        pytest.raises(AirflowException) as failed,
        task_errors(),
        connect(raw_database, None, "test") as store,
        store.cursor() as cursor,
    ):
        cursor.execute("select 'Contoso Ltd'::int")

    assert "Contoso" not in str(failed.value)
