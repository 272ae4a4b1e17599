"""One line of what a step came to."""

import asyncio
from contextlib import contextmanager


@contextmanager
def _told(name):
    try:
        yield
    except Exception as error:
        print("FAIL", name, type(error).__name__, error)
    else:
        print("ok", name)


def step(name, run):
    """What ``run`` gives; None when it fails."""
    with _told(name):
        return run()


async def async_step(name, run):
    """The same, awaited when it is a coroutine."""
    with _told(name):
        result = run()
        return await result if asyncio.iscoroutine(result) else result


def expect(condition):
    assert condition
