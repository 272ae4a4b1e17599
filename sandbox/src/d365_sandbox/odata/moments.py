"""Dates and times in the form that both systems put on the wire."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def to_utc(text: str) -> datetime:
    """A date or a date with time and offset as UTC. Raises ValueError when it is neither."""
    if _DATE.fullmatch(text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("the offset is missing")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("the moment is outside of the calendar") from None


def wire(moment: datetime) -> str:
    """UTC, whole seconds, `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def comparable(text: str) -> str:
    """Text whose order is the order of the moments: no `Z`, a fraction only where there is one."""
    moment = to_utc(text)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction
