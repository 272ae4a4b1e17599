"""When a page was asked for: its place in the order of all reads of an entity (sequence ``sync.read_order``).

A read takes its number while it holds the entity's lock (``Coverage.exclusive``), and its session both holds the lock and
lands the pages. So a higher number was asked for later, and no clock of a worker plays a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one


@dataclass(frozen=True)
class Asked:
    """The place of a page in the order of reads, and its time by Postgres' clock."""

    order: int
    at: datetime


def take(cursor: Cursor) -> int:
    """The next number; belongs into a session that holds the entity's lock."""
    cursor.execute("select nextval('sync.read_order')")
    return int(one(cursor)[0])


def asked(cursor: Cursor, order: int | Asked, requested_at: datetime) -> Asked:
    """The request of read ``order`` that this worker began at ``requested_at`` by its own clock.

    Only the time since then is taken from that clock; it is subtracted from Postgres' time.
    """
    if isinstance(order, Asked):
        return order
    age = max((datetime.now(UTC) - requested_at).total_seconds(), 0.0)
    cursor.execute("select clock_timestamp() - make_interval(secs => %s)", (age,))
    return Asked(order, one(cursor)[0])
