"""Requests whose answer was lost or lied: what a comparison leaves alone, and what only it can find.

Tests with a number try the sequences of docs/decisions/2026-11-30-one-doubt-per-row.md that concern reconcile.
"""

from __future__ import annotations

import pytest

from tests.load.reconciling import counted, nothing, reconcile_write
from tests.load.workshop import KINDS
from tests.reconcile.conftest import fields_of, write_of


def horizon_passes(witness) -> None:
    """The ledger counts the request as over, although its service still holds it."""
    witness.shop.flow.sql("update sync.ledger set over_at = over_at - interval '1 day'")


def test_a_create_that_is_executed_after_its_successor_is_extra(witness):
    shop = witness.shop
    source = shop.add("people")
    shop.fault({"kind": "late"})
    shop.run()
    shop.peace()
    horizon_passes(witness)
    shop.run()
    assert len(witness.values(source)) == 1
    shop.late_requests_run()
    assert len(witness.values(source)) == 2

    assert witness.reconcile("repair") == {"extra": 1}
    ((record,),) = witness.shop.flow.sql("select record from sync.finding where resolved_at is null")
    known = shop.flow.sql(
        "select answer ->> 'ContactPersonPartyNumber' from sync.identity where entity = 'CDSContactPersons'"
    )
    numbers = {row["ContactPersonPartyNumber"].lower() for row in witness.values(source)}
    assert any(number in record for number in numbers - {known[0][0].lower()})
    assert len(witness.values(source)) == 2, "nothing is deleted"


@pytest.mark.parametrize("executed", ["before", "while the target is read", "after"])
def test_10_a_create_in_doubt_whose_number_is_not_known_yet_is_neither_missing_nor_extra(witness, executed):
    shop = witness.shop
    source = shop.add("people")
    shop.fault({"kind": "late"})
    shop.run()
    shop.peace()
    if executed == "before":
        shop.late_requests_run()
        assert len(witness.values(source)) == 1
    meanwhile = shop.late_requests_run if executed == "while the target is read" else nothing
    result = reconcile_write(shop, write_of("people"), "repair", after=meanwhile)
    assert counted([result]) == {}
    assert result.counts["in_doubt"] == 1
    if executed == "after":
        assert shop.run() == {"in_doubt": 1}
        shop.late_requests_run()

    shop.settle()
    assert witness.reconcile("repair") == {}
    assert len(witness.values(source)) == 1


@pytest.mark.parametrize("is_settled", [False, True])
@pytest.mark.parametrize("drift", ["report", "repair"])
@pytest.mark.parametrize("kind", KINDS)
def test_11_a_page_that_was_read_before_a_late_request_was_executed_is_not_applied(
    witness, kind, drift, is_settled
):
    shop = witness.shop
    source = shop.add(kind, g="a@example.com")
    shop.run()
    shop.edit(source, g="b@example.com")
    shop.fault({"kind": "late"})
    shop.run()
    shop.peace()
    shop.edit(source, g="a@example.com")

    def meanwhile() -> None:
        """The page shows the first value; the second one is written, and may be no longer in doubt when it is applied."""
        shop.time_passes()
        if is_settled:
            shop.edit(source, g="c@example.com")
            shop.run()
            shop.edit(source, g="a@example.com")

    assert counted([reconcile_write(shop, write_of(kind), drift, after=meanwhile)]) == {}
    assert witness.open() == []
    assert len(shop.differences()) == 1
    shop.run()
    assert shop.differences() == []
    assert witness.reconcile(drift) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_15_a_change_that_was_executed_although_its_answer_proved_the_opposite_is_found(witness, kind):
    shop = witness.shop
    source = shop.add(kind, g="a@example.com")
    shop.run()
    shop.edit(source, g="b@example.com")
    shop.fault({"kind": "status", "status": 429, "retry_after": 0, "executes": True}, times=99)
    shop.run()
    shop.peace()
    shop.edit(source, g="a@example.com")
    assert shop.run() == {"unchanged": 1}
    assert len(shop.differences()) == 1

    assert witness.reconcile("repair") == {"different": 1}
    shop.run()
    assert shop.differences() == []
    assert witness.reconcile("repair") == {}


@pytest.mark.parametrize("looks_up", [0, 500])
@pytest.mark.parametrize("kind", KINDS)
def test_an_update_that_is_executed_after_its_successor_is_found_and_put_right(witness, kind, looks_up):
    shop = witness.shop
    witness.looks_up = looks_up
    source = shop.add(kind, g="a@example.com")
    shop.run()
    shop.edit(source, g="b@example.com")
    shop.fault({"kind": "late"})
    shop.run()
    shop.peace()
    horizon_passes(witness)
    shop.edit(source, g="c@example.com")
    shop.run()
    assert shop.differences() == []
    shop.late_requests_run()
    assert len(shop.differences()) == 1

    assert witness.reconcile("repair") == {"different": 1}
    assert [name for _, _, name in witness.open()] == [fields_of(source)[1]]
    shop.run()
    assert shop.differences() == []
    assert witness.reconcile("repair") == {}
    assert witness.planned() == 0


