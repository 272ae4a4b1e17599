"""What a failure of Postgres means for a task: whether a retry can mend it, and what a person can do.

The SQLSTATE decides, never the text, which Postgres writes in the language of the server.
"""

from __future__ import annotations

import re

import psycopg2
from psycopg2 import errors

from prospect_to_cash.errors import Misconfigured, P2CError, Unavailable

_QUOTED = re.compile(r'"[^"]*"')
_BROKEN = "The connection broke; nothing of the open transaction was kept. The retry goes on."
_NOT_MIGRATED = (
    "The staging database does not fit this version, or a right is missing: run "
    "`python -m prospect_to_cash.database.migrate`."
)
_FAULT = "A retry would end the same: report it as a fault of this package, with the SQLSTATE."

_PASSING = {
    "40P01": "Two sessions waited for each other, and this one gave way (deadlock). The retry does its work again.",
    "55P03": "Another session held a lock for longer than lock_timeout. The retry goes on; if this comes back, end that "
    "session or raise lock_timeout of the database user.",
    "57014": "The statement was cancelled, by statement_timeout or by a person. The retry goes on; if this comes back, "
    "raise statement_timeout of the database user.",
    "53100": "The disk of the staging database is full: free space there. Nothing was written by halves; the retry or the "
    "next run goes on.",
    "53200": "The server of the staging database has no memory left. The retry goes on; if this comes back, lower work_mem.",
    "53300": "The staging database has no connection left. The retry goes on; if this comes back, raise max_connections.",
    "25006": "The staging database takes no writes: point connection staging_db to the primary server.",
    "08": _BROKEN,
    "40": "Another session changed the same rows at the same time. The retry does its work again.",
    "53": "The server of the staging database lacks a resource. The retry goes on.",
    "57": _BROKEN,
    "58": "The operating system of the database server reports a fault: see the log of Postgres. The retry goes on.",
}
_LASTING = {
    "53400": "A limit of the server was reached, and a retry would reach it again: raise it (temp_file_limit, for instance).",
    "42501": _NOT_MIGRATED,
    "42P01": _NOT_MIGRATED,
    "42703": _NOT_MIGRATED,
    "42883": _NOT_MIGRATED,
    "3F000": _NOT_MIGRATED,
    "0A": _FAULT,
    "22": _FAULT,
    "42": _FAULT,
    "54": _FAULT,
}
"""Remedies by SQLSTATE, or by its class (two characters), which counts where the state has no entry of its own."""
_OF_THE_SERVER = (
    "40001", "40P01", "53000", "53100", "53200", "53300", "53400", "55P03", "57014", "57P01", "57P02", "57P03", "58030",
)  # fmt: skip
_NAMED = {errors.lookup(code).__name__: code for code in _OF_THE_SERVER}
_CONNECTION_FAILURE = "08006"


def failure(error: psycopg2.Error) -> P2CError:
    """The error as one of ours, in a sentence without the content of a record: Unavailable or Misconfigured.

    A state that is not known is taken for one that passes.
    """
    return failure_of(_sqlstate_of(error), f"Postgres: {safe_message(error)}")


def failure_of(sqlstate: str, sentence: str) -> P2CError:
    """The error for a SQLSTATE, with the remedy after the sentence."""
    for known in (sqlstate, sqlstate[:2]):
        if known in _LASTING:
            return Misconfigured(f"{sentence} {_LASTING[known]}")
        if known in _PASSING:
            return Unavailable(f"{sentence} {_PASSING[known]}")
    return Unavailable(f"{sentence} (SQLSTATE {sqlstate or 'unknown'})")


def _sqlstate_of(error: psycopg2.Error) -> str:
    """The SQLSTATE; a connection that broke has none of its own."""
    broken = isinstance(error, psycopg2.OperationalError | psycopg2.InterfaceError)
    return str(error.pgcode or (_CONNECTION_FAILURE if broken else ""))


def sqlstate_named(exception: str) -> str | None:
    """The SQLSTATE of an exception of psycopg2, given by the name of its class; None unless the server is its cause."""
    if exception in ("OperationalError", "InterfaceError"):
        return _CONNECTION_FAILURE
    return _NAMED.get(exception)


def safe_message(error: psycopg2.Error) -> str:
    """The error's message, without the lines and quoted texts that may repeat a record's content."""
    lines = str(error).strip().splitlines() or ["no answer"]
    text = error.diag.message_primary or lines[0]
    if (error.pgcode or "")[:2] in ("21", "22", "23"):
        text = _QUOTED.sub('"..."', text)
    return text.strip().rstrip(".") + "."
