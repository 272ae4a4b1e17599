"""Cases that broke what was believed of the target; each stands for a kind (docs/decisions/2026-11-30-one-doubt-per-row.md).

Of the numbered sequences, 10, 11 and a part of 15 are in tests/reconcile/test_lost_requests.py, 13 and 14 in test_documents.py.

After each, the service executes what it still holds, the horizon passes, and runs follow until nothing is planned.
"""

from __future__ import annotations

import pytest

from tests.load.workshop import FIELDS, KINDS

LOST, LATE, BUSY = "lost", {"kind": "late"}, {"kind": "status", "status": 429, "retry_after": 0}
OWN = ("quotes", "cards")


def holds(shop) -> bool:
    shop.settle()
    assert shop.differences() == []
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_created_updated_removed_and_created_again(shop, kind):
    source = shop.add(kind)
    shop.run()
    assert shop.differences() == []
    shop.edit(source, f="B", g="x@example.com")
    shop.run()
    assert shop.differences() == []
    shop.edit(source, is_there=False)
    shop.run()
    assert shop.differences() == []
    shop.edit(source, is_there=True, g=None)
    shop.run()
    assert shop.differences() == []
    assert shop.settle() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_that_becomes_ours_again_and_is_empty_is_cleared_and_one_that_never_was_ours_is_left_alone(
    shop, kind
):
    source, other, never = shop.add(kind, g="x@example.com"), shop.add(kind), shop.add(kind)
    shop.edit(never, owns_g=False)
    shop.run()
    shop.edit(source, owns_g=False)
    for record in (source, other, never):
        shop.edit(record, f="B")
    shop.run()
    shop.edit(source, owns_g=True, g=None)
    shop.edit(never, owns_g=True, g=None)
    assert shop.run().get("updated") == 1
    assert shop.differences() == []
    assert shop.settle() == 1


