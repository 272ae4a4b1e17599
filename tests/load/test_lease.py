import threading
import time

import pytest

from prospect_to_cash.database.connections import connect
from prospect_to_cash.errors import Unavailable
from prospect_to_cash.load.lease import Lease, LeaseLost, Terms

SHORT = Terms(deadline=0.2, margin=0.05, settle=0.2)


@pytest.fixture
def second(staging):
    with connect(staging, None, "second") as connection:
        yield connection


def test_a_released_lease_is_taken_at_once_and_its_epoch_grows(flow, second):
    first = Lease(flow.connection, "erp/At once", "first", Terms(deadline=60))
    first.acquire(1)
    first.release()
    other = Lease(second, "erp/At once", "other", Terms(deadline=60))

    began = time.monotonic()
    other.acquire(1)

    assert time.monotonic() - began < 0.5
    assert other.epoch == first.epoch + 1


def test_a_successor_waits_for_expiry_and_settling_of_a_holder_that_died(flow, second):
    Lease(flow.connection, "erp/Dead", "dead", SHORT).acquire(1)
    other = Lease(second, "erp/Dead", "other", SHORT)

    began = time.monotonic()
    other.acquire(10)

    assert time.monotonic() - began >= SHORT.span + SHORT.settle - 0.1


def test_a_wait_that_is_too_long_names_the_holder_of_the_lease(flow, second):
    Lease(flow.connection, "erp/Held", "accounts run 7", Terms(deadline=60)).acquire(1)

    with pytest.raises(Unavailable, match="erp/Held is still being written by accounts run 7"):
        Lease(second, "erp/Held", "other", SHORT).acquire(0.2)


def test_a_holder_that_was_overtaken_cannot_renew(flow, second):
    first = Lease(flow.connection, "erp/Overtaken", "first", SHORT)
    first.acquire(1)
    time.sleep(SHORT.span + SHORT.settle)
    Lease(second, "erp/Overtaken", "other", Terms(deadline=60)).acquire(5)

    with pytest.raises(LeaseLost):
        first.renew()


def test_two_that_ask_at_once_do_not_both_get_the_lease(staging):
    got = []

    def ask(name):
        with connect(staging, None, name) as connection:
            try:
                Lease(connection, "erp/Both", name, Terms(deadline=60)).acquire(0.3)
                got.append(name)
            except Unavailable:
                pass

    threads = [threading.Thread(target=ask, args=(f"holder {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 1
