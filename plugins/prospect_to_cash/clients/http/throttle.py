"""Waiting when a service asks for it: one clock per identity, obeyed by all its threads and, with a store, processes.

Both services count requests per identity and prolong the wait of a client that comes back early, so a wait that
one thread is asked for holds for all of them.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from prospect_to_cash.boottime import boottime
from prospect_to_cash.errors import P2CError, Throttled

LONGEST = 86_400.0
"""Seconds: no service means more; a longer wait would be a garbled one, and hold this identity for ever."""
LOOK_EVERY = 1.0
"""Seconds between two looks into the store of shared waits."""
STORE_PAUSE = 30.0
"""Seconds for which a store that did not answer is left alone."""
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waits:
    """How often the service asked for a wait, and how many seconds all threads together spent waiting."""

    asked: int
    seconds: float


class WaitStore(Protocol):
    """Where the waits of one identity are kept for its other processes.

    Both return the seconds left to wait, and how often the service has asked for a wait so far; both raise
    P2CError when the store does not answer.
    """

    def hold(self, seconds: float) -> tuple[float, int]:
        """Keep a wait of `seconds` from now; a longer one that already runs stays."""

    def current(self) -> tuple[float, int]:
        """The wait that runs now."""


class ThrottleClock:
    """The moment before which one identity sends nothing.

    With a store (`sharing`) that holds for all processes of the identity. A store that does not answer is
    left alone for a while; until then each process obeys the waits that it was asked for itself.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._resumes = 0.0
        self._asked = 0
        self._seconds = 0.0
        self._store: WaitStore | None = None
        self._store_lock = threading.Lock()
        self._next_look = 0.0
        self._asked_in_store: int | None = None
        self._warned = False

    @contextmanager
    def sharing(self, store: WaitStore) -> Iterator[None]:
        """Obey the waits in `store`, and keep those of this process there."""
        before, self._store, self._next_look, self._asked_in_store = self._store, store, 0.0, None
        try:
            yield
        finally:
            self._store = before

    def hold(self, seconds: float) -> None:
        """Nobody sends for `seconds` from now; a longer wait that already runs stays."""
        log.info("%s asks to wait %.0f seconds", self._host, seconds)
        with self._lock:
            self._resumes = max(self._resumes, boottime() + seconds)
        if not self._consult(lambda store: store.hold(seconds), holding=True):
            with self._lock:
                self._asked += 1

    def wait(self, at_most: float) -> None:
        """Return when sending is allowed.

        Raises Throttled at once if that takes more than `at_most` seconds.
        """
        while (left := self._left()) > 0:
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

    def _left(self) -> float:
        """Seconds left to wait, after a look into the store unless somebody looked a moment ago."""
        if self._store is not None and boottime() >= self._next_look:
            self._consult(lambda store: store.current())
        return self._resumes - boottime()

    def _consult(self, ask: Callable[[WaitStore], tuple[float, int]], holding: bool = False) -> bool:
        """Ask the store and take over its answer; returns whether it was asked and answered."""
        with self._store_lock:
            now = boottime()
            early = now < self._next_look and (self._warned or not holding)
            if self._store is None or early:
                return False
            try:
                seconds, times = ask(self._store)
            except P2CError as error:
                self._next_look = now + STORE_PAUSE
                if not self._warned:
                    log.warning("Waits of %s are not shared with other tasks for now: %s", self._host, error)
                self._warned = True
                return False
            self._warned = False
            self._next_look = boottime() + LOOK_EVERY
            self._take_over(seconds, times, holding)
            return True

    def _take_over(self, seconds: float, times: int, holding: bool) -> None:
        """Obey a wait from the store; one that ended before the first look counts for nothing."""
        before = self._asked_in_store
        if before is None:
            before = times - 1 if holding or seconds > 0 else times
        self._asked_in_store = times
        with self._lock:
            self._asked += max(times - before, 0)
            if seconds > 0:
                self._resumes = max(self._resumes, boottime() + seconds)


class ConcurrencyLimit:
    """How many requests may be in flight: halved when the service throttles, raised by one after quiet answers.

    Additive increase, multiplicative decrease, as in TCP. The ceiling is the card's `max_parallel`.
    """

    def __init__(self, clock: ThrottleClock, ceiling: int) -> None:
        self._clock = clock
        self._ceiling = ceiling
        self._asked = clock.waits.asked
        self._quiet = 0
        self.current = ceiling

    def answered(self) -> int:
        """Count one answer; returns the new limit. Waits asked of any thread of this identity count."""
        asked = self._clock.waits.asked
        if asked > self._asked:
            self._asked, self._quiet = asked, 0
            self.current = max(self.current // 2, 1)
        else:
            self._quiet += 1
            if self._quiet >= self.current:
                self.current, self._quiet = min(self.current + 1, self._ceiling), 0
        return self.current


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
