"""Strategy ``compare``: full reads at a cadence of their own, for sets without a time of change."""

from __future__ import annotations

from prospect_to_cash.strategies.extraction import Extraction, Tally
from prospect_to_cash.strategies.full import full_read

# A daily run starts some seconds earlier or later each day; without slack it may find nothing due.
SLACK = 0.05


def extract(job: Extraction) -> Tally:
    """Read everything when due: never read completely, asked for, fields changed, or its time has come."""
    bound = job.coverage.bound(job.run_id, lambda: None)
    with job.coverage.alone():
        if job.coverage.completed_since(job.shape, bound.decided_at):
            return Tally(what=("nothing: read meanwhile",))
        if not is_due(job):
            return Tally(what=("nothing: not due",))
        reading = job.coverage.under_way()
        if (
            reading is None
            or reading.window is not None
            or reading.shape != job.shape
            or not reading.is_recent
            or reading.began_at < bound.decided_at
        ):
            reading = job.coverage.begin(job.shape, None)
        return full_read(job, reading)


def is_due(job: Extraction) -> bool:
    """Whether everything has to be read: its cadence, a wish, other fields, or never read completely."""
    age = job.coverage.seconds_since_complete(job.shape)
    if job.full or age is None or job.read.every is None:
        return True
    return age >= job.read.every.total_seconds() * (1 - SLACK)
