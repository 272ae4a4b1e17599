"""The limits per user that F&O had until 10.0.35, where they were optional (finops-odata sheet, section 9)."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from sandbox.clock import Clock
from sandbox.finops.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that a request would break: what the answer says, and after how many seconds to come back."""

    message: str
    retry_after: int


@dataclass(slots=True)
class _User:
    finished: deque[tuple[float, float]] = field(default_factory=deque)
    started: list[float] = field(default_factory=list)


class UserLimits:
    """Requests, execution time and concurrent requests of each user in a sliding window.

    The window moves with the sandbox's clock, so that moving the clock empties it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._users: dict[str, _User] = {}

    def enter(self, name: str, parameters: Parameters) -> Exceeded | None:
        """Count a request in, or say which limit it breaks."""
        user, now = self._users.setdefault(name, _User()), self._now()
        window = parameters.user_window_seconds
        while user.finished and user.finished[0][0] <= now - window:
            user.finished.popleft()
        wait = max(1, round(user.finished[0][0] + window - now)) if user.finished else 1
        if len(user.started) >= parameters.user_concurrent:
            text = f"Number of concurrent requests exceeded the limit of {parameters.user_concurrent}."
            return Exceeded(text, 1)
        if len(user.finished) + len(user.started) >= parameters.user_requests:
            text = (
                f"Number of requests exceeded the limit of {parameters.user_requests} over the time window of "
                f"{window} seconds."
            )
            return Exceeded(text, wait)
        if sum(spent for _, spent in user.finished) >= parameters.user_seconds:
            text = (
                "Combined execution time of incoming requests exceeded limit of "
                f"{parameters.user_seconds} seconds over time window of {window} seconds. "
                "Decrease number of concurrent requests or reduce duration of requests and try again later."
            )
            return Exceeded(text, wait)
        user.started.append(time.monotonic())
        return None

    def leave(self, name: str) -> None:
        """Count a request out."""
        user = self._users[name]
        user.finished.append((self._now(), time.monotonic() - user.started.pop(0)))

    def _now(self) -> float:
        return self._clock.now().timestamp()
