"""The sandbox's own clock, which tests may move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class Clock:
    """The current time plus an offset in seconds."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def stamp(self) -> str:
        """The time as both systems write it: UTC, whole seconds, `Z`."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%SZ")

    def http_date(self) -> str:
        """The time as the Date header of an answer."""
        return format_datetime(self.now().replace(microsecond=0), usegmt=True)
