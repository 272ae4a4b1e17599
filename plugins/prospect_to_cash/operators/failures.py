"""Errors named by what the caller does next become what Airflow does next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from prospect_to_cash.errors import Misconfigured, P2CError, Stopped
from prospect_to_cash.stores.database import told


@contextmanager
def task_errors() -> Iterator[None]:
    """``Misconfigured`` and ``Stopped`` fail the task for good; what may pass by itself is retried.

    The text of a database error goes without what it may quote of a row.
    """
    try:
        yield
    except (Misconfigured, Stopped) as error:
        raise AirflowFailException(str(error)) from None
    except P2CError as error:
        raise AirflowException(str(error)) from None
    except psycopg2.Error as error:
        raise AirflowException(f"Postgres: {told(error)}") from None
