"""How many requests may be in flight, depending on the waits that the service asks for."""

import pytest

from prospect_to_cash.clients.http.throttle import LONGEST, ConcurrencyLimit, ThrottleClock, retry_after


def limits(events, ceiling=8):
    """The limit after each answer `.`; `!` is a wait that the service asked for before it."""
    clock = ThrottleClock("h")
    limit, seen = ConcurrencyLimit(clock, ceiling), []
    for event in events:
        if event == "!":
            clock.hold(0)
        else:
            seen.append(limit.answered())
    return seen


def test_the_limit_starts_at_the_ceiling_and_stays_there_while_nothing_is_throttled():
    assert limits("." * 20) == [8] * 20


def test_the_limit_is_halved_by_a_wait_and_never_falls_below_one():
    assert limits("!.!.!.!.!.") == [4, 2, 1, 1, 1]


def test_several_waits_at_once_halve_the_limit_once():
    assert limits("!!!!...") == [4, 4, 4]


def test_the_limit_grows_by_one_after_as_many_quiet_answers_as_it_allows_requests():
    assert limits("!." + "." * 9) == [4, 4, 4, 4, 5, 5, 5, 5, 5, 6]


def test_the_limit_never_exceeds_the_ceiling():
    assert max(limits("!." + "." * 200, ceiling=3)) == 3


def test_waits_of_other_threads_of_the_same_identity_count():
    clock = ThrottleClock("h")
    one, other = ConcurrencyLimit(clock, 8), ConcurrencyLimit(clock, 4)
    clock.hold(0)
    assert (one.answered(), other.answered()) == (4, 2)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("²", None),
        ("9" * 12, LONGEST),
        ("9" * 400, None),
        ("1e400", None),
        ("-1", None),
        ("nan", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_an_implausible_retry_after_is_ignored_or_bounded(text, seconds):
    assert retry_after({"Retry-After": text}) == seconds
