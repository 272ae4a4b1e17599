"""Waits that a service asked for, shared by all tasks of an identity through ``sync.service_wait``.

Only the clock of Postgres counts: workers need not agree on the time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import psycopg2
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.failures import failure
from prospect_to_cash.database.rows import one

MOST_MILLISECONDS = 5_000
"""A statement that takes longer is given up: requests wait for its answer."""


class ServiceWaits:
    """The waits of one identity; a ``WaitStore`` of ``clients.http.throttle``.

    Has an autocommit session of its own, opened when it is first needed and again after a failure.
    """

    def __init__(self, uri: str, origin: str, client_id: str) -> None:
        self._uri = uri
        self._host = origin.partition("//")[2]
        self._hash = hashlib.sha256(json.dumps([origin, client_id]).encode()).hexdigest()
        self._session = ExitStack()
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the session; the next call opens another one."""
        self._connection = None
        self._session.close()

    def hold(self, seconds: float) -> tuple[float, int]:
        """Wait at least ``seconds`` from now; returns the same as ``current``. Raises P2CError."""
        with self._cursor() as cursor:
            cursor.execute(
                """
                insert into sync.service_wait as standing (identity_hash, host, resumes_at)
                values (%(hash)s, %(host)s, clock_timestamp() + make_interval(secs => %(seconds)s))
                on conflict (identity_hash) do update set
                    resumes_at = greatest(standing.resumes_at, excluded.resumes_at),
                    times_asked = standing.times_asked + 1,
                    asked_at = excluded.asked_at
                returning extract(epoch from resumes_at - clock_timestamp())::float8, times_asked
                """,
                {"hash": self._hash, "host": self._host, "seconds": seconds},
            )
            return _wait(one(cursor))

    def current(self) -> tuple[float, int]:
        """Seconds left to wait (0: none), and how often the service has asked so far. Raises P2CError."""
        with self._cursor() as cursor:
            cursor.execute(
                """
                select extract(epoch from resumes_at - clock_timestamp())::float8, times_asked
                from sync.service_wait where identity_hash = %(hash)s
                """,
                {"hash": self._hash},
            )
            return _wait(cursor.fetchone() or (0.0, 0))

    @contextmanager
    def _cursor(self) -> Iterator[Cursor]:
        try:
            if self._connection is None:
                self._connection = self._open()
            with self._connection.cursor() as cursor:
                yield cursor
        except psycopg2.Error as error:
            self.close()
            raise failure(error) from None

    def _open(self) -> Connection:
        connection = self._session.enter_context(connect(self._uri, "p2c_loader", "service waits"))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("select set_config('statement_timeout', %s, false)", (str(MOST_MILLISECONDS),))
        return connection


def _wait(row: tuple) -> tuple[float, int]:
    seconds, times = row
    return max(float(seconds), 0.0), int(times)
