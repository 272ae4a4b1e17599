"""Any order of flows, changes and windows ends in the same target state as the natural order.

A schedule is a sequence of flows, the changes between their runs, and which changes each run reads. Lanes are independent
sets of records, each with its own changes, windows and mistakes, so one round of many lanes tests many schedules.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.dbt.flow_runs import FlowRuns
from tests.dbt.moves import CODE_MAPS, OWN_FIELD, WORLD, Lane
from tests.dbt.systems import Systems
from tests.dbt.target import Expected

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

FLOWS = ("products", "accounts", "contacts", "quotes")
ROUNDS = int(os.environ.get("P2C_DBT_SCHEDULE_ROUNDS", "3"))
SEED = int(os.environ.get("P2C_DBT_SCHEDULE_SEED", "20"))
LANES = 41
# (write, outcome of its plan rows) that must occur, or the test would prove too little.
OCCURS = {
    ("account_numbers", "updated"), ("accounts", "created"), ("accounts", "updated"), ("accounts", "held"),
    ("account_references", "updated"), ("contact_persons", "created"), ("contact_persons", "updated"),
    ("contact_persons", "deactivated"), ("contact_persons", "waiting"), ("contact_customers", "created"),
    ("contact_customers", "updated"), ("products", "created"), ("products", "updated"),
    ("product_prices", "created"), ("product_prices", "updated"), ("product_price_lists", "updated"),
    ("product_states", "updated"), ("product_states", "deactivated"), ("quotes", "created"), ("quotes", "updated"),
    ("quotes", "waiting"), ("quotes", "held"), ("quote_lines", "created"), ("quote_lines", "updated"),
    ("quote_lines", "removed"), ("quote_lines", "waiting"),
}  # fmt: skip


@dataclass(frozen=True)
class Round:
    """Runs as (flow, change for all lanes before it, whether reads with ``every`` are due), and the seeds of lanes.

    ``is_in_step``: all flows have run once before, over existing records; else records are created between runs.
    """

    is_in_step: bool
    runs: tuple[tuple[str, str | None, bool], ...]
    lanes: tuple[int, ...]


CHANGES_FOR_ALL = (None, None, None, *WORLD, *CODE_MAPS, *OWN_FIELD)


def drawn_round(n: int) -> Round:
    """Round ``n`` of a seed; every flow runs twice or more, in any order."""
    drawn = random.Random(f"{SEED} {n}")
    flows = [*FLOWS * 2, *drawn.choices(FLOWS, k=drawn.randrange(3))]
    drawn.shuffle(flows)
    return Round(
        n % 2 == 1,
        tuple((flow, drawn.choice(CHANGES_FOR_ALL), drawn.random() < 0.5) for flow in flows),
        tuple(drawn.sample(range(10**6), LANES)),
    )


def contents(warehouse) -> dict[str, list[str]]:
    """{relation: rows as text} of everything that dbt builds."""
    relations = warehouse.rows(
        """
        select schemaname || '.' || tablename as name from pg_tables
        where schemaname in ('staging', 'canonical', 'validation', 'outbound') order by 1
        """
    )
    return {
        relation["name"]: sorted(
            row["content"]
            for row in warehouse.rows(f"select t::text as content from {relation['name']} as t")
        )
        for relation in relations
    }


@pytest.fixture(scope="module")
def mappable_warehouse(session_warehouse):
    """A warehouse whose seeds may be changed; they are restored afterwards."""
    yield session_warehouse
    for _, undo in CODE_MAPS.values():
        session_warehouse.run(undo)


def test_any_order_of_flows_and_windows_ends_in_the_same_target_state(mappable_warehouse):
    """A failure names the round, and the lane with its seed and history."""
    seen: set[tuple[object, ...]] = set()
    done: Counter[tuple[str, str]] = Counter()
    compared = 0
    for n in range(ROUNDS):
        drawn = drawn_round(n)
        lanes: list[Lane] = []
        try:
            compared += one_round(mappable_warehouse, drawn, lanes, done)
        except Exception as error:
            error.add_note(f"Round {n} of seed {SEED}: {drawn.is_in_step}, {drawn.runs}")
            for lane in lanes:
                if lane.is_named_in(str(error)):
                    error.add_note(
                        "\n  ".join([f"{lane.name}, skipped {sorted(lane.skipped)}", *lane.history])
                    )
            raise
        seen.update((drawn.is_in_step, drawn.runs, lane_seed) for lane_seed in drawn.lanes)

    assert len(seen) >= 40 * ROUNDS
    assert done.keys() >= OCCURS
    assert compared > 10 * len(seen)


def one_round(warehouse, drawn: Round, lanes: list[Lane], done: Counter[tuple[str, str]]) -> int:
    """Random runs, runs until nothing changes, checks. Returns the number of rows compared with the natural order."""
    for _, undo in CODE_MAPS.values():
        warehouse.run(undo)
    systems = Systems(warehouse.reads)
    for n, lane_seed in enumerate(drawn.lanes):
        lanes.append(Lane(lane_seed, n, len(drawn.runs), systems, drawn.is_in_step))
    with FlowRuns(warehouse, systems) as runs:
        if drawn.is_in_step:
            for flow in FLOWS:
                runs.run(flow)
        for step, (flow, change, is_due) in enumerate(drawn.runs):
            for lane in lanes:
                lane.move(step)
            if change in WORLD:
                WORLD[change](systems)
            elif change:
                edit_mapping(runs, change)
            skipped = frozenset(lane.number for lane in lanes if step in lane.skipped)
            runs.run(flow, is_due, skipped, frozenset(lane.number for lane in lanes if step in lane.late))
        runs.settle()

        narrowed = contents(warehouse)
        runs.build_all()
        whole = contents(warehouse)
        for relation, rows in whole.items():
            assert narrowed[relation] == rows, f"{relation} differs from a full build"

        expected = expected_state(runs)
        expected.check()
        here = expected.state()
        done.update(runs.done)
    with FlowRuns(warehouse, systems.as_entered()) as natural:
        natural.variables = runs.variables
        natural.settle()
        there = expected_state(natural)
        there.check()
        return compare(expected, here, there, there.state())


def edit_mapping(runs: FlowRuns, name: str) -> None:
    """Apply a change of the mapping, or undo it; the new mapping version makes the next build a full one."""
    runs.mapping += 1
    if name in OWN_FIELD:
        runs.variables = {} if runs.variables else OWN_FIELD
        return
    edit, undo = CODE_MAPS[name]
    runs.warehouse.run(undo)
    if runs.mapping % 2:
        runs.warehouse.run(edit)


def expected_state(runs: FlowRuns) -> Expected:
    """The expected target state, once nothing changes: every flow plans again and must have nothing to send."""
    planned = [runs.plan(flow) for flow in FLOWS]
    moving = runs.warehouse.rows(
        "select write, source_key, action, changes from sync.plan where run_id = any(%s) and state not in ('waiting', 'held')",
        planned,
    )
    assert not moving, "planned although nothing has changed"
    return Expected(runs, planned)


def compare(expected: Expected, here: dict, there_expected: Expected, there: dict) -> int:
    """Both orders agree on every row that can be sent; returns the number of rows.

    Except the documented exceptions and what requires one of them: records that are held because of their delivered key
    or locked document, or because another record was delivered under their number before; deleted products that are kept
    for some reads, contacts that stay customers because they were delivered as such, and references to a primary contact
    that is no longer a contact person.
    """
    gone = expected.systems.absent["finops", "SellableReleasedProducts"]
    customers = {name.partition(":")[2] for name in here if name.startswith("contact_customers:")}
    customers -= {name.partition(":")[2] for name in there if name.startswith("contact_customers:")}
    documents = {
        row["document"] for name, row in expected.rows.items() if row["locked"] or name in expected.held
    }
    documents |= customers | gone.keys()
    documents |= {row["document"] for row in there_expected.rows.values() if expected.is_anothers(row)}
    rows = expected.rows | there_expected.rows

    def excepted(name: str) -> bool:
        if name not in rows:
            return False
        row = rows[name]
        person = here.get(name, ("", {}))[1].get("ContactPersonId")
        if person and f"contact_persons:{person}" not in here:
            return True
        requires = {*row["requires"], *(expected.rows.get(name) or row)["requires"]}
        return row["document"] in documents or any(excepted(needed) for needed in requires)

    agreed = 0
    for name in sorted(here.keys() | there.keys()):
        if excepted(name):
            continue
        ended, natural = here.get(name), there.get(name)
        assert ended == natural, f"{name}: {ended}, and in natural order {natural}"
        agreed += 1
    return agreed
