"""Spans of time that the query functions name: last seven days, this month, next three years.

Days begin at midnight UTC, weeks on Sunday, the fiscal year in January with quarters as periods: the settings of a
new organisation (that the caller's time zone is UTC is assumed).
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]  # from, to; the end is not part of it

_DAY = timedelta(days=1)
_MOST = 100_000  # units; larger numbers are out of any calendar


def named_span(name: str, now: datetime) -> Span | None:
    """The span of a function without a number, such as ThisMonth."""
    make = _NAMED.get(name)
    return make(now) if make else None


def counted_span(name: str, now: datetime, count: int) -> Span | None:
    """The span of LastX..., NextX... and OlderThanX... . Raises ValueError for a number out of any calendar."""
    for prefix in ("LastX", "NextX", "OlderThanX"):
        unit = name.removeprefix(prefix)
        if unit != name and unit in _SHIFTS:
            break
    else:
        return None
    if not 0 < count <= _MOST:
        raise ValueError("the number is out of range")
    try:
        if prefix == "NextX":
            return now, _end(unit, _SHIFTS[unit](now, count))
        start = _start(unit, _SHIFTS[unit](now, -count))
    except (OverflowError, ValueError):
        raise ValueError("the number is out of range") from None
    return (_EARLIEST.replace(tzinfo=now.tzinfo), start) if prefix == "OlderThanX" else (start, now)


_EARLIEST = datetime(1, 1, 1)


def day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _start(unit: str, moment: datetime) -> datetime:
    """Whole days for units of a day and longer, the moment itself for hours and minutes (assumed)."""
    return moment if unit in ("Hours", "Minutes") else day(moment)


def _end(unit: str, moment: datetime) -> datetime:
    return moment if unit in ("Hours", "Minutes") else day(moment) + _DAY


def _months(moment: datetime, count: int) -> datetime:
    month = moment.year * 12 + moment.month - 1 + count
    year, month = month // 12, month % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def _of_month(now: datetime, offset: int, length: int = 1) -> Span:
    start = _months(day(now).replace(day=1), offset)
    return start, _months(start, length)


def _of_quarter(now: datetime, offset: int) -> Span:
    start = day(now).replace(month=(now.month - 1) // 3 * 3 + 1, day=1)
    return _of_month(start, offset * 3, 3)


def _of_week(now: datetime, offset: int) -> Span:
    start = day(now) - _DAY * ((now.weekday() + 1) % 7) + _DAY * 7 * offset
    return start, start + _DAY * 7


def _of_year(now: datetime, offset: int) -> Span:
    return _of_month(now.replace(month=1), offset * 12, 12)


_SHIFTS: Mapping[str, Callable[[datetime, int], datetime]] = {
    "Minutes": lambda at, n: at + timedelta(minutes=n),
    "Hours": lambda at, n: at + timedelta(hours=n),
    "Days": lambda at, n: at + _DAY * n,
    "Weeks": lambda at, n: at + _DAY * 7 * n,
    "Months": _months,
    "Years": lambda at, n: _months(at, 12 * n),
    "FiscalPeriods": lambda at, n: _months(at, 3 * n),
    "FiscalYears": lambda at, n: _months(at, 12 * n),
}

_NAMED: Mapping[str, Callable[[datetime], Span]] = {
    "Today": lambda now: (day(now), day(now) + _DAY),
    "Yesterday": lambda now: (day(now) - _DAY, day(now)),
    "Tomorrow": lambda now: (day(now) + _DAY, day(now) + _DAY * 2),
    "Last7Days": lambda now: (day(now) - _DAY * 7, now),
    "Next7Days": lambda now: (now, day(now) + _DAY * 8),
    "LastWeek": lambda now: _of_week(now, -1),
    "ThisWeek": lambda now: _of_week(now, 0),
    "NextWeek": lambda now: _of_week(now, 1),
    "LastMonth": lambda now: _of_month(now, -1),
    "ThisMonth": lambda now: _of_month(now, 0),
    "NextMonth": lambda now: _of_month(now, 1),
    "LastYear": lambda now: _of_year(now, -1),
    "ThisYear": lambda now: _of_year(now, 0),
    "NextYear": lambda now: _of_year(now, 1),
    "LastFiscalPeriod": lambda now: _of_quarter(now, -1),
    "ThisFiscalPeriod": lambda now: _of_quarter(now, 0),
    "NextFiscalPeriod": lambda now: _of_quarter(now, 1),
    "LastFiscalYear": lambda now: _of_year(now, -1),
    "ThisFiscalYear": lambda now: _of_year(now, 0),
    "NextFiscalYear": lambda now: _of_year(now, 1),
}
