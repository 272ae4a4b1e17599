"""Full reads: everything is read, and what is gone is found."""

from __future__ import annotations

import logging
from collections.abc import Callable

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.errors import Expired, Misconfigured, Unavailable
from prospect_to_cash.extract import change_link
from prospect_to_cash.extract.absence import Absences, find_absences
from prospect_to_cash.extract.change_tracking import land_changes_during, meet_all_again, store_link
from prospect_to_cash.extract.coverage import Reading
from prospect_to_cash.extract.extraction import Extraction, ReadResult
from prospect_to_cash.extract.lookups import LOOKUP_AT_ONCE, confirmations
from prospect_to_cash.extract.raw_table import Landed
from prospect_to_cash.extract.window import Window

log = logging.getLogger(__name__)


def full_read(job: Extraction, reading: Reading) -> ReadResult:
    """Read all rows, note their keys, look up the records that were not met, and mark the missing ones as deleted.

    With change tracking, the link to later changes is stored with the last page and settled at the end.
    Raises Misconfigured when more than half of the records would be deleted and the run was not forced.
    """
    tracked = reading.kind == "tracked"

    def advance(cursor: Cursor, page: Page) -> None:
        job.coverage.advance(cursor, reading.read_id, page.next_link)
        if tracked and page.next_link is None:
            store_link(job, cursor, page, reading)

    landed = land_rest(job, reading, None, advance)
    if tracked:
        landed += land_changes_during(job, reading)
        landed += meet_all_again(job, reading)
    return finish(job, reading, landed)


def finish(job: Extraction, reading: Reading, landed: Landed) -> ReadResult:
    """Complete a full read whose rows have landed: look up what was not met, mark the missing records as deleted."""
    absent = find_absences(job.table, reading.read_id)
    if absent.seen is None:
        job.coverage.abandon()
        raise Unavailable(
            f"A crash of Postgres lost the keys that the read of {job.read.entity} had met; the read begins again."
        )
    seen = absent.seen
    if len(absent.keys) > LOOKUP_AT_ONCE:
        _refuse_an_emptied_source(job, absent)
    if absent.keys:
        landed += job.land(confirmations(job, absent.keys), lambda cursor, page: None, reading.read_id)
        absent = find_absences(job.table, reading.read_id)
    _refuse_an_emptied_source(job, absent)
    with job.connection, job.connection.cursor() as cursor:
        deleted = job.table.mark_absent(cursor, reading.read_id, absent.keys, job.coverage.order)
        job.coverage.complete(cursor, reading, seen)
        if reading.kind == "tracked":
            change_link.settle(cursor, job.env_id, job.read.entity)
    return ReadResult(landed, deleted, ("everything",))


def _refuse_an_emptied_source(job: Extraction, absent: Absences) -> None:
    """Raises Misconfigured when too many records are gone at once and the run was not forced; abandons the read."""
    if job.force or not absent.looks_emptied:
        return
    job.coverage.abandon()
    raise Misconfigured(
        f"{job.env_id} no longer returns {len(absent.keys)} of {absent.existing} records of "
        f"{job.read.entity}, which looks like a fault (rights, filter, an emptied copy), so nothing is "
        "marked as deleted; if they are really gone, run the flow with `force`."
    )


def land_rest(
    job: Extraction, reading: Reading, asked: Window | None, progress: Callable[[Cursor, Page], None]
) -> Landed:
    """Land the pages of ``asked`` that have not landed yet: all, those after the last landed one, or none.

    A full read (``asked`` None) notes the keys it meets. Raises Unavailable when the source no longer accepts the link
    where the read stopped; the next try begins again.
    """
    read_id = reading.read_id if asked is None else None
    track = reading.kind == "tracked"
    if reading.pages == 0:
        return job.land(job.tracked_pages() if track else job.pages(asked), progress, read_id)
    if reading.next_link is None:
        return Landed()
    log.info("%s: continuing after page %d", job.read.entity, reading.pages)
    try:
        return job.land(job.follow(reading.next_link, track), progress, read_id)
    except (Misconfigured, Expired):
        job.coverage.abandon()
        raise Unavailable(
            f"{job.env_id} no longer continues the read of {job.read.entity}; it begins again."
        ) from None
