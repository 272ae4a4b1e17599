"""Jobs (executions) of data management: their states, and the pump that works on one after another.

A job is NotRun until its turn and its delay have come, then Executing until its work is done and its running
time is over. The work is done in slices between requests, so that a large import does not block the server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.schemas.entity import fold

NOT_RUN, EXECUTING, UNKNOWN, CANCELED = "NotRun", "Executing", "Unknown", "Canceled"
SUCCEEDED, PARTIAL, FAILED = "Succeeded", "PartiallySucceeded", "Failed"
_SLICE = 0.02  # seconds of work between requests
_PAUSE = 0.05  # seconds between looks at the clock when a job waits for it
_DONE = object()


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a record, or with no record a whole file, was not taken."""

    record: str
    field: str
    message: str


@dataclass(slots=True)
class EntityRun:
    """The result of one entity in a job."""

    label: str
    state: str = NOT_RUN
    total: int = 0
    good: int = 0
    errors: list[RowError] = field(default_factory=list)
    rejected_file: str = ""
    failed_keys: list[tuple[str, ...]] = field(default_factory=list)
    keys_file: str = ""
    keys_ready_at: datetime | None = None

    def finish(self) -> None:
        if not self.errors:
            self.state = SUCCEEDED
        else:
            self.state = PARTIAL if self.good else FAILED


@dataclass(slots=True)
class Job:
    """One execution of a project. `order` is what it takes, beside a package, to do its work again after a restart."""

    id: str
    group: str
    operation: str
    company: str
    starts_at: datetime
    run_time: timedelta
    runs: list[EntityRun] = field(default_factory=list)
    began_at: datetime | None = None
    done: bool = False
    canceled: bool = False
    executed: bool = True
    package: str = ""
    package_name: str = ""
    exported: int = 0
    order: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """The state of a finished job: nothing good is Failed, anything bad beside it PartiallySucceeded."""
        states = {run.state for run in self.runs} or {SUCCEEDED}
        if states == {SUCCEEDED}:
            return SUCCEEDED
        return PARTIAL if states & {SUCCEEDED, PARTIAL} else FAILED

    def run_of(self, label: str) -> EntityRun | None:
        return next((run for run in self.runs if fold(run.label) == fold(label)), None)


Work = Callable[[Job], Iterator[object]]


class Jobs:
    """All jobs of one environment, of which one is worked on at a time. `save` is called whenever a job's
    state changes."""

    def __init__(self, clock: Clock, flush: Callable[[], None], save: Callable[[Job], None]) -> None:
        self._clock = clock
        self._flush = flush
        self._save = save
        self._jobs: dict[str, Job] = {}
        self._waiting: list[tuple[Job, Work]] = []
        self._current: tuple[Job, Iterator[object]] | None = None
        self._scheduled = False

    def add(self, job: Job, work: Work) -> None:
        self._jobs[job.id] = job
        self._waiting.append((job, work))
        self._save(job)
        self.kick()

    def know(self, job: Job, work: Work) -> None:
        """Take over a job from before a restart; an unfinished one starts again (assumed)."""
        self._jobs[job.id] = job
        if not (job.done or job.canceled):
            job.began_at = None
            self._waiting.append((job, work))

    def find(self, execution_id: str) -> Job | None:
        return self._jobs.get(execution_id)

    def all(self) -> list[Job]:
        return list(self._jobs.values())

    def state(self, job: Job) -> str:
        """The state of a job as GetExecutionSummaryStatus returns it."""
        if job.canceled:
            return CANCELED
        if not job.executed:
            return NOT_RUN
        if job.began_at is None:
            return NOT_RUN
        if not job.done or self._clock.now() < job.starts_at + job.run_time:
            return EXECUTING
        return job.outcome

    def is_finished(self, job: Job) -> bool:
        return self.state(job) not in (NOT_RUN, EXECUTING)

    def busy_with(self, group: str, operation: str) -> bool:
        """Whether a job of this project is under way."""
        return any(
            fold(job.group) == fold(group) and job.operation == operation
            for job in self._jobs.values()
            if job.executed and not self.is_finished(job)
        )

    def cancel(self, job: Job) -> None:
        """What a user does in the user interface; rows that are already in the target stay."""
        if not self.is_finished(job):
            job.canceled = True
            self._save(job)

    def kick(self) -> None:
        """Let the pump run, if there is anything to do."""
        if self._scheduled or not (self._waiting or self._current):
            return
        self._scheduled = True
        asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        ends = time.monotonic() + _SLICE
        while time.monotonic() < ends and self._step():
            pass
        self._flush()
        if self._waiting or self._current:
            self._scheduled = True
            pause = 0.0 if self._current else _PAUSE
            asyncio.get_running_loop().call_later(pause, self._turn)

    def _step(self) -> bool:
        """One step of the job that is being worked on, or the start of the next; False when none is due."""
        if self._current is None and not self._begin():
            return False
        assert self._current is not None
        job, steps = self._current
        if job.canceled or next(steps, _DONE) is _DONE:
            job.done = not job.canceled
            self._current = None
            self._save(job)
        return True

    def _begin(self) -> bool:
        """Take the first job whose time has come. Those that wait for the clock do not hold up others."""
        now = self._clock.now()
        for waiting in self._waiting:
            job, work = waiting
            if job.canceled or now >= job.starts_at:
                self._waiting.remove(waiting)
                job.began_at = now
                self._current = (job, work(job))
                return True
        return False


def summary(job: Job, state: str) -> dict[str, Any]:
    """A job as the admin API shows it."""
    return {
        "executionId": job.id,
        "definitionGroupId": job.group,
        "operation": job.operation,
        "legalEntityId": job.company,
        "state": state,
        "entities": [
            {
                "label": run.label,
                "state": run.state,
                "total": run.total,
                "good": run.good,
                "errors": len(run.errors),
            }
            for run in job.runs
        ],
    }
