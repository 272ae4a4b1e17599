"""When a request is tried again, and when a question is asked again."""

import logging
import time

import pytest

from prospect_to_cash.clients import RetryPolicy
from prospect_to_cash.clients.http.retry import LONGEST_PAUSE, PollPolicy
from prospect_to_cash.clients.http.transport import AnswerLost, Busy, NotSent, TooLarge
from prospect_to_cash.clients.odata.pages import Garbled
from prospect_to_cash.errors import Expired, Misconfigured, Refused, Throttled, Unavailable

QUICK = RetryPolicy(attempts=3, backoff=0.001)


class Script:
    """Raises or returns each outcome in turn; the last one stays."""

    def __init__(self, *outcomes):
        self.outcomes, self.calls = list(outcomes), 0

    def __call__(self):
        self.calls += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.parametrize("error", [NotSent("x"), AnswerLost("x"), Busy("x"), Garbled("x")])
def test_transient_errors_are_retried_and_logged(error, caplog):
    caplog.set_level(logging.INFO)
    script = Script(error, "answer")
    assert QUICK.retrying("accounts")(script) == "answer"
    assert script.calls == 2
    assert "Retrying accounts (2 of 3): x" in caplog.text


@pytest.mark.parametrize(
    "error",
    [
        TooLarge("x"),
        Unavailable("x"),
        Expired("x"),
        Misconfigured("x"),
        Refused("x", 404),
        Throttled("x", 1),
        KeyError("x"),
    ],
)
def test_other_errors_are_raised_at_once(error):
    script = Script(error)
    with pytest.raises(type(error)) as raised:
        QUICK.retrying("accounts")(script)
    assert (raised.value, script.calls) == (error, 1)


def test_the_last_error_is_raised_when_attempts_run_out():
    script = Script(NotSent("first"), NotSent("second"), NotSent("third"), "too late")
    with pytest.raises(NotSent, match="third"):
        QUICK.retrying("accounts")(script)
    assert script.calls == 3


def test_pauses_double_with_jitter_up_to_a_minute():
    policy = RetryPolicy(backoff=1.0)
    for failures, full in [(0, 1), (1, 2), (5, 32), (6, LONGEST_PAUSE), (500, LONGEST_PAUSE)]:
        pauses = [policy.pause(failures) for _ in range(200)]
        assert full / 2 <= min(pauses) < max(pauses) <= full


def test_a_poll_returns_the_first_final_answer():
    script = Script("open", "open", "closed")
    assert PollPolicy(first=0.001, longest=0.01).polling(lambda answer: answer == "open")(script) == "closed"
    assert script.calls == 3


def test_a_poll_returns_the_last_answer_at_its_deadline():
    script = Script("open")
    started = time.monotonic()
    poll = PollPolicy(first=0.04, longest=60.0, deadline=0.2)
    assert poll.polling(lambda answer: answer == "open")(script) == "open"
    assert 0.2 <= time.monotonic() - started < 5
    assert (
        2 <= script.calls <= 5
    )  # 0.04, 0.06 and 0.09 seconds apart, and once at the deadline; fewer when busy


def test_an_error_ends_a_poll():
    script = Script("open", AnswerLost("x"), "closed")
    with pytest.raises(AnswerLost):
        PollPolicy(first=0.001).polling(lambda answer: answer == "open")(script)
    assert script.calls == 2
