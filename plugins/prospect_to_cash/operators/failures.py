"""Turn this package's errors into Airflow's: fail the task for good, or retry it."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg2
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from prospect_to_cash.database.failures import failure
from prospect_to_cash.errors import Misconfigured, P2CError, Stopped
from prospect_to_cash.plan.completeness import RecordsLost
from prospect_to_cash.report.outcomes import CountsDiffer
from prospect_to_cash.transform.dbt_run import GateFailed

NOT_RETRIED = (Misconfigured, Stopped, GateFailed, RecordsLost, CountsDiffer)
"""Errors after which the same task ends the same until a person, or another run, has changed something."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def task_errors() -> Iterator[None]:
    """Errors of ours, of Postgres and of a full disk end the task with one sentence; ``NOT_RETRIED`` without a retry.

    Any other exception is a fault of this package: it passes with its traceback.
    """
    try:
        yield
    except (P2CError, psycopg2.Error) as error:
        kind = AirflowFailException if is_lasting(error) else AirflowException
        raise kind(sentence(error)) from None
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise AirflowException(sentence(error)) from None


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
