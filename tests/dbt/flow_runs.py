"""Runs of the flows with simulated systems: land, build, plan and deliver with the code of the product."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack

from prospect_to_cash.database.connections import connect
from prospect_to_cash.flow_card import FlowCard, load_cards
from prospect_to_cash.load.document_delivery import deliver_documents
from prospect_to_cash.load.items import Assignment
from prospect_to_cash.load.lease import Lease, Terms
from prospect_to_cash.load.package_delivery import deliver
from prospect_to_cash.plan import frozen_plan, runs
from prospect_to_cash.plan.frozen_plan import PlanContext
from prospect_to_cash.plan.runs import Params
from prospect_to_cash.report.outcomes import report_of
from prospect_to_cash.transform import builds

# the models that a run over changed records excludes
from prospect_to_cash.transform.dbt_run import _untouched, raw_tables
from tests.dbt.systems import Client, Systems
from tests.dbt.warehouse import DBT_PROJECT, ENVIRONMENTS, ROOT, Warehouse

PARAMS = Params(release_safety_limit=True)
VARS = {"max_blocked_share": 1.0}
# Data tests run in the full build at the end of a round.
QUICK = ("--exclude-resource-type", "test", "--no-write-json")
MAX_ROUNDS = 8


class FlowRuns:
    """Runs of all flows over one staging database, which starts empty."""

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
        self.warehouse.skips_unchanged = False  # records land while dbt runs, and cuts exclude what they may
        self._stack.callback(setattr, self.warehouse, "skips_unchanged", True)
        self.store = self._stack.enter_context(connect(self.warehouse.url, None, "transform"))
        self.load = self._stack.enter_context(connect(self.warehouse.url, None, "load"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def natural_order(self) -> list[str]:
        return list(self.cards)

    def read(self, flow: str, is_due: bool = True, skipped: frozenset[int] = frozenset()) -> int:
        """Land what the flow reads; reads with ``every`` on their card only if ``is_due``."""
        landed = 0
        for read in self.cards[flow].reads:
            if not is_due and read.every:
                continue
            rows, absent = self.systems.take((read.system, read.entity), set(skipped))
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
        skipped: frozenset[int] = frozenset(),
        late: frozenset[int] = frozenset(),
    ) -> int:
        """Run a flow; returns the number of records that it read and wrote.

        Records of ``skipped`` lanes are not read; those of ``late`` lanes land while the build runs.
        """
        before = self.systems.written
        landed = self.read(flow, is_due, skipped | late)
        run_id = self._open(flow)
        landed += self._build(flow, run_id, is_due, skipped)
        self.plan(flow, run_id)
        self._deliver(flow, run_id)
        self._add_up(flow, run_id)
        return landed + self.systems.written - before

    def _open(self, flow: str) -> int:
        self.runs += 1
        return runs.open_run(self.store, flow, f"run {self.runs}", "manual", PARAMS)

    def _build(self, flow: str, run_id: int, is_due: bool, skipped: frozenset[int]) -> int:
        """Build as a run does; returns the number of records that landed after dbt had read the raw tables."""
        version = f"mapping {self.mapping}"
        cut = builds.next_cut(self.store, flow, version)
        if cut.scope == "none":
            return self.read(flow, is_due, skipped)
        manifest = self.warehouse.parsed()
        excluded = ["--exclude", *_untouched(manifest, set(cut.landed))] if cut.scope == "changed" else []
        build_id = builds.begin_build(self.store, flow, run_id, cut, version)
        variables = VARS | self.variables
        self.warehouse.build(flow, *QUICK, *excluded, scope=cut.scope, cut_from=cut.cut_from, **variables)
        late = self.read(flow, is_due, skipped)
        builds.end_build(self.store, build_id, True, None, [], raw_tables(manifest, flow))
        return late

    def build_all(self) -> None:
        """Build all flows in full, with all data tests."""
        self.warehouse.build("*", "--full-refresh", **VARS, **self.variables)

    def plan(self, flow: str, run_id: int | None = None) -> int:
        """Freeze the plan of a run; returns its number."""
        run_id = run_id or self._open(flow)
        frozen_plan.freeze(
            self.store,
            PlanContext(run_id, self.cards[flow], ENVIRONMENTS, f"mapping {self.mapping}", PARAMS),
        )
        return run_id

    def _deliver(self, flow: str, run_id: int) -> None:
        envs = tuple(ENVIRONMENTS.values())
        for writes in self.cards[flow].load_tasks.values():
            system = writes[0].system
            assignments = [
                Assignment(run_id, write, ENVIRONMENTS[system], envs, f"mapping {self.mapping}")
                for write in writes
            ]
            leases = {
                scope: Lease(self.load, scope, f"{flow} run {run_id}", Terms(deadline=60))
                for scope in sorted({assignment.scope for assignment in assignments})
            }
            for lease in leases.values():
                lease.acquire(timeout=5)
            client = Client(self.systems, system)
            if len(writes) > 1:
                deliver_documents(self.load, client, assignments, leases)
            else:
                deliver(self.load, client, assignments[0], leases[assignments[0].scope])
            for lease in leases.values():
                lease.release()

    def _add_up(self, flow: str, run_id: int) -> None:
        """Every record has one outcome, no plan row is unfinished, and none was rejected."""
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
        counts = report.values
        # a record without a plan row that is neither held nor excluded is unchanged: counted here independently of the report
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
        assert counts["unchanged"] == unchanged, f"run {run_id} of {flow}: {counts}"

    def settle(self) -> None:
        """Run the flows in their natural order until nothing is left to read or to send."""
        for _ in range(MAX_ROUNDS):
            if not sum([self.run(flow) for flow in self.natural_order()]):
                return
        raise AssertionError(f"still something to read or send after {MAX_ROUNDS} rounds of all flows")
