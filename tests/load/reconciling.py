"""Reconciles in a workshop, and what happens while they read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prospect_to_cash.database.connections import connect
from prospect_to_cash.flow_card import Write
from prospect_to_cash.reconcile.reconciliation import Result, Task, reconcile
from tests.cards import changed
from tests.load.workshop import CARD, PEOPLE, Workshop
from tests.plan.conftest import ENVIRONMENTS

FOUND = ("missing", "extra", "different", "normalised", "kept", "belief")

_described: dict[str, dict[str, Any]] = {}


def nothing() -> None:
    """Nothing happens."""


class Busy:
    """A client around whose first read something else happens: ``before`` it is asked for, and ``after`` its answer came."""

    def __init__(
        self, client: Any, before: Callable[[], None] = nothing, after: Callable[[], None] = nothing
    ) -> None:
        self._client = client
        self._before = before
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def lookup(self, *arguments: Any) -> Iterator[bytes]:
        self.begins()
        return self._answered(self._client.lookup(*arguments))

    def pages(self, *arguments: Any) -> Iterator[Any]:
        self.begins()
        return self._answered(self._client.pages(*arguments))

    def describe(self, sets: Sequence[str]) -> Mapping[str, Any]:
        """What the service says about its entity sets; it is the same for all tests, and long."""
        known = _described.setdefault(self._client.host, {})
        if any(name not in known for name in sets):
            known |= self._client.describe(sets)
        return known

    def begins(self) -> None:
        """What happens before the first read, unless it has happened."""
        before, self._before = self._before, nothing
        before()

    def has_read(self) -> None:
        """What happens after the first read, unless it has happened."""
        after, self._after = self._after, nothing
        after()

    def _answered(self, answers: Iterator[Any]) -> Iterator[Any]:
        for answer in answers:
            self.has_read()
            yield answer
        self.has_read()


def reconcile_write(
    shop: Workshop,
    write: Write,
    drift: str = "report",
    before: Callable[[], None] = nothing,
    after: Callable[[], None] = nothing,
    looks_up: int = 500,
    name: str = "reconcile",
) -> Result:
    """Reconcile one write; ``before``: what happens before the first read, ``after``: before its answer is compared."""
    with connect(shop.url, "p2c_loader", "test") as store, shop.client(write.system) as client:
        busy = Busy(client, before, after)
        task = Task("things", changed(write, drift=drift), ENVIRONMENTS[write.system], name, looks_up)
        result = reconcile(store, busy, task)
        busy.begins()
        busy.has_read()
    assert result is not None
    return result


def counted(results: Sequence[Result]) -> dict[str, int]:
    """Findings by kind; kinds without any are left out."""
    totals = {kind: sum(result.counts[kind] for result in results) for kind in FOUND}
    return {kind: n for kind, n in totals.items() if n}


def writes_of(kind: str) -> tuple[Write, ...]:
    """The writes that deliver a kind of source records."""
    return tuple(
        write
        for write in CARD.writes
        if write.name == kind or (kind, write.name) == ("offers", "offer_lines")
    )


def forget_marks(shop: Workshop) -> None:
    """What earlier workshops have left in the target is no longer marked as ours."""
    for row in shop.sandbox.finops.rows("CDSContactPersons?cross-company=true"):
        if row["IsContactPersonExternallyMaintained"] == "Yes":
            key = ",".join(f"{name}='{row[name]}'" for name in PEOPLE.key)
            path = f"CDSContactPersons({key})?cross-company=true"
            assert shop.sandbox.finops.send("PATCH", path, {"IsContactPersonExternallyMaintained": "No"}).ok
