"""Requests that are carried out some time after their connection was cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from typing import Any

from d365_sandbox.faults.delivery import NOTHING
from d365_sandbox.faults.exchange import FOR_EVER, Delivery, Effect, Exchange
from d365_sandbox.web.messages import Reply


@dataclass(frozen=True, slots=True)
class Late(Effect):
    """The connection ends at once, and the request is carried out `seconds` later, or when the admin API says so.

    So it is with a gateway that gives up on a caller while the service still works or has the request in a queue.
    """

    seconds: float = FOR_EVER
    reset: bool = False
    kind = "late"

    def __post_init__(self) -> None:
        if not self.seconds >= 0:
            raise ValueError(f"seconds is {self.seconds}: write a number that is not negative.")

    def before(self, exchange: Exchange) -> Reply | None:
        return Reply(NOTHING)

    def deliver(self, delivery: Delivery) -> None:
        delivery.drops, delivery.resets = True, self.reset

    @property
    def postponed(self) -> float | None:
        return self.seconds


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request that is still to be carried out."""

    method: str
    path: str
    run: Callable[[], object]
    timer: asyncio.TimerHandle | None = None


class LateRequests:
    """The late requests of one system, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []

    def postpone(self, seconds: float, method: str, path: str, run: Callable[[], object]) -> None:
        """Call `run` after so many seconds of the machine's clock; for infinitely many, on `execute` alone."""
        waiting = _Waiting(method, path, run)
        self._waiting.append(waiting)
        if seconds != FOR_EVER:
            loop = asyncio.get_running_loop()
            waiting.timer = loop.call_later(seconds, self._run, waiting, context=Context())

    def execute(self) -> int:
        """Carry out all that wait, now; returns how many."""
        waiting = list(self._waiting)
        for each in waiting:
            Context().run(self._run, each)
        return len(waiting)

    def forget(self) -> bool:
        """Never carry out those that wait."""
        for each in self._waiting:
            if each.timer:
                each.timer.cancel()
        self._waiting.clear()
        return True

    def shown(self) -> list[dict[str, Any]]:
        return [{"method": each.method, "path": each.path} for each in self._waiting]

    def _run(self, waiting: _Waiting) -> None:
        self._waiting.remove(waiting)
        if waiting.timer:
            waiting.timer.cancel()
        waiting.run()
