"""Seconds for deadlines and leases, counted on while the machine is suspended."""

import time


def boottime() -> float:
    """Seconds since the machine was started, sleep included (CLOCK_BOOTTIME).

    Where the platform has no such clock, `time.monotonic`, which may stand still while the machine sleeps.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)
