"""How much of a service one user may take in a sliding window: requests, execution time, concurrent requests.

Both systems have, or had, such limits; how they refuse a request is up to each of them (dataverse sheet,
section 7; finops-odata sheet, section 9).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from d365_sandbox.clock import Clock

Kind = Literal["requests", "execution", "concurrent"]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of every user on each of the web servers; None sets no limit of this kind."""

    requests: int | None = None
    execution_ms: int | None = None
    concurrent: int | None = None
    window_seconds: int = 300
    web_servers: int = 1


@dataclass(frozen=True, slots=True)
class Exceeded:
    """The limit that a request exceeds, and after how many seconds to try again."""

    kind: Kind
    retry_after: int


@dataclass(slots=True)
class _Usage:
    """What one user took: per second of the window a number of requests and the time they ran."""

    requests: dict[int, int] = field(default_factory=dict)
    execution_ms: dict[int, float] = field(default_factory=dict)
    running: int = 0


class UserLimits:
    """The usage of every user. The window moves with the sandbox's clock, so moving the clock empties it.

    Refused requests count too, so a caller that keeps sending waits longer (dataverse sheet, section 7). That
    the window is kept in whole seconds is the sandbox's own choice.
    """

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._users: dict[str, _Usage] = {}

    def enter(self, user: str) -> Exceeded | None:
        """Count a request as running, or return the limit that refuses it. Call `leave` for each one that was
        admitted."""
        usage, now = self._usage(user), self._now()
        exceeded = self._exceeded(usage, now)
        usage.requests[now] = usage.requests.get(now, 0) + 1
        if exceeded is None:
            usage.running += 1
        return exceeded

    def leave(self, user: str, milliseconds: float) -> None:
        """Count a request as finished, with its execution time."""
        usage, now = self._usage(user), self._now()
        usage.running -= 1
        usage.execution_ms[now] = usage.execution_ms.get(now, 0) + milliseconds

    def used(self, user: str) -> tuple[int, float]:
        """Requests and milliseconds of the user in the window that ends now."""
        usage = self._usage(user)
        return sum(usage.requests.values()), sum(usage.execution_ms.values())

    def _exceeded(self, usage: _Usage, now: int) -> Exceeded | None:
        """The concurrent limit trips at once, the other two when the window has filled (section 7)."""
        limits = self.limits
        if limits.concurrent is not None and usage.running >= limits.concurrent:
            return Exceeded("concurrent", 1)  # how long is assumed: until another request ends
        if limits.requests is not None and sum(usage.requests.values()) >= limits.requests:
            allowed = limits.requests
            return Exceeded("requests", self._wait(usage.requests, now, lambda left: left < allowed))
        if limits.execution_ms is not None and sum(usage.execution_ms.values()) >= limits.execution_ms:
            spent = limits.execution_ms
            return Exceeded("execution", self._wait(usage.execution_ms, now, lambda left: left < spent))
        return None

    def _wait(
        self, window: dict[int, int] | dict[int, float], now: int, enough: Callable[[float], bool]
    ) -> int:
        """Seconds until so much has left the window that a request is taken again."""
        left = float(sum(window.values()))
        for second, amount in sorted(window.items()):
            left -= amount
            if enough(left):
                return max(1, second + self.limits.window_seconds - now)
        return self.limits.window_seconds

    def _usage(self, user: str) -> _Usage:
        usage = self._users.setdefault(user, _Usage())
        now = self._now()
        oldest = now - self.limits.window_seconds
        for window in (usage.requests, usage.execution_ms):
            for second in [s for s in window if not oldest < s <= now]:
                del window[second]
        return usage

    def _now(self) -> int:
        return math.floor(self._clock.now().timestamp())
