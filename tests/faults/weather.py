"""Faults of both systems, drawn at random, and the time in which late requests are executed."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.world import World

WRITES = ["POST", "PATCH", "DELETE"]
PATH = "^/(data|api)/"
# Faults of whole requests, and of single parts of a batch.
EFFECTS: dict[str, object] = {
    "lost": "lost",
    "late": {"kind": "late"},
    "late in mid-run": {"kind": "late", "seconds": 0.3},
    "reset": "reset",
    "503": {"kind": "status", "status": 503},
    "503 executed": {"kind": "status", "status": 503, "executes": True},
    "504 executed": {"kind": "status", "status": 504, "executes": True},
    "500 executed": {"kind": "status", "status": 500, "executes": True},
    "429": {"kind": "status", "status": 429, "retry_after": 0},
    "cut": {"kind": "cut", "at": 0.5},
}
OF_PARTS = ("503", "503 executed", "500 executed", "429")
OF_READS = ("reset", "503", "429", "cut")
DEATHS: tuple[list[object], ...] = (["hang"], [{"kind": "hang", "executes": True}], ["late", "hang"])
Rule = dict[str, object]


class Weather:
    """Faults of both systems, drawn at random."""

    def __init__(self, world: World, drawn: random.Random) -> None:
        self.world = world
        self.random = drawn
        sandbox = world._sandbox
        assert sandbox is not None
        self.admins = (sandbox.sales.admin, sandbox.finops.admin)

    def peace(self) -> None:
        for admin in self.admins:
            admin.set_faults()

    def set(self, *rules: Rule) -> None:
        for admin in self.admins:
            admin.set_faults(*rules)

    def scattered(self) -> list[str]:
        """Some writes, some parts of batches and perhaps some reads fail; returns what."""
        names = self.random.sample(sorted(EFFECTS), 2)
        rules = [
            self._rule(EFFECTS[name], WRITES, "requests", self.random.choice((0.2, 0.5))) for name in names
        ]
        part = self.random.choice(OF_PARTS)
        rules.append(self._rule(EFFECTS[part], WRITES, "parts", 0.1))
        read = self.random.choice(OF_READS)
        if self.random.random() < 0.5:
            rules.append(self._rule(EFFECTS[read], ["GET"], "requests", 0.1))
        self.set(*rules)
        return [*names, f"part {part}", f"read {read}"]

    def _rule(self, effect: object, methods: list[str], where: str, share: float) -> Rule:
        match = {
            "method": methods,
            "where": where,
            "share": share,
            "times": 2,
            "seed": self.random.randrange(10**6),
        }
        return {"match": match | ({"path": PATH} if where == "requests" else {}), "effect": effect}

    def blind(self) -> list[str]:
        """Writes are lost or late, and no look-up is answered."""
        name = self.random.choice(("lost", "late"))
        writes = {"method": WRITES, "path": PATH, "after": self.random.randrange(4), "times": 3}
        # A look-up names a key; the filters of extract name a company or a time.
        keys = {"method": "GET", "query": "filter=.*(number|Number|Name|Account|[a-z]id|_value) eq"}
        self.set({"match": writes, "effect": EFFECTS[name]}, {"match": keys, "effect": "reset"})
        return [f"blind {name}"]

    def deadly(self) -> Callable[[], bool]:
        """The n-th read or write of a system has no answer; returns whether it has been sent."""
        method, nth = self.random.choice((("GET", 3), (WRITES, 1), (WRITES, 2), (WRITES, 4)))
        match = {"method": method, "path": PATH, "after": nth - 1, "times": 1}
        self.set({"name": "deadly", "match": match, "effects": self.random.choice(DEATHS)})
        return lambda: any(
            rule["struck"] for admin in self.admins for rule in admin.send("GET", "faults").json()["rules"]
        )

    def late_requests_run(self) -> int:
        return sum(admin.execute_late() for admin in self.admins)

    def time_passes(self) -> None:
        """The horizon passes: what could still be executed has been."""
        self.late_requests_run()
        self.world.sql(
            "update sync.ledger set over_at = over_at - interval '1 day', stray_until = stray_until - interval '1 day'"
        )
