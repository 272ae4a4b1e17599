"""Scenarios that share the runs of a flow: many records live through their own changes side by side.

A scenario is a test that is written as a generator: it changes its records, yields for the next run, checks, and goes on. All
scenarios of a module advance together, so a module costs as many runs as its longest scenario. A scenario looks only at its own
records; what it says of a run as a whole (a count of the report) must hold whatever the others do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from tests.world import World

FULL = "full"
"""Yielded by a scenario whose next run must read everything."""

Scenario = Generator[str | None, dict[str, Any], None]


class Timeline:
    """The scenarios of one module; used as a decorator, it leaves a test in the place of each.

    The module's fixture ``ended`` returns what ``play`` returned.
    """

    def __init__(self) -> None:
        self._scenarios: dict[str, Callable[..., Scenario]] = {}

    def __call__(self, scenario: Callable[..., Scenario]) -> Callable[..., None]:
        name = scenario.__name__
        assert name not in self._scenarios, f"two scenarios are called {name}"
        self._scenarios[name] = scenario

        def test(ended: dict[str, Exception | None]) -> None:
            error = ended[name]
            if error is not None:
                raise error

        test.__name__ = test.__qualname__ = name
        test.__doc__ = scenario.__doc__
        return test

    def play(
        self, world: World, flow: str, *arguments: Any, before: Callable[[str], None] = lambda _: None
    ) -> dict[str, Exception | None]:
        """Play all scenarios with these arguments; returns how each ended.

        ``before`` is called ahead of a run with what a scenario has yielded, if that is neither None nor ``FULL``.
        """
        ended: dict[str, Exception | None] = dict.fromkeys(self._scenarios)
        playing = {name: scenario(world, *arguments) for name, scenario in self._scenarios.items()}
        report: dict[str, Any] | None = None
        while playing:
            wanted = set()
            for name, scenario in list(playing.items()):
                try:
                    wanted.add(next(scenario) if report is None else scenario.send(report))
                except StopIteration:
                    del playing[name]
                except Exception as error:
                    ended[name] = error
                    del playing[name]
            if playing:
                for step in sorted(str(step) for step in wanted - {None, FULL}):
                    before(step)
                world.forget()
                report = world.run(flow, full=FULL in wanted)
        return ended


def outcomes(world: World, report: dict[str, Any], document: str) -> list[tuple[str, str]]:
    """(write, outcome or state) of each plan row that a run had for a record."""
    return world.sql(
        "select write, coalesce(outcome, state) from sync.plan where run_id = %s and document = %s order by seq",
        report["run_id"], document,
    )  # fmt: skip


def sent(writes: list[dict[str, Any]], *keys: str) -> list[tuple[str, list[str]]]:
    """(method, fields) of the writes whose address contains all of these texts."""
    return [
        (write["method"], write["fields"]) for write in writes if all(key in write["path"] for key in keys)
    ]
