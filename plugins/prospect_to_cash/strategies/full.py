"""Reading everything, which also finds what is gone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.literals import is_guid
from prospect_to_cash.clients.pages import Page
from prospect_to_cash.errors import Expired, Misconfigured, Unavailable
from prospect_to_cash.stores import change_link
from prospect_to_cash.stores.absence import absences, bury, numbers_in_key
from prospect_to_cash.stores.coverage import Reading
from prospect_to_cash.stores.keys import key_values
from prospect_to_cash.stores.raw_store import Landed
from prospect_to_cash.strategies.extraction import Extraction, Tally
from prospect_to_cash.strategies.tracking import keep_link, land_meanwhile
from prospect_to_cash.window import Window

log = logging.getLogger(__name__)
LOOKUP_AT_ONCE = 1000


def full_read(job: Extraction, reading: Reading) -> Tally:
    """Read all rows, note the keys, confirm by key what was not met, then set the tombstones.

    With change tracking, the link to later changes is kept with the last page and settled at the end.
    Raises Misconfigured when more than half of the records would vanish and the run was not forced.
    """
    tracked = reading.kind == "tracked"

    def advance(cursor: Cursor, page: Page) -> None:
        job.coverage.advance(cursor, reading.read_id, page.next_link)
        if tracked and page.next_link is None:
            keep_link(job, cursor, page, reading)

    landed = land_rest(job, reading, None, advance)
    if tracked:
        landed += land_meanwhile(job, reading)
    return close(job, reading, landed)


def close(job: Extraction, reading: Reading, landed: Landed) -> Tally:
    """End a full read whose rows are in: confirm what was not met, set the tombstones."""
    absent = absences(job.table, reading.read_id)
    if absent.seen is None:
        job.coverage.abandon()
        raise Unavailable(
            f"A crash of Postgres lost which records of {job.read.entity} were met; the read begins anew."
        )
    if absent.looks_emptied and not job.force:
        job.coverage.abandon()
        raise Misconfigured(
            f"{job.env_id} no longer shows {len(absent.keys)} of {absent.standing} records of "
            f"{job.read.entity}, which looks like a fault (rights, filter, an emptied copy), so nothing is "
            "marked as deleted; if they are really gone, run the flow with `force`."
        )
    asked_at = datetime.now(UTC)
    gone = absent.keys
    if gone:
        landed += job.land(confirmations(job, gone), lambda cursor, page: None, reading.read_id)
        gone = absences(job.table, reading.read_id).keys
    with job.connection, job.connection.cursor() as cursor:
        deleted = bury(cursor, job.table, reading.read_id, gone, asked_at)
        job.coverage.complete(cursor, reading, absent.seen)
        if reading.kind == "tracked":
            change_link.settle(cursor, job.env_id, job.read.entity)
    return Tally(landed, deleted, ("everything",))


def land_rest(
    job: Extraction, reading: Reading, asked: Window | None, progress: Callable[[Cursor, Page], None]
) -> Landed:
    """Land the pages of ``asked`` that a read still has to bring: all, those after the last landed one, none.

    A full read (``asked`` None) notes the keys it meets. Raises Unavailable when the source no longer knows
    the place where the read stopped; the next try begins anew.
    """
    read_id = reading.read_id if asked is None else None
    track = reading.kind == "tracked"
    if reading.pages == 0:
        return job.land(job.tracked_pages() if track else job.pages(asked), progress, read_id)
    if reading.next_link is None:
        return Landed()
    log.info("%s: going on after page %d", job.read.entity, reading.pages)
    try:
        return job.land(job.follow(reading.next_link, track), progress, read_id)
    except (Misconfigured, Expired):
        job.coverage.abandon()
        raise Unavailable(
            f"{job.env_id} no longer continues the read of {job.read.entity}; it begins anew."
        ) from None


def confirmations(job: Extraction, keys: list[str]) -> Iterator[Page]:
    """Those of the keys that the source still has, asked one by one: pages can shift under a read."""
    numbers = numbers_in_key(job.table)
    for start in range(0, len(keys), LOOKUP_AT_ONCE):
        asked = [key_values(job.read.key, key) for key in keys[start : start + LOOKUP_AT_ONCE]]
        observed_at = datetime.now(UTC)
        rows = list(
            job.client.lookup(job.read.entity, [_typed(key, numbers) for key in asked], job.read.select)
        )
        yield Page(rows=rows, observed_at=observed_at)


def _typed(key: dict[str, str], numbers: frozenset[str]) -> dict[str, Any]:
    """The key as a filter has to write it: numbers, and a record's one key field that holds a GUID, without quotes."""
    if len(key) == 1:
        key = {name: UUID(value) if is_guid(value) else value for name, value in key.items()}  # type: ignore[misc]
    return {name: int(value) if name in numbers else value for name, value in key.items()}
