"""What has been read of each entity, and how far the current read has come.

Tables ``sync.coverage``, ``sync.read_bound`` and ``sync.reading``. A run reads everything up to its bound that is not
covered yet, not only its own interval, so a pause, a failed run or a late start leaves no gap. A window is added in the
transaction of its last page.
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

from prospect_to_cash.database.rows import one
from prospect_to_cash.extract import read_order, seen_keys
from prospect_to_cash.extract.window import Window
from prospect_to_cash.flow_card import Read

Kind = Literal["plain", "tracked", "changes"]
"""Plain pages, everything with change tracking, or the changes since a link."""


@dataclass(frozen=True)
class Bound:
    """The time up to which a run reads (None: no time window), and when that was decided by Postgres' clock."""

    upper: datetime | None
    decided_at: datetime


@dataclass(frozen=True)
class Reading:
    """A read that has begun and is not complete; ``window`` None: a full read without a time window."""

    read_id: int
    select_hash: str
    window: Window | None
    next_link: str | None
    pages: int
    began_at: datetime
    is_recent: bool
    kind: Kind = "plain"


def select_hash_of(read: Read, identity: dict[str, object]) -> str:
    """Hash of what decides which rows and fields a read returns; when it changes, everything is read again."""
    selection = [sorted(read.select), read.key, read.changed_at, read.filter, identity]
    return hashlib.md5(json.dumps(selection, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


class Coverage:
    """Coverage, bounds and current read of one entity of one environment."""

    def __init__(self, connection: Connection, env_id: str, entity: str) -> None:
        self.connection = connection
        self._key = {"env": env_id, "entity": entity}
        self._order: int | None = None

    @property
    def order(self) -> int:
        """The number of this read in the order of all reads of the entity; for use within ``exclusive`` alone."""
        if self._order is None:
            raise AssertionError("a page lands without the lock of its entity")
        return self._order

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other sessions from reading the same entity; a second reader waits. Gives the read its ``order``."""
        name = json.dumps(["extract", *self._key.values()])
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        try:
            with self.connection, self.connection.cursor() as cursor:
                self._order = read_order.take(cursor)
            yield
        finally:
            self._order = None
            if not self.connection.closed:
                with self.connection, self.connection.cursor() as cursor:
                    cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", (name,))

    def bound(self, run_id: str, decide: Callable[[], datetime | None]) -> Bound:
        """The time up to which the run reads: decided at its first try, the same for its retries."""
        found = self._one(
            """
            select upper_bound, decided_at from sync.read_bound
            where run_id = %(run)s and env_id = %(env)s and entity = %(entity)s
            """,
            run=run_id,
        )
        if found is not None:
            return Bound(*found)
        self._one(
            """
            insert into sync.read_bound (run_id, env_id, entity, upper_bound)
            values (%(run)s, %(env)s, %(entity)s, %(upper)s) on conflict do nothing
            """,
            run=run_id,
            upper=decide(),
        )
        return self.bound(run_id, decide)

    def gaps(self, select_hash: str, upper: datetime) -> list[Window]:
        """Windows before ``upper`` that are not covered, oldest first; with another ``select_hash``, all of it."""
        self._one(
            """
            insert into sync.coverage as existing (env_id, entity, select_hash)
            values (%(env)s, %(entity)s, %(select_hash)s)
            on conflict (env_id, entity) do update set
                select_hash = excluded.select_hash,
                covered = default,
                changed_at = clock_timestamp()
            where existing.select_hash <> excluded.select_hash
            """,
            select_hash=select_hash,
        )
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                """
                select lower(gap), upper(gap)
                from sync.coverage, unnest(tstzmultirange(tstzrange(null, %(upper)s)) - covered) as gap
                where env_id = %(env)s and entity = %(entity)s order by gap
                """,
                {**self._key, "upper": upper},
            )
            return [Window(start, end) for start, end in cursor.fetchall()]

    def add(self, cursor: Cursor, window: Window) -> None:
        """Add a window that has been read; belongs in the transaction of its last page."""
        cursor.execute(
            """
            update sync.coverage set covered = covered + tstzmultirange(%(range)s), changed_at = clock_timestamp()
            where env_id = %(env)s and entity = %(entity)s
            """,
            {**self._key, "range": DateTimeTZRange(window.start, window.end)},
        )

    def begin(self, select_hash: str, window: Window | None, kind: Kind = "plain") -> Reading:
        """Begin a read, in place of an unfinished one."""
        with self.connection, self.connection.cursor() as cursor:
            self.end(cursor)
            cursor.execute(
                """
                insert into sync.reading (
                    env_id, entity, read_id, kind, select_hash, lower_bound, upper_bound, began_at, touched_at
                )
                values (
                    %(env)s, %(entity)s, nextval('sync.read_id'), %(kind)s, %(select_hash)s, %(lower)s, %(upper)s,
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
                """,
                {
                    **self._key,
                    "kind": kind,
                    "select_hash": select_hash,
                    "lower": window and window.start,
                    "upper": window and window.end,
                },
            )
            seen_keys.begin(cursor, one(cursor)[0])
        begun = self.unfinished(kind)
        assert begun is not None
        return begun

    def unfinished(self, kind: Kind = "plain") -> Reading | None:
        """The read of this kind that has begun and is not complete.

        It is recent when its last page landed less than an hour ago.
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
        read_id, select_hash, lower, upper, *rest = row
        return Reading(read_id, select_hash, None if upper is None else Window(lower, upper), *rest)

    def advance(self, cursor: Cursor, read_id: int, next_link: str | None) -> None:
        """Note that a page has landed; belongs in its transaction."""
        cursor.execute(
            """
            update sync.reading set next_link = %(link)s, pages = pages + 1, touched_at = clock_timestamp()
            where env_id = %(env)s and entity = %(entity)s and read_id = %(read_id)s
            """,
            {**self._key, "link": next_link, "read_id": read_id},
        )

    def pages_of(self, reading: Reading) -> int:
        """How many pages of an unfinished read have landed by now."""
        row = self._one(
            """
            select pages from sync.reading
            where env_id = %(env)s and entity = %(entity)s and read_id = %(read_id)s
            """,
            read_id=reading.read_id,
        )
        return row[0] if row else 0

    def forget_seen(self, reading: Reading) -> None:
        """Forget the keys that a read has met so far."""
        with self.connection, self.connection.cursor() as cursor:
            seen_keys.clear(cursor, self._key["env"], self._key["entity"])
            seen_keys.begin(cursor, reading.read_id)

    def end(self, cursor: Cursor) -> None:
        """Note that no read is under way any more."""
        seen_keys.clear(cursor, self._key["env"], self._key["entity"])
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
        """Discard the unfinished read: the next try begins again."""
        with self.connection, self.connection.cursor() as cursor:
            self.end(cursor)

    def complete(self, cursor: Cursor, reading: Reading, rows: int) -> None:
        """Note that a full read is complete, deletions included, as of the time it began."""
        cursor.execute(
            """
            update sync.reading set
                last_complete_at = %(began)s, last_complete_hash = %(select_hash)s, last_complete_rows = %(rows)s
            where env_id = %(env)s and entity = %(entity)s
            """,
            {**self._key, "began": reading.began_at, "select_hash": reading.select_hash, "rows": rows},
        )
        if reading.window is not None:
            self.add(cursor, reading.window)
        self.end(cursor)

    def seconds_since_complete(self, select_hash: str) -> float | None:
        """Age of the last complete full read with this ``select_hash``; None when there is none."""
        row = self._one(
            """
            select extract(epoch from clock_timestamp() - last_complete_at)::float8 from sync.reading
            where env_id = %(env)s and entity = %(entity)s and last_complete_hash = %(select_hash)s
            """,
            select_hash=select_hash,
        )
        return None if row is None else float(row[0])

    def completed_since(self, select_hash: str, moment: datetime) -> bool:
        """Whether a full read with this ``select_hash`` began at or after ``moment`` and is complete."""
        row = self._one(
            """
            select last_complete_at >= %(moment)s from sync.reading
            where env_id = %(env)s and entity = %(entity)s and last_complete_hash = %(select_hash)s
            """,
            select_hash=select_hash,
            moment=moment,
        )
        return bool(row and row[0])

    def require_full_read(self, cursor: Cursor) -> None:
        """Make the next run read everything: changes may have been lost."""
        cursor.execute(
            "update sync.reading set last_complete_hash = null where env_id = %(env)s and entity = %(entity)s",
            self._key,
        )

    def _one(self, statement: str, **values: object) -> tuple | None:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(statement, {**self._key, **values})
            return cursor.fetchone() if cursor.description else None
