from datetime import UTC, datetime, timedelta, timezone

import pytest

from prospect_to_cash.extract.window import Window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_a_window_is_in_utc_whatever_zone_it_is_given_in():
    window = Window(NOON.astimezone(timezone(timedelta(hours=9))), NOON + timedelta(hours=1))

    assert str(window) == "[2026-01-01T12:00:00+00:00, 2026-01-01T13:00:00+00:00)"


@pytest.mark.parametrize("start", [NOON, NOON + timedelta(seconds=1)])
def test_an_empty_or_backward_window_is_refused(start):
    with pytest.raises(ValueError, match="is empty"):
        Window(start, NOON)


def test_a_time_without_zone_is_refused():
    with pytest.raises(ValueError, match="has no time zone"):
        Window(None, NOON.replace(tzinfo=None))


def test_reaching_back_moves_the_start_alone_and_has_no_effect_on_the_beginning_of_time():
    window = Window(NOON, NOON + timedelta(hours=1))

    assert window.reaching_back(timedelta(minutes=5)) == Window(NOON - timedelta(minutes=5), window.end)
    assert Window(None, NOON).reaching_back(timedelta(minutes=5)) == Window(None, NOON)
