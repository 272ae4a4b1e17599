"""Strategy ``delta``: what the source itself says has changed or is gone since the last read.

The first read brings everything and, on its last page, a link to what changes from then on; each later
read follows the link of the one before. Links are stored with the rows of the page that brought them, so
that a crash repeats pages and never skips any. The run's interval plays no part; a backfill reads exactly
its dates, as strategy ``window`` does. Rules: dataverse sheet, section 5.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.pages import Page
from prospect_to_cash.errors import Expired, Refused
from prospect_to_cash.stores import change_link
from prospect_to_cash.stores.change_link import ChangeLink
from prospect_to_cash.stores.coverage import Kind, Reading
from prospect_to_cash.stores.raw_store import Landed
from prospect_to_cash.strategies.extraction import Extraction, Tally
from prospect_to_cash.strategies.full import full_read
from prospect_to_cash.strategies.tracking import keep_link
from prospect_to_cash.strategies.window import reread
from prospect_to_cash.window import Window

log = logging.getLogger(__name__)
# Of the time for which the source keeps changes: after so much of it a longer pause ends in reading everything.
OLD = 5 / 7
# Refusals of a link that say that it leads nowhere any more, however they are worded.
LOST = (400, 404, 410)


def extract(job: Extraction) -> Tally:
    """Read what has changed since the last read, or everything where there is no link to go on from.

    A link that the source no longer knows is replaced by a full read, which still finds what is gone.
    """
    if job.kind == "backfill":
        return reread(job)
    bound = job.coverage.bound(job.run_id, lambda: None)
    with job.coverage.alone():
        whole = _under_way(job, "tracked")
        if job.full and not job.coverage.completed_since(job.shape, bound.decided_at):
            fresh = whole is not None and whole.began_at >= bound.decided_at
            return full_read(job, whole if whole and fresh else _begin(job, "tracked"))
        if whole:
            return full_read(job, whole)
        link = change_link.find(job.connection, job.env_id, job.read.entity, job.shape)
        if link:
            _warn_before_expiry(job, link)
            try:
                return _changes(job, link)
            except Expired as error:
                log.warning("%s Everything is read again, once.", error)
        return full_read(job, _begin(job, "tracked"))


def _begin(job: Extraction, kind: Kind) -> Reading:
    """Begin a read that covers all times up to the source's moment of now."""
    newest = job.newest()
    job.coverage.to_read(job.shape, newest)
    return job.coverage.begin(job.shape, Window(None, newest), kind)


def _under_way(job: Extraction, kind: Kind) -> Reading | None:
    """The read that an earlier try left behind, if it can be gone on with."""
    reading = job.coverage.under_way(kind)
    return reading if reading and reading.is_recent and reading.shape == job.shape else None


def _changes(job: Extraction, link: ChangeLink) -> Tally:
    """Land what has changed, bury what is gone, and keep the next link in the transaction of the last page."""
    reading = _under_way(job, "changes") or _begin(job, "changes")
    buried = 0

    def progress(cursor: Cursor, page: Page) -> None:
        nonlocal buried
        buried += change_link.bury(cursor, job.table, list(page.deleted), page.observed_at)
        if page.next_link is not None:
            job.coverage.advance(cursor, reading.read_id, page.next_link)
            return
        keep_link(job, cursor, page, reading)
        assert reading.window is not None
        job.coverage.add(cursor, reading.window)
        job.coverage.forget(cursor)

    try:
        landed = _follow(job, reading.next_link or link.link, progress)
    except Expired:
        job.coverage.abandon()
        if reading.next_link is None:
            raise
        log.info("%s: the place where the read stopped is lost; it begins anew", job.read.entity)
        return _changes(job, link)
    return Tally(landed, buried, ("changes since the last read",))


def _follow(job: Extraction, link: str, progress: Callable[[Cursor, Page], None]) -> Landed:
    """Land the pages from a link on. Raises Expired when the source does not know it any more."""
    try:
        return job.land(job.follow(link), progress)
    except Refused as error:
        if error.status not in LOST:
            raise
        raise Expired(f"{error}") from None


def _warn_before_expiry(job: Extraction, link: ChangeLink) -> None:
    if link.age > job.read.expires * OLD:
        log.warning(
            "%s: the last read was %.1f days ago, and the source is taken to keep changes for %.0f days; after "
            "that everything has to be read again. Run the flow more often, or keep changes longer there.",
            job.read.entity,
            link.age / timedelta(days=1),
            job.read.expires / timedelta(days=1),
        )
