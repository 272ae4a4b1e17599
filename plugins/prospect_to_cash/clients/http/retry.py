"""When a read, a poll or a download is tried again: one policy, carried out by tenacity.

Writes have rules of their own (`odata.writing`): whether one may be sent twice depends on what is written.
"""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
)

from prospect_to_cash.clients.http.transport import Transient

LONGEST_PAUSE = 60.0

log = logging.getLogger(__name__)


def is_transient(error: BaseException) -> bool:
    return isinstance(error, Transient)


@dataclass(frozen=True)
class RetryPolicy:
    """How often one request is tried, and how long to pause between two tries.

    The first pause lasts about `backoff` seconds; each further one is twice as long, at most a minute, with jitter.
    `longest_wait` is how many seconds one request may spend in the waits that the service itself asks for.
    """

    attempts: int = 5
    backoff: float = 1.0
    longest_wait: float = 600.0

    def pause(self, failures: int) -> float:
        """Seconds to pause after `failures` failures before the latest one."""
        return min(self.backoff * 2.0**failures, LONGEST_PAUSE) * random.uniform(0.5, 1.0)

    def retrying(self, what: str, retried: Callable[[BaseException], bool] = is_transient) -> Retrying:
        """Calls a function until it succeeds, fails with an error that is not `retried`, or attempts run out.

        The last error is raised as it is. `what` names the request in the log.
        """

        def log_retry(state: RetryCallState) -> None:
            error = state.outcome and state.outcome.exception()
            log.info("Retrying %s (%d of %d): %s", what, state.attempt_number + 1, self.attempts, error)

        return Retrying(
            stop=stop_after_attempt(self.attempts),
            wait=lambda state: self.pause(state.attempt_number - 1),
            retry=retry_if_exception(retried),
            before_sleep=log_retry,
            reraise=True,
        )


@dataclass(frozen=True)
class PollPolicy:
    """How often a question is asked until its answer is final: after `first` seconds, then at growing intervals.

    No interval is longer than `longest` seconds; no question is asked later than `deadline` seconds after the first.
    """

    first: float = 0.2
    longest: float = 5.0
    deadline: float = 7200.0

    def polling(self, again: Callable[[Any], bool]) -> Retrying:
        """Calls a function while `again` holds for its result; the last result when the deadline has passed.

        Errors of the function are raised at once: the question retries by itself.
        """

        def pause(state: RetryCallState) -> float:
            left = self.deadline - (state.seconds_since_start or 0.0)
            return max(min(self.first * 1.5 ** min(state.attempt_number - 1, 50), self.longest, left), 0.0)

        def last_result(state: RetryCallState) -> object:
            return state.outcome.result() if state.outcome else None

        return Retrying(
            stop=stop_after_delay(self.deadline),
            wait=pause,
            retry=retry_if_result(again),
            retry_error_callback=last_result,
        )
