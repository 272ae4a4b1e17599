"""What has been read of each environment's entities, and how far the read under way has come.

A run reads what is not covered yet up to its bound, not only its own interval, so that a pause, a
failed run or a late start leaves no gap. Ranges are added in the transaction of their last page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import DateTimeTZRange

from prospect_to_cash.flow_card import Read
from prospect_to_cash.window import Window

Kind = Literal["plain", "tracked", "changes"]
"""Of a read: plain pages, everything with change tracking, or the changes since a link."""


@dataclass(frozen=True)
class Bound:
    """Up to where a run reads (None: no window of time), and when that was decided by Postgres' clock."""

    hi: datetime | None
    decided_at: datetime


@dataclass(frozen=True)
class Reading:
    """A read under way: ``window`` None means a full read without a window of time."""

    read_id: int
    shape: str
    window: Window | None
    next_link: str | None
    pages: int
    began_at: datetime
    is_recent: bool
    kind: Kind = "plain"


def shape_of(read: Read, identity: dict[str, object]) -> str:
    """Hash of what decides which rows and fields a read brings; with another one all is read again."""
    said = [sorted(read.select), read.key, read.changed_at, read.filter, identity]
    return hashlib.md5(json.dumps(said, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


class Coverage:
    """The notes on one entity of one environment."""

    def __init__(self, connection: Connection, env_id: str, entity: str) -> None:
        self.connection = connection
        self._key = {"env": env_id, "entity": entity}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other sessions from reading the same entity; a second reader waits here."""
        name = json.dumps(["extract", *self._key.values()])
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        try:
            yield
        finally:
            if not self.connection.closed:
                with self.connection, self.connection.cursor() as cursor:
                    cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))

    def bound(self, run_id: str, decide: Callable[[], datetime | None]) -> Bound:
        """How far the run reads; decided at its first try and kept for its retries."""
        found = self._one(
            """
            select hi, decided_at from sync.read_bound
            where run_id = %(run)s and env_id = %(env)s and entity = %(entity)s
            """,
            run=run_id,
        )
        if found is not None:
            return Bound(*found)
        self._one(
            """
            insert into sync.read_bound (run_id, env_id, entity, hi)
            values (%(run)s, %(env)s, %(entity)s, %(hi)s) on conflict do nothing
            """,
            run=run_id,
            hi=decide(),
        )
        return self.bound(run_id, decide)

    def to_read(self, shape: str, hi: datetime) -> list[Window]:
        """What is missing before ``hi``, oldest first; all of it when the shape is another one."""
        self._one(
            """
            insert into sync.coverage as standing (env_id, entity, select_hash)
            values (%(env)s, %(entity)s, %(shape)s)
            on conflict (env_id, entity) do update set
                select_hash = excluded.select_hash,
                done = default,
                changed_at = clock_timestamp()
            where standing.select_hash <> excluded.select_hash
            """,
            shape=shape,
        )
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                """
                select lower(gap), upper(gap)
                from sync.coverage, unnest(tstzmultirange(tstzrange(null, %(hi)s)) - done) as gap
                where env_id = %(env)s and entity = %(entity)s order by gap
                """,
                {**self._key, "hi": hi},
            )
            return [Window(start, end) for start, end in cursor.fetchall()]

    def add(self, cursor: Cursor, window: Window) -> None:
        """Count a window as read; belongs into the transaction of its last page."""
        cursor.execute(
            """
            update sync.coverage set done = done + tstzmultirange(%(range)s), changed_at = clock_timestamp()
            where env_id = %(env)s and entity = %(entity)s
            """,
            {**self._key, "range": DateTimeTZRange(window.start, window.end)},
        )

    def begin(self, shape: str, window: Window | None, kind: Kind = "plain") -> Reading:
        """Note that a read begins; what another read left behind is forgotten."""
        with self.connection, self.connection.cursor() as cursor:
            self.forget(cursor)
            cursor.execute(
                """
                with begun as (
                    insert into sync.reading (
                        env_id, entity, read_id, kind, select_hash, lower_bound, upper_bound, began_at, touched_at
                    )
                    values (
                        %(env)s, %(entity)s, nextval('sync.read_id'), %(kind)s, %(shape)s, %(lower)s, %(upper)s,
                        clock_timestamp(), clock_timestamp()
                    )
                    on conflict (env_id, entity) do update set
                        read_id = excluded.read_id,
                        kind = excluded.kind,
                        select_hash = excluded.select_hash,
                        lower_bound = excluded.lower_bound,
                        upper_bound = excluded.upper_bound,
                        began_at = excluded.began_at,
                        touched_at = excluded.touched_at
                    returning read_id
                )
                insert into raw.seen (read_id) select read_id from begun
                """,
                {
                    **self._key,
                    "kind": kind,
                    "shape": shape,
                    "lower": window and window.start,
                    "upper": window and window.end,
                },
            )
        begun = self.under_way(kind)
        assert begun is not None
        return begun

    def under_way(self, kind: Kind = "plain") -> Reading | None:
        """The read of this kind that was begun and not finished.

        It is recent when its last page is less than an hour old.
        """
        row = self._one(
            """
            select
                read_id, select_hash, lower_bound, upper_bound, next_link, pages, began_at,
                touched_at > clock_timestamp() - interval '1 hour', kind
            from sync.reading
            where env_id = %(env)s and entity = %(entity)s and read_id is not null and kind = %(kind)s
            """,
            kind=kind,
        )
        if row is None:
            return None
        read_id, shape, lower, upper, *rest = row
        return Reading(read_id, shape, None if upper is None else Window(lower, upper), *rest)

    def advance(self, cursor: Cursor, read_id: int, next_link: str | None) -> None:
        """Note a landed page; belongs into its transaction."""
        cursor.execute(
            """
            update sync.reading set next_link = %(link)s, pages = pages + 1, touched_at = clock_timestamp()
            where env_id = %(env)s and entity = %(entity)s and read_id = %(read_id)s
            """,
            {**self._key, "link": next_link, "read_id": read_id},
        )

    def forget(self, cursor: Cursor) -> None:
        """No read is under way any more."""
        cursor.execute(
            """
            delete from raw.seen using sync.reading
            where seen.read_id = reading.read_id and env_id = %(env)s and entity = %(entity)s
            """,
            self._key,
        )
        cursor.execute(
            """
            update sync.reading set
                read_id = null, select_hash = null, lower_bound = null, upper_bound = null,
                next_link = null, pages = 0, began_at = null, touched_at = null
            where env_id = %(env)s and entity = %(entity)s
            """,
            self._key,
        )

    def abandon(self) -> None:
        """The read under way is of no use: the next try begins anew."""
        with self.connection, self.connection.cursor() as cursor:
            self.forget(cursor)

    def complete(self, cursor: Cursor, reading: Reading, rows: int) -> None:
        """A full read is done, deletes included; it speaks for the moment at which it began."""
        cursor.execute(
            """
            update sync.reading set
                last_complete_at = %(began)s, last_complete_hash = %(shape)s, last_complete_rows = %(rows)s
            where env_id = %(env)s and entity = %(entity)s
            """,
            {**self._key, "began": reading.began_at, "shape": reading.shape, "rows": rows},
        )
        if reading.window is not None:
            self.add(cursor, reading.window)
        self.forget(cursor)

    def seconds_since_complete(self, shape: str) -> float | None:
        """Age of the last complete full read of this shape; None when there is none."""
        row = self._one(
            """
            select extract(epoch from clock_timestamp() - last_complete_at)::float8 from sync.reading
            where env_id = %(env)s and entity = %(entity)s and last_complete_hash = %(shape)s
            """,
            shape=shape,
        )
        return None if row is None else float(row[0])

    def completed_since(self, shape: str, moment: datetime) -> bool:
        """Whether a full read of this shape began at or after the moment and is complete."""
        row = self._one(
            """
            select last_complete_at >= %(moment)s from sync.reading
            where env_id = %(env)s and entity = %(entity)s and last_complete_hash = %(shape)s
            """,
            shape=shape,
            moment=moment,
        )
        return bool(row and row[0])

    def _one(self, statement: str, **values: object) -> tuple | None:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(statement, {**self._key, **values})
            return cursor.fetchone() if cursor.description else None
