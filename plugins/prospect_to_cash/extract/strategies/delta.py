"""Strategy ``delta``: what the source reports as changed or deleted since the last read (change tracking).

The first read returns everything and, on its last page, a link to later changes; each later read follows the link of
the one before. A link is stored in the transaction of the page that brought it, so a crash repeats pages and never
skips any. The run's interval plays no part; a backfill reads exactly its dates, as strategy ``window`` does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.errors import Expired, Refused
from prospect_to_cash.extract import change_link
from prospect_to_cash.extract.change_link import ChangeLink
from prospect_to_cash.extract.change_tracking import store_link
from prospect_to_cash.extract.coverage import Kind, Reading
from prospect_to_cash.extract.extraction import Extraction, ReadResult
from prospect_to_cash.extract.full_read import full_read
from prospect_to_cash.extract.raw_table import Landed
from prospect_to_cash.extract.strategies.window import reread
from prospect_to_cash.extract.window import Window
from prospect_to_cash.flow_card import DeltaRead

log = logging.getLogger(__name__)
# The share of the time for which the source keeps changes after which a run warns.
WARN_AFTER = 5 / 7
# Statuses with which the source refuses a link that it no longer knows, whatever the message.
UNKNOWN_LINK = (400, 404, 410)


def extract(job: Extraction) -> ReadResult:
    """Read what has changed since the last read, or everything where there is no link.

    When the source no longer knows the link, everything is read, which still finds what is gone.
    """
    if job.kind == "backfill":
        return reread(job)
    bound = job.coverage.bound(job.run_id, lambda: None)
    with job.coverage.exclusive():
        unfinished = _unfinished(job, "tracked")
        if job.full and not job.coverage.completed_since(job.select_hash, bound.decided_at):
            fresh = unfinished is not None and unfinished.began_at >= bound.decided_at
            return full_read(job, unfinished if unfinished and fresh else _begin(job, "tracked"))
        if unfinished:
            return full_read(job, unfinished)
        link = change_link.find(job.connection, job.env_id, job.read.entity, job.select_hash)
        if link:
            _warn_before_expiry(job, link)
            try:
                return _changes(job, link)
            except Expired as error:
                log.warning("%s Everything is read once more.", error)
        return full_read(job, _begin(job, "tracked"))


def _begin(job: Extraction, kind: Kind) -> Reading:
    """Begin a read that covers all times up to now, by the source's clock."""
    newest = job.newest()
    job.coverage.gaps(job.select_hash, newest)
    return job.coverage.begin(job.select_hash, Window(None, newest), kind)


def _unfinished(job: Extraction, kind: Kind) -> Reading | None:
    """The unfinished read of an earlier try, if this one can continue it."""
    reading = job.coverage.unfinished(kind)
    return reading if reading and reading.is_recent and reading.select_hash == job.select_hash else None


def _changes(job: Extraction, link: ChangeLink) -> ReadResult:
    """Land what has changed, mark what is gone as deleted, and store the next link in the transaction of the last page."""
    reading = _unfinished(job, "changes") or _begin(job, "changes")
    deleted = 0

    def progress(cursor: Cursor, page: Page) -> None:
        nonlocal deleted
        deleted += job.table.mark_deleted(cursor, page.deleted, job.coverage.order)
        if page.next_link is not None:
            job.coverage.advance(cursor, reading.read_id, page.next_link)
            return
        store_link(job, cursor, page, reading)
        assert reading.window is not None
        job.coverage.add(cursor, reading.window)
        job.coverage.end(cursor)

    try:
        landed = _follow(job, reading.next_link or link.link, progress)
    except Expired:
        job.coverage.abandon()
        if reading.next_link is None:
            raise
        log.info(
            "%s: the source no longer knows the link where the read stopped; the read begins again",
            job.read.entity,
        )
        return _changes(job, link)
    return ReadResult(landed, deleted, ("changes since the last read",))


def _follow(job: Extraction, link: str, progress: Callable[[Cursor, Page], None]) -> Landed:
    """Land the pages from a link on. Raises Expired when the source no longer knows the link."""
    try:
        return job.land(job.follow(link), progress)
    except Refused as error:
        if error.status not in UNKNOWN_LINK:
            raise
        raise Expired(f"{error}") from None


def _warn_before_expiry(job: Extraction, link: ChangeLink) -> None:
    if isinstance(job.read, DeltaRead) and link.age > job.read.change_tracking_expires_after * WARN_AFTER:
        log.warning(
            "%s: the last read was %.1f days ago, and the source keeps changes for %.0f days; after that "
            "everything must be read again. Run the flow more often, or keep changes longer there.",
            job.read.entity,
            link.age / timedelta(days=1),
            job.read.change_tracking_expires_after / timedelta(days=1),
        )
