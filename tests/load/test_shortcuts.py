"""What the ledger keeps after an acceptance equals the rules written out, whatever the statements do to be fast."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from prospect_to_cash.load import ledger
from prospect_to_cash.load.lease import Lease, Terms
from prospect_to_cash.load.ledger import Sent
from prospect_to_cash.plan import plan_rows
from prospect_to_cash.plan.plan_rows import PlanRow
from prospect_to_cash.plan.row_outcomes import Outcome
from tests.plan.conftest import CARD, ENVIRONMENTS, Flow

Body = dict[str, Any]
RECORDS = 80
THINGS = CARD.writes[0]
VALUES = [
    None,
    None,
    "A",
    "",
    "block:",
    '"guard:x',
    "\\ü\n\t'",
    0,
    1.50,
    True,
    [1, None],
    {"x": None, "y": 2},
]


def flat(body: Body) -> Body:
    found: Body = {}
    for name, value in body.items():
        if name.startswith("guard:"):
            found[name.removeprefix("guard:")] = value.get("value")
        elif not name.startswith("block:"):
            found[name] = value
        elif isinstance(value, dict):
            found |= value
    return found


def known(body: Body, sent: Body, belief: Body) -> Body:
    fields = flat(body)
    names = {
        name.removeprefix("was:") for name, value in belief.items() if value is not None and not is_ref(name)
    }
    return {f"was:{name}": True for name in names - fields.keys()} | {
        name: belief[name] if name in belief and name not in sent else value
        for name, value in fields.items()
        if name in sent or name in belief or (value is None and not is_ref(name))
    }


def left_empty(body: Body, sent: Body, belief: Body, before: set[str]) -> set[str]:
    return {
        name
        for name, value in flat(body).items()
        if value is None and not is_ref(name) and name not in sent and (name not in belief or name in before)
    }


def guarded(body: Body, sent: Body) -> Body:
    names = {name.removeprefix("guard:") for name in body if name.startswith("guard:")}
    return {name: value for name, value in sent.items() if name in names}


def is_ref(name: str) -> bool:
    return name.startswith("ref:")


def some_body(chance: random.Random) -> Body:
    """Fields, in about a third of the bodies a block, in another third guarded ones, in some an unresolved reference."""
    body: Body = {f"F{n}": chance.choice(VALUES) for n in chance.sample(range(9), chance.randint(1, 8))}
    if chance.random() < 0.35:
        body["block:a"] = {f"B{n}": chance.choice(VALUES) for n in range(chance.randint(0, 3))}
    if chance.random() < 0.2:
        body["block:b"] = chance.choice([None, "text"])
    if chance.random() < 0.35:
        body["guard:G"] = {"value": chance.choice(VALUES), "over": ["A"]}
    if chance.random() < 0.2:
        body["ref:R"] = "@?{Things.Number:other}"
    return body


@pytest.fixture
def lease(flow: Flow) -> Iterator[Lease]:
    held = Lease(flow.connection, "erp/Things", "test", Terms(deadline=60, settle=0))
    held.acquire(5)
    yield held
    held.release()


def rows_of(flow: Flow, run: int) -> list[PlanRow]:
    return plan_rows.next_rows(flow.connection, run, THINGS, tuple(ENVIRONMENTS.values()), 0, RECORDS)


def deliver(flow: Flow, lease: Lease, run: int, requests: list[Sent], state: str = "accepted") -> None:
    ledger.mark(flow.connection, lease, THINGS.entity, run, requests)
    accepted = state == "accepted"
    outcomes = [
        Outcome(r.seq, state, "updated" if accepted else None, "done", 200, "", "", "id", sent=accepted)
        for r in requests
    ]
    ledger.record(flow.connection, lease, run, "m1", THINGS.entity, outcomes)


def in_ledger(flow: Flow) -> dict[str, tuple[Body, set[str], Body]]:
    rows = flow.sql("select source_key, belief, left_empty, guarded from sync.ledger")
    return {key: (belief, set(empty), ours) for key, belief, empty, ours in rows}


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_known_after_a_create_and_an_update_follows_from_what_was_sent(
    flow: Flow, lease: Lease, seed: int
):
    chance = random.Random(seed)
    bodies = {f"r{n}": some_body(chance) for n in range(RECORDS)}
    for key, body in bodies.items():
        flow.record(key)
        flow.say("things", key, body)
    run = flow.plan()
    sent: dict[str, Body] = {}
    requests = []
    for row in rows_of(flow, run):
        request = json.loads(row.target_key) | json.loads(row.body)
        request.pop("ref:R", None)
        if chance.random() < 0.2:
            request.pop(chance.choice(list(request)))  # a request that left without a field
        sent[row.source_key] = request
        requests.append(Sent(row.seq, row.source_key, "create", row.target_key, json.dumps(request)))

    deliver(flow, lease, run, requests)

    first = {
        key: (known(body, sent[key], {}), left_empty(body, sent[key], {}, set()), guarded(body, sent[key]))
        for key, body in bodies.items()
        if key in sent
    }
    assert len(first) > RECORDS / 2
    assert in_ledger(flow) == first

    bodies = {key: some_body(chance) for key in first}
    for key, body in bodies.items():
        flow.say("things", key, body)
    run = flow.plan(release_safety_limit=True)
    rows = rows_of(flow, run)
    changes = {row.source_key: json.loads(row.changes) for row in rows}
    assert {row.source_key: json.loads(row.body) for row in rows} == {
        key: without_empty(flat(bodies[key])) for key in changes
    }
    deliver(flow, lease, run, [Sent(r.seq, r.source_key, "update", r.target_key, r.changes) for r in rows])

    second = {
        key: (
            known(bodies[key], sent, first[key][0]),
            left_empty(bodies[key], sent, first[key][0], first[key][1]),
            first[key][2] | guarded(bodies[key], sent),
        )
        for key, sent in changes.items()
    }
    assert len(second) > RECORDS / 2
    assert in_ledger(flow) == first | second


def test_the_body_of_a_row_that_creates_is_flat_and_without_empty_fields(flow: Flow):
    chance = random.Random(4)
    bodies = {f"r{n}": some_body(chance) for n in range(RECORDS)}
    for key, body in bodies.items():
        flow.record(key)
        flow.say("things", key, body)

    rows = rows_of(flow, flow.plan())

    assert {row.source_key: json.loads(row.body) for row in rows} == {
        row.source_key: without_empty(flat(bodies[row.source_key])) for row in rows
    }
    assert {row.source_key: row.guards for row in rows} == {
        row.source_key: {"G": ["A"]} if "guard:G" in bodies[row.source_key] else {} for row in rows
    }


def test_a_refused_request_leaves_what_is_known_as_it_was(flow: Flow, lease: Lease):
    flow.record("a")
    flow.say("things", "a", {"F1": "A", "F2": None, "guard:G": {"value": "A"}})
    run = flow.plan()
    (row,) = rows_of(flow, run)

    deliver(flow, lease, run, [Sent(row.seq, "a", "create", row.target_key, row.body)], "rejected")

    assert in_ledger(flow) == {"a": ({}, set(), {})}
    assert flow.sql("select present, doubt, settled_hash from sync.ledger") == [(False, None, None)]


def without_empty(value: Any) -> Any:
    """As jsonb_strip_nulls: fields of objects, not elements of arrays."""
    if isinstance(value, dict):
        return {name: without_empty(inner) for name, inner in value.items() if inner is not None}
    return [without_empty(inner) for inner in value] if isinstance(value, list) else value