@pytest.mark.parametrize("doubt", ["create", "update"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_target_has_in_a_field_that_was_never_sent_is_left_alone_after_a_doubt_is_read(
    shop, kind, doubt
):
    source = shop.add(kind)
    if doubt == "update":
        shop.run()
        shop.edit(source, f="B")
    shop.fault(LOST, times=99)
    shop.run()
    shop.peace()
    entered = {FIELDS[kind][1]: "default@example.com"}
    shop.change(source, shop.found(source)[0], "PATCH", entered)
    shop.edit(source, f="C")
    shop.time_passes()
    shop.run()
    (row,) = shop.found(source)
    assert row[FIELDS[kind][1]] == "default@example.com"
    assert row[FIELDS[kind][0]].endswith("C")


@pytest.mark.parametrize("doubt", ["create", "update"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_lost_request_wrote_is_cleared_after_it_is_read(shop, kind, doubt):
    source = shop.add(kind, g="x@example.com" if doubt == "create" else None)
    if doubt == "update":
        shop.run()
        shop.edit(source, g="x@example.com")
    shop.fault(LOST, times=99)
    shop.run()
    shop.peace()
    shop.edit(source, g=None)
    shop.time_passes()
    assert holds(shop)


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_that_was_lost_is_undone_although_the_run_after_it_was_refused(shop, kind):
    source = shop.add(kind)
    shop.run()
    shop.edit(source, f="B")
    shop.fault(LOST, times=9)
    shop.run()
    shop.edit(source, f="A")
    shop.fault(BUSY, times=99)
    shop.run()
    shop.peace()
    shop.run()

    assert holds(shop)


@pytest.mark.parametrize("kind", KINDS)
def test_the_plans_of_two_runs_may_be_loaded_in_their_order(shop, kind):
    source = shop.add(kind, g="one@example.com")
    shop.run()
    shop.edit(source, g="two@example.com")
    first = shop.plan()
    shop.edit(source, f="B", g="one@example.com")
    second = shop.plan()
    shop.load(first)
    shop.load(second)

    assert shop.differences() == []


def test_a_row_of_an_older_build_is_not_sent_after_a_newer_one(shop):
    source = shop.add("quotes")
    shop.run()
    shop.edit(source, f="B")
    old = shop.plan()
    shop.edit(source, f="C")
    shop.run()

    assert shop.load(old) == {"superseded": 1}
    assert shop.differences() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_that_is_cleared_loses_no_update(shop, kind):
    source = shop.add(kind)
    shop.run()
    shop.edit(source, f="B")
    run = shop.plan("killed")
    shop.load(run, dies=True)
    shop.edit(source, f="A")
    shop.load(shop.plan("killed"))

    assert holds(shop)


@pytest.mark.parametrize("death", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_create_is_found_under_the_body_it_left_with(shop, kind, death):
    source = shop.add(kind)
    if not death:
        shop.fault(LOST, times=9)
    shop.run(dies=death)
    shop.peace()
    shop.edit(source, f="B", g="new@example.com")
    shop.run()

    assert holds(shop)


@pytest.mark.parametrize("kind", OWN)
def test_a_create_that_is_refused_in_any_language_is_read_back_and_the_record_adopted(shop, kind):
    source = shop.add(kind)
    shop.run()
    shop.flow.sql("truncate sync.ledger, sync.identity")
    shop.edit(source, f="B")
    shop.sandbox.finops.admin.parameters(language="de")
    try:
        shop.run()
    finally:
        shop.sandbox.finops.admin.parameters(language="en-us")

    assert shop.differences() == []


def test_a_refusal_that_has_another_cause_counts_as_rejected(shop):
    source = shop.add("quotes", f="x" * 2000)

    assert shop.run() == {"rejected": 1}
    assert len(shop.sentences()) == 1
    shop.edit(source, f="A")
    assert shop.run() == {"created": 1}


# The sequences that the model found (numbers as in the decision) ----------------------------------------------------------


def test_1_a_lost_change_is_not_forgotten_when_a_deactivation_is_accepted_after_it(shop):
    for kind in ("people", "cards"):
        source = shop.add(kind)
        shop.run()
        shop.edit(source, f="B")
        shop.fault(LOST, times=9)
        shop.run()
        shop.peace()
        shop.edit(source, f="A", is_there=False)
        shop.run()
        shop.time_passes()
        shop.run()
        shop.edit(source, is_there=True)
        shop.run()

    assert holds(shop)


def test_2_a_field_in_doubt_of_an_inactive_record_is_settled_by_reading(shop):
    source = shop.add("people")
    shop.run()
    shop.edit(source, f="B")
    shop.fault(LOST, times=9)
    shop.run()
    shop.peace()
    shop.edit(source, is_there=False)
    shop.settle()

    assert shop.flow.sql("select doubt from sync.ledger where write = 'people'") == [(None,)]
    assert shop.differences() == []


@pytest.mark.parametrize("kind", KINDS)
def test_3_a_record_that_returned_and_left_again_is_removed_although_its_create_was_never_answered(
    shop, kind
):
    source = shop.add(kind)
    shop.run()
    shop.edit(source, is_there=False)
    shop.run()
    shop.edit(source, is_there=True)
    shop.run(dies=True)
    shop.edit(source, is_there=False)
    shop.run()

    assert holds(shop)


@pytest.mark.parametrize("kind", KINDS)
def test_4_a_change_that_is_executed_late_does_not_stay(shop, kind):
    source = shop.add(kind)
    shop.run()
    shop.edit(source, f="B")
    shop.fault(LATE, times=9)
    shop.run()
    shop.peace()
    shop.edit(source, f="A")
    shop.run()
    shop.late_requests_run()

    assert holds(shop)


@pytest.mark.parametrize("kind", KINDS)
def test_5_a_removal_that_is_executed_late_does_not_stay_and_nor_does_a_late_create(shop, kind):
    source = shop.add(kind)
    shop.run()
    shop.edit(source, is_there=False)
    shop.fault(LATE, times=9)
    shop.run()
    shop.peace()
    shop.edit(source, is_there=True, f="B")
    shop.run()
    shop.late_requests_run()
    assert holds(shop)

    other = shop.add(kind)
    shop.fault(LATE, times=9)
    shop.run()
    shop.peace()
    shop.edit(other, is_there=False)
    shop.run()
    shop.late_requests_run()
    assert holds(shop)


def test_6_a_create_with_a_number_of_the_target_is_not_repeated_while_it_may_still_be_executed(shop):
    shop.add("people")
    shop.fault(LATE, times=9)
    shop.run()
    shop.peace()
    assert shop.run() == {"in_doubt": 1}
    shop.late_requests_run()
    assert shop.run() == {"created": 1}

    assert holds(shop)


@pytest.mark.parametrize("kind", OWN)
def test_7_the_first_try_inside_a_call_is_not_forgotten_when_the_second_is_accepted(shop, kind):
    source = shop.add(kind)
    shop.run()
    shop.edit(source, f="B")
    shop.fault(LATE, times=1)
    assert shop.run() == {"updated": 1}
    shop.peace()
    shop.edit(source, f="A")
    shop.run()
    shop.late_requests_run()

    assert holds(shop)


@pytest.mark.parametrize("kind", OWN)
def test_8_a_refused_repetition_does_not_settle_the_request_before_it(shop, kind):
    source = shop.add(kind)
    shop.run()
    shop.edit(source, f="B")
    shop.fault(LATE, times=9)
    shop.run()
    shop.fault(BUSY, times=99)
    shop.run()
    shop.peace()
    shop.edit(source, f="A")
    shop.run()
    shop.late_requests_run()

    assert holds(shop)


def test_9_a_person_that_returns_is_one_however_often_its_create_was_lost(shop):
    source = shop.add("people")
    shop.run()
    (row,) = shop.rows("people")
    shop.sandbox.finops.send(
        "DELETE",
        f"CDSContactPersons(dataAreaId='usmf',ContactPersonPartyNumber='{row['ContactPersonPartyNumber']}',"
        f"AssociatedPartyNumber='{row['AssociatedPartyNumber']}')",
    )
    for value in ("B", "C"):
        shop.edit(source, f=value)
        shop.fault(LOST, nth=2, times=1)
        shop.run()
        shop.peace()

    assert holds(shop)


def test_12_two_records_exchange_a_key_in_one_run(shop):
    first = shop.add("quotes")
    shop.run()
    shop.edit(first, is_there=False)
    second = shop.add("quotes")
    shop.edit(second, number=first.name)

    assert shop.run() == {"updated": 1, "created": 1}
    (row,) = shop.rows("quotes")
    assert (row["SalesQuotationNumber"], row["SalesQuotationName"]) == (first.name, f"{second.name} A")


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 520])
@pytest.mark.parametrize("kind", KINDS)
def test_15_an_error_that_follows_an_executed_request_does_not_count_as_not_executed(shop, kind, status):
    source = shop.add(kind)
    for value in ("B", "C"):
        shop.fault({"kind": "status", "status": status, "executes": True}, times=9)
        shop.run()
        shop.peace()
        shop.edit(source, f=value)
        shop.fault(BUSY, times=99)
        shop.run()
        shop.peace()
        shop.edit(source, f="A")
        assert holds(shop)
        shop.edit(source, f=value)


def test_a_record_is_in_doubt_until_a_time_that_the_plan_names_and_counts_as_waiting(shop):
    source = shop.add("quotes")
    shop.run()
    shop.edit(source, f="B")
    shop.fault(LATE, times=9)
    shop.run()
    shop.peace()
    shop.edit(source, f="C")
    run = shop.plan()
    shop.load(run)

    ((state, reason),) = shop.flow.sql("select state, reason from sync.plan where run_id = %s", (run,))
    assert state == "in_doubt"
    assert reason.endswith("UTC")
    assert shop.report(run)["waiting"] == {"answer_lost": 1}


def test_what_was_accepted_while_an_earlier_try_is_open_counts_as_to_be_confirmed(shop):
    source = shop.add("quotes")
    shop.run()
    shop.edit(source, f="B")
    shop.fault(LATE, times=1)
    shop.run()
    shop.peace()
    run = shop.plan()
    shop.load(run)

    assert shop.report(run)["waiting"] == {"to_be_confirmed": 1}
    assert holds(shop)


def test_a_worker_that_lost_its_lease_leaves_a_note_that_makes_others_read(shop):
    source = shop.add("quotes")
    shop.run()
    shop.edit(source, f="B")
    run = shop.plan()
    shop.load_and_lose_the_lease(run)
    assert shop.flow.sql("select count(*) from sync.stray") == [(1,)]
    shop.edit(source, f="A")
    shop.run()

    assert holds(shop)
