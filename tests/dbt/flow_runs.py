"""Runs of the flows over simulated systems: read, build what landed, plan, deliver; all of it ours but the systems."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

# what a run over what landed leaves out of its build
from prospect_to_cash.dbt_build import _untouched, raw_tables
from prospect_to_cash.delivery.deliver import Delivery
from prospect_to_cash.delivery.items import Assignment
from prospect_to_cash.flow_card import FlowCard, load_cards
from prospect_to_cash.reporting.outcomes import report_of
from prospect_to_cash.stores import builds, plan_store, run_store
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.lease import Lease, Terms
from prospect_to_cash.stores.plan_store import PlanContext
from prospect_to_cash.stores.run_store import Params
from tests.dbt.systems import Client, Systems
from tests.dbt.warehouse import DBT_PROJECT, ENVIRONMENTS, ROOT, Warehouse

PARAMS = Params(release_brake=True)
VARS = {"max_blocked_share": 1.0}
# The data is tested at the end of a round, by its full build.
QUICK = ("--exclude-resource-type", "test", "--no-write-json")
PATIENCE = 8


class FlowRuns:
    """One staging database between the two systems, from nothing."""

    def __init__(self, warehouse: Warehouse, systems: Systems) -> None:
        self.warehouse = warehouse
        self.systems = systems
        self.cards: dict[str, FlowCard] = {
            card.name: card for card in load_cards(ROOT / "dags" / "flows", DBT_PROJECT)
        }
        self.mapping = 1
        self.variables: dict[str, object] = {}
        self.done: Counter[tuple[str, str]] = Counter()
        self.runs = 0
        warehouse.empty()
        warehouse.run(
            "truncate sync.run, sync.builds, sync.plan, sync.ledger, sync.identity, sync.attempt, sync.lease cascade"
        )

    def __enter__(self) -> FlowRuns:
        self._stack = ExitStack()
        self.store = self._stack.enter_context(connect(self.warehouse.url, None, "transform"))
        self.load = self._stack.enter_context(connect(self.warehouse.url, None, "load"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def natural_order(self) -> list[str]:
        return list(self.cards)

    def read(self, flow: str, is_due: bool = True, asleep: frozenset[int] = frozenset()) -> int:
        """Land what the flow reads; without ``is_due`` not what has a cadence of its own."""
        landed = 0
        for read in self.cards[flow].reads:
            if not is_due and read.every:
                continue
            rows, absent = self.systems.take((read.system, read.entity), set(asleep))
            if rows:
                self.warehouse.land(read.system, read.entity, *rows)
            for key, reads in absent.items():
                self.warehouse.vanish(read.system, read.entity, key, reads)
            landed += len(rows) + len(absent)
        return landed

    def run(
        self,
        flow: str,
        is_due: bool = True,
        asleep: frozenset[int] = frozenset(),
        late: frozenset[int] = frozenset(),
    ) -> int:
        """One run of a flow; returns how many records it read and wrote.

        Of lanes that are ``asleep`` nothing is read; what is read of ``late`` ones lands while the build runs.
        """
        before = self.systems.written
        landed = self.read(flow, is_due, asleep | late)
        run_id = self._open(flow)
        landed += self._build(flow, run_id, is_due, asleep)
        self.plan(flow, run_id)
        self._deliver(flow, run_id)
        self._add_up(flow, run_id)
        return landed + self.systems.written - before

    def _open(self, flow: str) -> int:
        self.runs += 1
        return run_store.open_run(self.store, flow, f"run {self.runs}", "manual", PARAMS)

    def _build(self, flow: str, run_id: int, is_due: bool, asleep: frozenset[int]) -> int:
        """As a run does; returns how many records landed after dbt had looked."""
        version = f"mapping {self.mapping}"
        cut = builds.next_cut(self.store, flow, version)
        if cut.scope == "none":
            return self.read(flow, is_due, asleep)
        manifest = self.warehouse.parsed()
        left_out = ["--exclude", *_untouched(manifest, set(cut.landed))] if cut.scope == "changed" else []
        build_id = builds.begin_build(self.store, flow, run_id, cut, version)
        said = VARS | self.variables
        self.warehouse.build(flow, *QUICK, *left_out, scope=cut.scope, cut_from=cut.cut_from, **said)
        late = self.read(flow, is_due, asleep)
        builds.end_build(self.store, build_id, True, None, [], raw_tables(manifest, flow))
        return late

    def whole(self) -> None:
        """Everything of all flows anew, and every test of the data."""
        self.warehouse.build("*", "--full-refresh", **VARS, **self.variables)

    def plan(self, flow: str, run_id: int | None = None) -> int:
        """Freeze what a run would send; returns its number."""
        run_id = run_id or self._open(flow)
        plan_store.freeze(
            self.store,
            PlanContext(run_id, self.cards[flow], ENVIRONMENTS, f"mapping {self.mapping}", PARAMS),
        )
        return run_id

    def _deliver(self, flow: str, run_id: int) -> None:
        for write in self.cards[flow].writes:
            envs = tuple(ENVIRONMENTS.values())
            assignment = Assignment(
                run_id, write, ENVIRONMENTS[write.system], envs, f"mapping {self.mapping}"
            )
            lease = Lease(self.load, assignment.scope, f"{flow} run {run_id}", Terms(deadline=60))
            lease.acquire(patience=5)
            Delivery(self.load, Client(self.systems, write.system), assignment, lease).run()
            lease.release()

    def _add_up(self, flow: str, run_id: int) -> None:
        """Every record has one outcome, nothing is left on its way, and nothing was refused."""
        for row in self.warehouse.rows(
            """
            select write, action, state, outcome, count(*) as n from sync.plan where run_id = %s
            group by 1, 2, 3, 4
            """,
            run_id,
        ):
            ended = row["state"] in ("accepted", "waiting", "held", "superseded")
            assert ended, f"run {run_id} of {flow}: {row}, {self.systems.refused}"
            self.done[row["write"], row["outcome"] or row["state"]] += row["n"]
            if row["action"] == "remove":
                self.done[row["write"], "removed"] += row["n"]
        report = report_of(self.store, run_id, {}, self.cards[flow].writes)
        report.check()
        said = report.values
        # what has no plan row and is neither held nor left out did not change: counted here without the report
        unchanged = self.warehouse.one(
            f"""
            select count(*) from (
                select source_key from canonical.canonical_{flow}
                union select source_key from validation.violations_{flow}
            ) as driving
            where not exists (
                select 1 from sync.plan where run_id = %s and document = driving.source_key
                    and coalesce(outcome, '') <> 'unchanged'
            )
            and (
                exists (select 1 from sync.plan where run_id = %s and document = driving.source_key)
                or not exists (
                    select 1 from validation.violations_{flow} as broken
                    where broken.source_key = driving.source_key and effect in ('block', 'exclude')
                )
            )
            """,
            run_id,
            run_id,
        )
        assert said["unchanged"] == unchanged, f"run {run_id} of {flow}: {said}"

    def settle(self) -> None:
        """The flows in their natural order, again and again, until nothing is left to read or to send."""
        for _ in range(PATIENCE):
            if not sum([self.run(flow) for flow in self.natural_order()]):
                return
        raise AssertionError(f"still not at rest after {PATIENCE} times all flows")
