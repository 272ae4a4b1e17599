"""Strategy ``window``: records by their time of change.

A record whose time of change is empty is found by full reads only, which have no filter: the first read, one that a
person asks for, and the one after a change of the selected fields.
"""

from __future__ import annotations

from datetime import datetime

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.extract.coverage import Reading
from prospect_to_cash.extract.extraction import Extraction, ReadResult
from prospect_to_cash.extract.full_read import full_read, land_rest
from prospect_to_cash.extract.window import Window


def extract(job: Extraction) -> ReadResult:
    """Read what is not covered yet, up to the run's bound; a backfill reads exactly its interval once more.

    A scheduled run is bound by the end of its interval, every run by the source's clock.
    """
    if job.kind == "backfill":
        return reread(job)
    bound = job.coverage.bound(job.run_id, lambda: _newest(job))
    assert bound.upper is not None
    result = ReadResult()
    with job.coverage.exclusive():
        if job.full and not job.coverage.completed_since(job.select_hash, bound.decided_at):
            job.coverage.gaps(job.select_hash, bound.upper)
            everything = Window(None, bound.upper)
            reading = _unfinished(job, everything)
            if reading is None or reading.began_at < bound.decided_at:
                reading = job.coverage.begin(job.select_hash, everything)
            result += full_read(job, reading)
        while gaps := job.coverage.gaps(job.select_hash, bound.upper):
            reading = _unfinished(job, gaps[0]) or job.coverage.begin(job.select_hash, gaps[0])
            assert reading.window is not None
            result += full_read(job, reading) if reading.window.start is None else _window_read(job, reading)
    return result


def _newest(job: Extraction) -> datetime:
    newest = job.newest()
    return min(job.end, newest) if job.kind == "scheduled" else newest


def _unfinished(job: Extraction, gap: Window) -> Reading | None:
    """The unfinished read of an earlier try, if its window lies in the gap."""
    reading = job.coverage.unfinished()
    if (
        reading is None
        or reading.window is None
        or not reading.is_recent
        or reading.select_hash != job.select_hash
    ):
        return None
    return reading if reading.window.start == gap.start and reading.window.end <= gap.end else None


def _window_read(job: Extraction, reading: Reading) -> ReadResult:
    window = reading.window
    assert window is not None
    asked = window.reaching_back(max(job.read.overlap, job.STEP))

    def progress(cursor: Cursor, page: Page) -> None:
        if page.next_link is None:
            job.coverage.add(cursor, window)
            job.coverage.end(cursor)
        else:
            job.coverage.advance(cursor, reading.read_id, page.next_link)

    return ReadResult(land_rest(job, reading, asked, progress), 0, (str(window),))


def reread(job: Extraction) -> ReadResult:
    """Read the run's interval once more. Coverage stays as it is: it includes a wait for late commits, which this does not."""
    assert job.start is not None
    newest = job.newest()
    if job.start >= newest:
        return ReadResult(what=("nothing: the interval has not begun",))
    window = Window(job.start, min(job.end, newest))
    with job.coverage.exclusive():
        # What is read here may be newer than the rest of a list of changes: that list is asked for anew.
        if job.coverage.unfinished("changes"):
            job.coverage.abandon()
        return ReadResult(job.land(job.pages(window), lambda cursor, page: None), 0, (str(window),))
