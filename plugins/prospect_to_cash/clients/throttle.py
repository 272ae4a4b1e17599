"""Waiting when a service asks for it: one clock per identity, obeyed by all its threads together.

Both services count per identity and prolong the wait of those who come back early, so one thread that is told
to wait speaks for all of them.
"""

import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from prospect_to_cash.errors import Throttled

LONGEST = 86_400.0
"""Seconds: no service means more; a longer wait would be a garbled one, and hold this identity for ever."""
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waits:
    """How often the service asked for a wait, and how many seconds all threads together spent waiting."""

    asked: int
    seconds: float


class ThrottleClock:
    """The moment before which one identity sends nothing."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._resumes = 0.0
        self._asked = 0
        self._seconds = 0.0

    def hold(self, seconds: float) -> None:
        """Nobody sends for `seconds` from now; a longer wait that already runs stays."""
        with self._lock:
            self._asked += 1
            self._resumes = max(self._resumes, time.monotonic() + seconds)
        log.info("%s asks to wait %.0f seconds", self._host, seconds)

    def wait(self, at_most: float) -> None:
        """Return when sending is allowed.

        Raises Throttled at once if that takes more than `at_most` seconds.
        """
        while (left := self._resumes - time.monotonic()) > 0:
            if left > at_most:
                raise Throttled(f"{self._host} asks to wait {left:.0f} seconds more.", retry_after=left)
            time.sleep(left)
            with self._lock:
                self._seconds += left
            at_most -= left

    @property
    def waits(self) -> Waits:
        with self._lock:
            return Waits(self._asked, self._seconds)


class Width:
    """How many requests may be on their way at once: one more after quiet ones, half after each that had to wait.

    Additive increase and multiplicative decrease, as networks share a line; the ceiling stands on the card.
    """

    def __init__(self, clock: ThrottleClock, ceiling: int) -> None:
        self._clock = clock
        self._ceiling = ceiling
        self._asked = clock.waits.asked
        self._quiet = 0
        self.now = ceiling

    def heard(self) -> int:
        """A request has been answered; returns the width from now on. Waits of others of this identity count too."""
        asked = self._clock.waits.asked
        if asked > self._asked:
            self._asked, self._quiet = asked, 0
            self.now = max(self.now // 2, 1)
        else:
            self._quiet += 1
            if self._quiet >= self.now:
                self.now, self._quiet = min(self.now + 1, self._ceiling), 0
        return self.now


_clocks: dict[tuple[str, str], ThrottleClock] = {}
_clocks_lock = threading.Lock()


def clock_of(origin: str, client_id: str) -> ThrottleClock:
    """The clock that everything in this process shares which is `client_id` to the service at `origin`."""
    with _clocks_lock:
        return _clocks.setdefault((origin, client_id), ThrottleClock(origin.partition("//")[2]))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait that an answer names, as a number or as a date (judged by the server's own clock)."""
    text = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST)
    until, server_now = http_date(text), http_date(headers.get("Date", ""))
    if until is None:
        return None
    return min(max((until - (server_now or datetime.now(UTC))).total_seconds(), 0.0), LONGEST)


def http_date(text: str) -> datetime | None:
    """An HTTP date as UTC; None for anything else."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
