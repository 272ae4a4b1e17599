"""Strategy ``compare``: full reads at their own cadence, for sets without a time of change."""

from __future__ import annotations

from prospect_to_cash.extract.extraction import Extraction, ReadResult
from prospect_to_cash.extract.full_read import full_read

# A daily run starts some seconds earlier or later each day; without slack it may come too early.
SLACK = 0.05


def extract(job: Extraction) -> ReadResult:
    """Read everything when it is due (``is_due``)."""
    bound = job.coverage.bound(job.run_id, lambda: None)
    with job.coverage.exclusive():
        if job.coverage.completed_since(job.select_hash, bound.decided_at):
            return ReadResult(what=("nothing: another run has read it",))
        if not is_due(job):
            return ReadResult(what=("nothing: not due",))
        reading = job.coverage.unfinished()
        if (
            reading is None
            or reading.window is not None
            or reading.select_hash != job.select_hash
            or not reading.is_recent
            or reading.began_at < bound.decided_at
        ):
            reading = job.coverage.begin(job.select_hash, None)
        return full_read(job, reading)


def is_due(job: Extraction) -> bool:
    """Whether to read everything: asked for, never read completely, other fields or filter, or the cadence says so."""
    age = job.coverage.seconds_since_complete(job.select_hash)
    if job.full or age is None or job.read.every is None:
        return True
    return age >= job.read.every.total_seconds() * (1 - SLACK)
