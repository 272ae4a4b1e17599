"""Waits of one identity, shared by its processes through a store."""

import time

import pytest

from prospect_to_cash.clients.http import throttle
from prospect_to_cash.clients.http.throttle import ConcurrencyLimit, ThrottleClock
from prospect_to_cash.errors import Throttled, Unavailable


class Store:
    """What the processes of one identity share; ``looks`` counts questions of any kind."""

    def __init__(self):
        self.resumes, self.times, self.looks, self.away = 0.0, 0, 0, False

    def hold(self, seconds):
        self.times += 1
        self.resumes = max(self.resumes, time.monotonic() + seconds)
        return self.current()

    def current(self):
        self.looks += 1
        if self.away:
            raise Unavailable("Postgres: away.")
        return max(self.resumes - time.monotonic(), 0.0), self.times


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def clocks(store):
    """Two processes of one identity."""
    mine, other = ThrottleClock("h"), ThrottleClock("h")
    with mine.sharing(store), other.sharing(store):
        yield mine, other


def test_a_wait_that_one_process_is_asked_for_holds_for_the_other(clocks):
    mine, other = clocks
    mine.hold(0.5)
    began = time.monotonic()
    other.wait(5)
    assert 0.4 <= time.monotonic() - began < 1


def test_a_wait_of_another_process_that_is_too_long_is_handed_up(clocks):
    mine, other = clocks
    mine.hold(60)
    with pytest.raises(Throttled) as asked:
        other.wait(5)
    assert 59 < asked.value.retry_after <= 60


def test_a_wait_prolonged_by_another_process_is_obeyed_to_its_new_end(clocks, monkeypatch):
    monkeypatch.setattr(throttle, "LOOK_EVERY", 0.0)
    mine, other = clocks
    mine.hold(0.3)
    began = time.monotonic()
    other.hold(0.8)
    mine.wait(5)
    assert 0.7 <= time.monotonic() - began < 1.3


def test_the_width_of_one_process_falls_with_a_wait_of_another(clocks):
    mine, other = clocks
    width = ConcurrencyLimit(mine, 8)
    mine.wait(5)
    assert width.answered() == 8
    other.hold(0.0)
    mine._next_look = 0.0
    mine.wait(5)
    assert width.answered() == 4
    assert width.answered() == 4, "one wait halves the width once"


def test_a_wait_of_ones_own_counts_once(clocks, store):
    mine, _ = clocks
    mine.wait(5)
    mine.hold(0.0)
    mine._next_look = 0.0
    mine.wait(5)
    assert (mine.waits.asked, store.times) == (1, 1)


def test_a_wait_of_ones_own_counts_even_before_the_first_look(clocks):
    mine, _ = clocks
    mine.hold(0.0)
    assert mine.waits.asked == 1


def test_a_wait_that_was_over_before_the_first_look_counts_for_nothing(store):
    store.hold(0.0)
    clock = ThrottleClock("h")
    with clock.sharing(store):
        clock.wait(5)
    assert clock.waits.asked == 0


def test_a_wait_that_runs_at_the_first_look_counts(store):
    store.hold(0.2)
    clock = ThrottleClock("h")
    with clock.sharing(store):
        clock.wait(5)
    assert clock.waits.asked == 1


def test_a_busy_process_looks_into_the_store_once_a_second(clocks, store):
    mine, _ = clocks
    ends = time.monotonic() + 0.5
    while time.monotonic() < ends:
        mine.wait(5)
    assert store.looks == 1


def test_without_the_store_a_process_obeys_its_own_waits_and_warns_once(clocks, store, caplog):
    mine, _ = clocks
    store.away = True
    mine.hold(0.3)
    began = time.monotonic()
    mine.wait(5)
    mine.hold(0.0)
    assert 0.2 <= time.monotonic() - began < 1
    assert mine.waits.asked == 2
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "Postgres: away." in caplog.text
    assert store.looks == 1, "a store that is away is left alone"


def test_a_store_that_comes_back_is_used_again(clocks, store, monkeypatch):
    monkeypatch.setattr(throttle, "STORE_PAUSE", 0.1)
    mine, _ = clocks
    store.away = True
    mine.wait(5)
    store.away = False
    store.hold(0.5)
    time.sleep(0.15)
    began = time.monotonic()
    mine.wait(5)
    assert time.monotonic() - began > 0.2


def test_a_clock_without_a_store_knows_its_own_waits_alone(clocks):
    mine, _ = clocks
    mine.hold(60)
    began = time.monotonic()
    ThrottleClock("h").wait(5)
    assert time.monotonic() - began < 0.1
