"""Turn this package's errors into Airflow's: fail the task for good, or retry it."""

from __future__ import annotations

import errno
import logging
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from prospect_to_cash.database.failures import failure
from prospect_to_cash.errors import Misconfigured, P2CError, Stopped
from prospect_to_cash.plan.completeness import RecordsLost
from prospect_to_cash.report.outcomes import CountsDiffer
from prospect_to_cash.transform.dbt_run import GateFailed

log = logging.getLogger(__name__)
STOPPED = "stopped"
"""Key of the XCom in which a task that stopped leaves its sentence; the report repeats it. A retry begins without it."""
_COLUMNS = 100
NOT_RETRIED = (Misconfigured, Stopped, GateFailed, RecordsLost, CountsDiffer)
"""Errors after which the same task ends the same until a person, or another run, has changed something."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def task_errors(ti: Any = None) -> Iterator[None]:
    """Errors of ours, of Postgres and of a full disk end the task with one sentence; ``NOT_RETRIED`` without a retry.

    The sentence is logged in lines that fit a screen, above the traceback that Airflow writes, and left for the report
    if ``ti`` is the task instance. Any other exception is a fault of this package: it passes with its traceback.
    """
    try:
        yield
    except (P2CError, psycopg2.Error) as error:
        kind = AirflowFailException if is_lasting(error) else AirflowException
        raise kind(_logged(ti, sentence(error))) from None
    except AirflowException as error:  # of several entity sets, made by group_error
        _logged(ti, str(error))
        raise
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise AirflowException(_logged(ti, sentence(error))) from None


def _logged(ti: Any, text: str) -> str:
    """The sentence, once it is in the log and kept for the report."""
    log.error("This task stopped:\n%s", wrapped(text))
    if ti is not None:
        try:
            ti.xcom_push(key=STOPPED, value=text)
        except Exception as error:  # Airflow's API may be what is down; the sentence counts
            log.warning("Airflow did not keep this sentence for the report: %s", type(error).__name__)
    return text


def wrapped(text: str) -> str:
    """The text in lines of at most 100 columns; addresses and keys are not broken."""
    return textwrap.fill(text, _COLUMNS, break_long_words=False, break_on_hyphens=False)


def why_incomplete(ti: Any, names: Sequence[str], results: Mapping[str, object]) -> str:
    """Why a run is not complete, by the tasks that stopped, with their sentences; '' if each task has a result."""
    open_tasks = [name for name in names if results[name] is None]
    if not open_tasks:
        return ""
    sentences = ti.xcom_pull(task_ids=open_tasks, key=STOPPED) or []
    reasons = {name: text for name, text in zip(open_tasks, sentences, strict=False) if text}
    silent = ", ".join(name for name in open_tasks if name not in reasons)
    if not reasons:
        return f"The run is not complete: {silent} did not succeed; the log of each task says why."
    text = "The run is not complete. " + " ".join(
        f"Task {name} stopped: {_ended(text)}" for name, text in reasons.items()
    )
    return f"{text} Without a result: {silent}." if silent else text


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def is_lasting(error: Exception) -> bool:
    """Whether a retry would fail the same way."""
    return isinstance(failure(error) if isinstance(error, psycopg2.Error) else error, NOT_RETRIED)


def group_error(system: str, of: int, errors: Mapping[str, Exception]) -> AirflowException:
    """One error for the entity sets of a task that were not read; ``errors`` are by name.

    A single error that needs a person ends the task without a retry, which would fail the same way.
    """
    lasting = {name: error for name, error in errors.items() if is_lasting(error)}
    passing = {name: error for name, error in errors.items() if name not in lasting}
    text = f"{len(errors)} of {of} entity sets of {system} were not read."
    if not lasting:
        return AirflowException(f"{text} {_listed(passing)}")
    text += f" Needs a change, so there is no retry: {_listed(lasting)}"
    return AirflowFailException(f"{text} The next run reads again: {_listed(passing)}" if passing else text)


def sentence(error: Exception) -> str:
    """The error for a log; a database error without the values of a row, an unexpected one by its type alone."""
    if isinstance(error, P2CError):
        return str(error)
    if isinstance(error, psycopg2.Error):
        return str(failure(error))
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return f"The disk of this worker is full{_place(error)}: free space there. The retry or the next run goes on."
    return f"An unexpected {type(error).__name__}; its traceback is in the log above."


def _place(error: OSError) -> str:
    return f", at {error.filename}" if error.filename else ""


def _listed(errors: Mapping[str, Exception]) -> str:
    """Each sentence once, after the names of the sets that it is about."""
    names: dict[str, list[str]] = {}
    for name, error in errors.items():
        names.setdefault(sentence(error), []).append(name)
    return " ".join(f"{', '.join(sets)}: {text}" for text, sets in names.items())
