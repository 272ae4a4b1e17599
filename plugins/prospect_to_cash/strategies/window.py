"""Strategy ``window``: records by their time of change.

A record whose timestamp is empty is met by full reads alone, which are not filtered: the first
one, one that a person asks for, and the one after a change of the selected fields.
"""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.pages import Page
from prospect_to_cash.stores.coverage import Reading
from prospect_to_cash.strategies.extraction import Extraction, Tally
from prospect_to_cash.strategies.full import full_read, land_rest
from prospect_to_cash.window import Window


def extract(job: Extraction) -> Tally:
    """Read what is not covered yet up to the run's bound; a backfill reads exactly its interval once more.

    A scheduled run is bound by the end of its interval, every run by the source's clock.
    """
    if job.kind == "backfill":
        return reread(job)
    bound = job.coverage.bound(job.run_id, lambda: _newest(job))
    assert bound.hi is not None
    tally = Tally()
    with job.coverage.alone():
        if job.full and not job.coverage.completed_since(job.shape, bound.decided_at):
            job.coverage.to_read(job.shape, bound.hi)
            everything = Window(None, bound.hi)
            reading = _under_way(job, everything)
            if reading is None or reading.began_at < bound.decided_at:
                reading = job.coverage.begin(job.shape, everything)
            tally += full_read(job, reading)
        while gaps := job.coverage.to_read(job.shape, bound.hi):
            reading = _under_way(job, gaps[0]) or job.coverage.begin(job.shape, gaps[0])
            assert reading.window is not None
            tally += full_read(job, reading) if reading.window.start is None else _window_read(job, reading)
    return tally


def _newest(job: Extraction) -> datetime:
    newest = job.newest()
    return min(job.end, newest) if job.kind == "scheduled" else newest


def _under_way(job: Extraction, gap: Window) -> Reading | None:
    """The read that an earlier try left behind, if it lies in the gap."""
    reading = job.coverage.under_way()
    if reading is None or reading.window is None or not reading.is_recent or reading.shape != job.shape:
        return None
    return reading if reading.window.start == gap.start and reading.window.end <= gap.end else None


def _window_read(job: Extraction, reading: Reading) -> Tally:
    window = reading.window
    assert window is not None
    asked = window.reaching_back(max(job.read.overlap, job.STEP))

    def progress(cursor: Cursor, page: Page) -> None:
        if page.next_link is None:
            job.coverage.add(cursor, window)
            job.coverage.forget(cursor)
        else:
            job.coverage.advance(cursor, reading.read_id, page.next_link)

    return Tally(land_rest(job, reading, asked, progress), 0, (str(window),))


def reread(job: Extraction) -> Tally:
    """Coverage stays as it is: it promises that late commits were waited for, which these bounds do not."""
    assert job.start is not None
    newest = job.newest()
    if job.start >= newest:
        return Tally(what=("nothing: the interval has not begun",))
    window = Window(job.start, min(job.end, newest))
    with job.coverage.alone():
        return Tally(job.land(job.pages(window), lambda cursor, page: None), 0, (str(window),))
