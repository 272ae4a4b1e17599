"""The workshop of the load's tests, with a witness that compares what its runs believe with what the targets have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from prospect_to_cash.flow_card import Write
from prospect_to_cash.reconcile.reconciliation import Result
from tests.cards import changed
from tests.load.conftest import finops, flow, running, shop, staging, workshops
from tests.load.reconciling import counted, forget_marks, reconcile_write
from tests.load.workshop import CARD, FIELDS, Source, Workshop

__all__ = ["finops", "flow", "running", "shop", "staging", "workshops"]


@dataclass
class Witness:
    """Reconciles all writes of a workshop, and edits the targets as people would."""

    shop: Workshop
    runs: int = 0
    looks_up: int = 500

    def reconcile(self, drift: str = "report", **fields: Any) -> dict[str, int]:
        """Findings by kind over all writes; kinds without any are left out."""
        return counted(self.results(drift, **fields))

    def results(self, drift: str = "report", **fields: Any) -> list[Result]:
        self.runs += 1
        name = f"reconcile {self.runs}"
        return [
            reconcile_write(self.shop, changed(write, **fields), drift, looks_up=self.looks_up, name=name)
            for write in CARD.writes
        ]

    def open(self) -> list[tuple[str, str, str]]:
        """Open findings: kind, record, field."""
        return self.shop.flow.sql(
            "select kind, record, field from sync.finding where resolved_at is null order by kind, record, field"
        )

    def planned(self) -> int:
        """How many rows another run would send or look at."""
        run = self.shop.plan()
        ((n,),) = self.shop.flow.sql("select count(*) from sync.plan where run_id = %s", (run,))
        return n

    # People in the target ---------------------------------------------------------------------------------------------

    def edit(self, source: Source, values: dict[str, object]) -> None:
        """Change properties of a record in the target."""
        self.change(source, "PATCH", values)

    def delete(self, source: Source) -> None:
        self.change(source, "DELETE")

    def change(self, source: Source, method: str, body: dict[str, object] | None = None) -> None:
        (row,) = self.values(source)
        self.shop.change(source, row, method, body)

    def appears_again(self, source: Source) -> None:
        """A quote that was removed is created again, with its last values, by somebody in the target."""
        body = {name: value for name, value in self.shop.body(source).items() if value is not None}
        self.shop.sandbox.finops.create("CDSSalesQuotationHeaders", {**self.shop.key(source), **body})

    def values(self, source: Source) -> list[dict[str, Any]]:
        return self.shop.found(source)


@pytest.fixture
def make_witness(workshops: Callable[[], Workshop]) -> Callable[[], Witness]:
    """Makes witnesses; what earlier workshops have left in the target is no longer marked as ours."""

    def make() -> Witness:
        shop = workshops()
        forget_marks(shop)
        return Witness(shop)

    return make


@pytest.fixture
def witness(make_witness: Callable[[], Witness]) -> Witness:
    return make_witness()


def fields_of(source: Source) -> tuple[str, str]:
    return FIELDS[source.kind]


def write_of(kind: str) -> Write:
    return next(write for write in CARD.writes if write.name == kind)
