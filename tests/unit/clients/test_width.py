"""How many requests are on their way at once, by what the service says."""

import pytest

from prospect_to_cash.clients.throttle import LONGEST, ThrottleClock, Width, retry_after


def widths(events, ceiling=8):
    """The width after each event: `.` an answer, `!` a wait that was asked for, heard with the next answer."""
    clock = ThrottleClock("h")
    width, seen = Width(clock, ceiling), []
    for event in events:
        if event == "!":
            clock.hold(0)
        else:
            seen.append(width.heard())
    return seen


def test_it_begins_at_the_ceiling_of_the_card_and_stays_there_while_all_is_quiet():
    assert widths("." * 20) == [8] * 20


def test_it_is_halved_when_a_wait_was_asked_for_and_never_falls_below_one():
    assert widths("!.!.!.!.!.") == [4, 2, 1, 1, 1]


def test_many_requests_that_are_told_to_wait_at_once_narrow_it_once():
    assert widths("!!!!...") == [4, 4, 4]


def test_it_widens_by_one_after_as_many_quiet_answers_as_it_is_wide():
    assert widths("!." + "." * 9) == [4, 4, 4, 4, 5, 5, 5, 5, 5, 6]


def test_it_never_widens_beyond_the_ceiling():
    assert max(widths("!." + "." * 200, ceiling=3)) == 3


def test_waits_of_others_with_the_same_identity_count():
    clock = ThrottleClock("h")
    one, other = Width(clock, 8), Width(clock, 4)
    clock.hold(0)
    assert (one.heard(), other.heard()) == (4, 2)


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
def test_a_wait_that_no_service_means_is_none_or_bounded(text, seconds):
    assert retry_after({"Retry-After": text}) == seconds
