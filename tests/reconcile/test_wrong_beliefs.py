"""Wrong entries planted in the ledger: one reconcile finds every one of them, and the next run has nothing left to do."""

from __future__ import annotations

import json
import random

import pytest

from tests.load.workshop import KINDS, Source
from tests.reconcile.conftest import Witness, fields_of

PLANTED = 50


class Planting:
    """Delivers records of every kind in every state, then makes the ledger wrong about some of them."""

    def __init__(self, witness: Witness, seed: int, records: int, drift: str) -> None:
        self.drift = drift
        self.random = random.Random(seed)
        self.witness = witness
        self.shop = witness.shop
        self.sources = [
            self.shop.add(
                kind, self.random.choice("ABC"), self.random.choice([None, "x@example.com", "y@example.com"])
            )
            for kind in KINDS
            for _ in range(records)
        ]
        self.shop.run()
        for source in self.random.sample(self.sources, len(self.sources) // 4):
            self.shop.edit(source, is_there=False)
        self.shop.run()
        assert self.shop.differences() == []
        assert witness.planned() == 0

    def plant(self, source: Source) -> str:
        """One wrong entry for a record; returns what was done."""
        names = ["value", "presence", "hash", "absence"] if self.is_there(source) else ["presence"]
        if source.is_there:
            names.append("never sent")
        name = self.random.choice(names)
        getattr(self, name.replace(" ", "_"))(source)
        return name

    def is_there(self, source: Source) -> bool:
        return source.is_there or source.kind != "quotes"

    def change(self, source: Source, what: str, *values: object) -> None:
        done = self.shop.flow.sql(
            f"update sync.ledger set {what} where source_key = %s returning 1",
            (*values, self.shop.row_key(source)),
        )
        assert done == [(1,)]

    def value(self, source: Source) -> None:
        name = self.random.choice(sorted(self.believed(source, self.drift == "report")))
        wrong = self.random.choice(["never", "2031-05-05T12:00:00Z", "W99999", 17])
        self.change(source, "belief = belief || %s", json.dumps({name: wrong}))

    def absence(self, source: Source) -> None:
        """The ledger does not know of a field that it has sent."""
        belief = self.believed(source, True)
        name = self.random.choice(sorted(name for name, value in belief.items() if value is not None))
        self.change(source, "belief = belief - %s", name)

    def believed(self, source: Source, only_owned: bool) -> dict[str, object]:
        """The belief; with ``only_owned``, of an inactive record only what made it so.

        Nothing says who is right about the other fields of an inactive record: with `report` they stay reported.
        """
        ((belief,),) = self.shop.flow.sql(
            "select belief from sync.ledger where source_key = %s", (self.shop.row_key(source),)
        )
        if source.is_there or not only_owned:
            return belief
        owned = ["IsInactive"] if source.kind == "people" else ["statecode", "statuscode"]
        return {name: belief[name] for name in owned}

    def presence(self, source: Source) -> None:
        self.change(source, "present = not present")

    def hash(self, source: Source) -> None:
        self.change(source, "settled_hash = md5(settled_hash)")

    def never_sent(self, source: Source) -> None:
        """The source has changed, and the ledger says that it was sent."""
        self.shop.edit(source, f="changed", g=self.random.choice([source.g, "new@example.com"]))
        table = f"outbound.outbound_{'sales' if source.kind == 'cards' else 'finops'}__{source.kind}"
        self.shop.flow.sql(
            f"update sync.ledger as known set settled_hash = ours.body_hash from {table} as ours"
            " where ours.source_key = known.source_key and known.source_key = %s",
            (self.shop.row_key(source),),
        )

    def found(self) -> set[str]:
        """The records that the last reconcile has findings about."""
        return {
            key
            for (key,) in self.shop.flow.sql(
                "select subject from sync.finding where last_reconcile in (select max(reconcile_id) from sync.reconcile"
                " group by write)"
            )
        }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("drift", ["repair", "report"])
@pytest.mark.parametrize(
    "seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
def test_fifty_wrong_beliefs_are_found_and_put_right_and_the_next_run_is_silent(make_witness, seed, drift):
    planting = Planting(make_witness(), seed, 24, drift)
    witness, shop = planting.witness, planting.shop
    witness.looks_up = 0 if seed % 2 else 500
    chosen = planting.random.sample(planting.sources, PLANTED)
    planted = {shop.row_key(source): planting.plant(source) for source in chosen}
    assert len(set(planted.values())) == 5

    witness.reconcile(drift)
    found = planting.found()
    assert {key: planted[key] for key in planted.keys() - found} == {}, "not found"
    assert found == planted.keys()
    shop.run()
    assert shop.differences() == []
    assert witness.planned() == 0
    assert witness.reconcile(drift) == {}
    assert witness.open() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_belief_does_not_touch_what_people_have_set_in_other_fields(witness, kind):
    shop = witness.shop
    source = shop.add(kind, g="x@example.com")
    shop.run()
    first, second = fields_of(source)
    witness.edit(source, {second: "hand@example.com"})
    shop.flow.sql("update sync.ledger set belief = belief || %s", (json.dumps({first: "never"}),))

    assert witness.reconcile("report") == {"belief": 1, "different": 1}
    assert witness.planned() == 0
    shop.run()
    (row,) = witness.values(source)
    assert row[second] == "hand@example.com"
    assert witness.reconcile("report") == {"different": 1}
