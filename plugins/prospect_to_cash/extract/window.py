"""The half-open window of time that a read covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True)
class Window:
    """``start <= t < end`` in UTC; ``start`` None means from the beginning of time.

    Raises ValueError for a window that is empty or runs backwards, and for times without zone.
    """

    start: datetime | None
    end: datetime

    def __post_init__(self) -> None:
        for moment in (self.start, self.end):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"{moment.isoformat()} has no time zone.")
        if self.start is not None:
            object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.start is not None and self.start >= self.end:
            raise ValueError(f"{self} is empty: a window ends after it starts.")

    def reaching_back(self, by: timedelta) -> Window:
        """The same window with an earlier start."""
        return self if self.start is None else Window(self.start - by, self.end)

    def __str__(self) -> str:
        start = "..." if self.start is None else self.start.isoformat()
        return f"[{start}, {self.end.isoformat()})"