def leave_out(witness, source) -> None:
    """A rule excludes the record, so that outbound has no row of it and no run looks at it."""
    witness.shop.flow.sql(
        "insert into validation.violations_things values (%s, %s, '', 'left_out', 'exclude', '', '')",
        (source.name, source.name),
    )
    system = "sales" if source.kind == "cards" else "finops"
    table = f"outbound.outbound_{system}__{source.kind}"
    witness.shop.flow.sql(f"delete from {table} where document = %s", (source.name,))
    witness.shop.flow.build()


def bring_back(witness, source) -> None:
    """No rule excludes the record any more."""
    witness.shop.flow.sql("delete from validation.violations_things where source_key = %s", (source.name,))
    witness.shop.edit(source, g="b@example.com")


def beliefs(witness, source) -> list[tuple]:
    """Presence, the second field as it is believed, and whether a request is in doubt."""
    return witness.shop.flow.sql(
        "select present, belief ->> %s, doubt is not null from sync.ledger where document = %s",
        (fields_of(source)[1], source.name),
    )


@pytest.mark.parametrize("looks_up", [0, 500])
@pytest.mark.parametrize("fate", ["lost", "late"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_update_in_doubt_of_a_record_that_is_left_out_meanwhile_is_settled_by_a_comparison(
    witness, kind, fate, looks_up
):
    shop = witness.shop
    witness.looks_up = looks_up
    source = shop.add(kind, g="a@example.com")
    shop.run()
    shop.edit(source, g="b@example.com")
    shop.fault({"kind": fate}, times=100)
    shop.run()
    shop.peace()
    leave_out(witness, source)
    assert [n["in_doubt"] for n in map(counts_of, witness.results()) if n["ours"]] == [1]
    horizon_passes(witness)
    shop.run()
    ((present, _, is_in_doubt),) = beliefs(witness, source)
    assert present
    assert is_in_doubt

    (counts,) = (n for n in map(counts_of, witness.results()) if n["ours"])

    now = "b@example.com" if fate == "lost" else "a@example.com"
    assert (counts["settled"], counts["in_doubt"]) == (1, 0)
    assert beliefs(witness, source) == [(True, now, False)]
    assert witness.reconcile("repair") == {}
    witness.edit(source, {fields_of(source)[1]: "people@example.com"})
    assert witness.reconcile("repair") == {"different": 1}
    bring_back(witness, source)
    shop.run()
    assert shop.differences() == []
    assert witness.planned() == 0


def test_an_update_in_doubt_of_a_record_that_is_held_meanwhile_is_settled_by_a_comparison(witness):
    shop = witness.shop
    source = shop.add("quotes", g="a@example.com")
    shop.run()
    shop.edit(source, g="b@example.com")
    shop.fault({"kind": "lost"}, times=100)
    shop.run()
    shop.peace()
    shop.edit(source, number=f"{source.name}-other")
    horizon_passes(witness)
    run = shop.plan()
    assert shop.flow.sql("select state, reason from sync.plan where run_id = %s", (run,)) == [
        ("held", "key_changed")
    ]

    (counts,) = (n for n in map(counts_of, witness.results()) if n["ours"])

    assert (counts["settled"], counts["in_doubt"]) == (1, 0)
    assert beliefs(witness, source) == [(True, "b@example.com", False)]
    shop.edit(source, number=source.name)
    shop.run()
    assert shop.differences() == []
    assert witness.planned() == 0


# A lost create of a person is found by its contents, within the run that lost it.
@pytest.mark.parametrize(
    ("kind", "fate"),
    [("quotes", "lost"), ("quotes", "late"), ("cards", "lost"), ("cards", "late"), ("people", "late")],
)
def test_a_create_in_doubt_of_a_record_that_is_left_out_meanwhile_is_settled_where_its_key_is_known(
    witness, kind, fate
):
    shop = witness.shop
    source = shop.add(kind, g="a@example.com")
    shop.fault({"kind": fate}, times=100)
    shop.run()
    shop.peace()
    leave_out(witness, source)
    horizon_passes(witness)

    (counts,) = (n for n in map(counts_of, witness.results()) if n["ours"])

    has_key = kind != "people"
    assert (counts["settled"], counts["in_doubt"]) == ((1, 0) if has_key else (0, 1))
    if has_key:
        is_there = fate == "lost"
        assert beliefs(witness, source) == [(is_there, "a@example.com" if is_there else None, False)]
    assert witness.reconcile("repair") == {}
    bring_back(witness, source)
    shop.run()
    shop.run()
    assert len(witness.values(source)) == 1
    assert shop.differences() == []


def counts_of(result) -> dict[str, int]:
    return result.counts


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_that_fails_stores_nothing(witness, kind):
    shop = witness.shop
    source = shop.add(kind, g="a@example.com")
    shop.run()
    witness.edit(source, {fields_of(source)[1]: "b@example.com"})
    shop.fault({"kind": "status", "status": 503}, times=1000, methods="read")
    before = shop.flow.sql("select * from sync.ledger order by source_key")

    with pytest.raises(Exception, match="503"):
        witness.results("repair")
    shop.peace()
    assert shop.flow.sql("select * from sync.ledger order by source_key") == before
    assert witness.open() == []
    assert witness.reconcile("repair") == {"different": 1}
