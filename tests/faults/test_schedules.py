"""Whole flows under edits and faults: in the end both systems agree, nothing is doubled, and every report is explained.

A schedule is a lane's edits between the runs of all flows, which meet faults of both systems, are killed, fail, and whose
requests are executed late. Lanes are independent of each other, and a request carries the records of few of them, so one
round of runs tests as many schedules as there are lanes. P2C_FLOW_SCHEDULES is the number of lanes of each round,
P2C_FLOW_SEEDS (commas between) names the rounds.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.postgres import EmbeddedPostgres
from prospect_to_cash.database import migrate
from prospect_to_cash.reconcile.findings import KINDS
from tests.databases import new_database
from tests.faults.flow_tasks import FlowTasks, Run
from tests.faults.lanes import Lane, Reference
from tests.faults.weather import Weather
from tests.faults.witness import Witness
from tests.world import World, running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

FLOWS = ("products", "accounts", "contacts", "quotes")
SEEDS = [int(seed) for seed in os.environ.get("P2C_FLOW_SEEDS", "1").split(",")]
LANES = int(os.environ.get("P2C_FLOW_SCHEDULES", "60"))
STEPS = 12
MAX_ROUNDS = 8
ENVIRONMENT = {
    "P2C_DBT_VARS": json.dumps({"line_discount": "line_item", "max_blocked_share": 1.0}),
    "P2C_REQUEST_DEADLINE": "3",
}


class Round:
    """Lanes, the runs of all flows between their edits, and what the runs met."""

    def __init__(self, world: World, tasks: FlowTasks, seed: int, lanes: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.world = world
        self.tasks = tasks
        self.weather = Weather(world, self.random)
        reference = Reference(world)
        self.lanes = [Lane(self.random.randrange(10**6), n, world, reference) for n in range(lanes)]
        self.history: list[str] = []

    def play(self) -> None:
        for lane in self.lanes:
            lane.begin()
        self.peaceful_run("products")
        order: list[str] = []
        for step in range(STEPS):
            if not order:
                order = self.random.sample(FLOWS, len(FLOWS))
            for lane in self.lanes:
                lane.move(step)
            self.history.append(f"step {step}: {self.step(order.pop())}")

    def step(self, flow: str) -> str:
        if self.random.random() < 0.4:
            self.history.append(f"{self.weather.late_requests_run()} late requests")
        if self.random.random() < 0.3:
            self.weather.time_passes()
            self.history.append("time passes")
        kind = self.random.choices(
            ("peaceful", "disturbed", "blind", "killed", "killed in dbt"), (2, 6, 2, 3, 1)
        )[0]
        return f"{flow} {kind}: {getattr(self, kind.replace(' ', '_') + '_run')(flow)}"

    def peaceful_run(self, flow: str, **params: object) -> str:
        run = self.tasks.run(flow, **params)
        assert not run.failed, run
        return "succeeded"

    def disturbed_run(self, flow: str) -> str:
        faults = self.weather.scattered()
        return f"{faults} {self._ended(self.tasks.run(flow))}"

    def blind_run(self, flow: str) -> str:
        faults = self.weather.blind()
        return f"{faults} {self._ended(self.tasks.run(flow))}"

    def killed_run(self, flow: str) -> str:
        return self._perhaps_cleared(self.tasks.killed_run(flow, self.weather.deadly()))

    def killed_in_dbt_run(self, flow: str) -> str:
        newest = "select coalesce(max(build_id), 0) from sync.builds"
        before = self.world.sql(newest)
        return self._perhaps_cleared(self.tasks.killed_run(flow, lambda: self.world.sql(newest) != before))

    def _perhaps_cleared(self, run: Run) -> str:
        text = self._ended(run)
        if self.random.random() < 0.4:
            text += f", cleared: {self._ended(self.tasks.run(run.flow, run))}"
        return text

    def _ended(self, run: Run) -> str:
        self.weather.peace()
        assert "fault of the package" not in str(run.failed), run
        return "killed" if run.is_killed else str(run.failed or "succeeded")

    def settle(self) -> dict[str, dict[str, Any]]:
        """Peace, then all flows in natural order until a round writes nothing; returns the reports of that round."""
        for _ in range(MAX_ROUNDS):
            self.weather.time_passes()
            self.world.forget()
            for flow in FLOWS:
                self.peaceful_run(flow, retry_rejected=True)
            if not self.world.writes() and not self._vanishing():
                return {
                    flow: self.world.report(f"run {self.tasks.runs - 3 + n}") for n, flow in enumerate(FLOWS)
                }
        said = self.world.sql(
            "select write, source_key, sentence from sync.ledger where sentence is not null"
        )
        raise AssertionError(
            f"still something to write after {MAX_ROUNDS} rounds: {self.world.writes()}, refused: {said}"
        )

    @contextmanager
    def told(self) -> Iterator[None]:
        """An error has the runs, and the edits of the lanes that it names."""
        try:
            yield
        except Exception as error:
            error.add_note("\n  ".join([f"Round {self.seed}:", *self.history]))
            for lane in self.lanes:
                if lane.is_named_in(str(error)):
                    error.add_note("\n  ".join([f"{lane.name}, seed {lane.seed}:", *lane.history]))
            raise

    def _vanishing(self) -> bool:
        """Whether a product vanished so lately that more reads decide what becomes of it."""
        statement = "select exists (select 1 from raw.finops_sellable_released_products where absent_reads between 1 and 2)"
        return bool(self.world.sql(statement)[0][0])


@pytest.fixture
def world(postgres: EmbeddedPostgres, airflow: None, tmp_path):
    with new_database(postgres) as url:
        assert migrate.main(["--database-url", url]) == 0
        with running_world(tmp_path, url, "--accounts", "4", "--products", "4", env=ENVIRONMENT) as world:
            yield world


@pytest.mark.parametrize("seed", SEEDS)
def test_after_edits_between_faults_both_systems_agree_and_every_record_is_explained(world, tmp_path, seed):
    tasks = FlowTasks(world, tmp_path / "dags", batch_size=7)
    drawn = Round(world, tasks, seed, LANES)
    with drawn.told():
        drawn.play()
        reports = drawn.settle()
        found = differences(world, tasks)
        witness = Witness(world, tasks.cards, drawn.lanes)
        found += witness.findings()
        assert found == [], "\n".join(found)

    assert [report["rejected"] for report in reports.values()] == [{}] * len(FLOWS)
    # One record of each kind per lane, or the test would prove too little.
    for name in (
        "accounts",
        "contact_persons",
        "products",
        "product_prices",
        "quotes",
        "quote_lines",
        "sources",
    ):
        assert witness.compared[name] >= LANES // 3, witness.compared


def differences(world: World, tasks: FlowTasks) -> list[str]:
    """What reconcile finds, and of what it cannot say anything."""
    found = [
        f"reconcile: {write}: {name} {n}"
        for write, counts in tasks.reconcile().items()
        for name, n in counts.items()
        if n and name in (*KINDS, "in_doubt", "changed_meanwhile")
    ]
    finding = "select write, record, field, kind, ours, theirs from sync.finding where resolved_at is null"
    doubts = "select write, source_key, doubt ->> 'kind' from sync.ledger where doubt is not null"
    return [
        *found,
        *(f"finding: {row}" for row in world.sql(finding)),
        *(f"never settled: {row}" for row in world.sql(doubts)),
    ]
