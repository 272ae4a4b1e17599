"""The table of events, row by row (docs/decisions/2026-11-30-one-doubt-per-row.md)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from prospect_to_cash.clients.odata.operations import Answer
from prospect_to_cash.load.decisions import Known, Tried, after_answer, before_sending, state_after

CREATE = Known("create", wants=True, own_key=True)
UPDATE = Known("update", wants=True, own_key=True)
SURE = (
    (CREATE, "send"),
    (replace(CREATE, asks_first=True), "find"),
    (replace(CREATE, asks_first=True, not_found=True), "send"),
    (UPDATE, "send"),
    (replace(UPDATE, wants=False), "settle"),
    (replace(UPDATE, must_read=True), "read"),
    (replace(UPDATE, must_read=True, wants=False), "read"),
    (Known("remove", wants=True, own_key=True), "send"),
    (Known("remove", wants=False, own_key=True), "settle"),
)
DOUBT = replace(UPDATE, unsure=True)
LOST_CREATE = replace(CREATE, unsure=True, lost_create=True)
UNSURE = (
    (replace(DOUBT, over=True), "read"),
    (replace(DOUBT, over=True, answered=True, wants=False), "read"),
    (replace(DOUBT, answered=True, wants=False), "confirm"),
    (replace(DOUBT, answered=True), "in_doubt"),
    (replace(DOUBT, identical=True), "repeat"),
    (DOUBT, "in_doubt"),
    (replace(DOUBT, wants=False), "in_doubt"),
    (replace(LOST_CREATE, identical=True), "repeat"),
    (replace(LOST_CREATE, own_key=False, identical=True), "find"),
    (replace(LOST_CREATE, own_key=False, identical=True, not_found=True), "in_doubt"),
    (replace(LOST_CREATE, own_key=False, over=True), "read"),
    (replace(Known("deactivate", wants=False, own_key=False), unsure=True, lost_create=True), "find"),
)


@pytest.mark.parametrize(("known", "step"), [*SURE, *UNSURE])
def test_the_step_before_a_request(known, step):
    assert before_sending(known) == step


def test_nothing_is_sent_blindly_while_something_is_unsure():
    flags = (
        "wants",
        "own_key",
        "over",
        "answered",
        "lost_create",
        "identical",
        "asks_first",
        "must_read",
        "not_found",
    )
    for kind in ("create", "update", "deactivate", "remove"):
        for values in product((False, True), repeat=len(flags)):
            known = Known(kind, unsure=True, **dict(zip(flags, values, strict=True)))
            step = before_sending(known)
            assert step not in ("send", "settle")
            if step == "repeat":
                assert known.identical
                assert known.own_key
                assert not known.over


TRIED = Tried("create", own_key=True)
CHANGE = Tried("update", own_key=True)
PERSON = Tried("create", own_key=False)
ANSWERS = (
    (TRIED, "done", "settle", "accepted"),
    (TRIED, "exists", "read_back", None),
    (TRIED, "rejected", "read_back", None),
    (replace(TRIED, was_read=True), "rejected", "settle", "rejected"),
    (PERSON, "rejected", "settle", "rejected"),
    (CHANGE, "rejected", "settle", "rejected"),
    (CHANGE, "exists", "settle", "rejected"),
    (CHANGE, "missing", "create", None),
    (replace(CHANGE, can_create=False), "missing", "settle", "rejected"),
    (replace(CHANGE, earlier=True), "missing", "settle", "in_doubt"),
    (Tried("remove", own_key=True), "missing", "settle", "accepted"),
    (Tried("deactivate", own_key=True), "missing", "settle", "accepted"),
    (CHANGE, "stale", "settle", "waiting"),
    (TRIED, "unknown", "resend", None),
    (CHANGE, "unknown", "resend", None),
    (PERSON, "unknown", "find", None),
    (TRIED, "not_run", "resend", None),
    (PERSON, "not_run", "resend", None),
    (replace(PERSON, earlier=True), "not_run", "settle", "in_doubt"),
)


@pytest.mark.parametrize(("tried", "kind", "step", "state"), ANSWERS)
def test_the_step_after_an_answer(tried, kind, step, state):
    assert after_answer(tried, Answer(kind), last=False) == step
    if state:
        assert state_after(tried, Answer(kind)) == state


@pytest.mark.parametrize(
    ("tried", "kind", "state"),
    [
        (CHANGE, "unknown", "in_doubt"),
        (CHANGE, "not_run", "planned"),
        (replace(CHANGE, earlier=True), "not_run", "in_doubt"),
        (PERSON, "unknown", "in_doubt"),
    ],
)
def test_after_the_last_round_a_row_is_settled_by_what_is_known(tried, kind, state):
    assert after_answer(tried, Answer(kind), last=True) == "settle"
    assert state_after(tried, Answer(kind)) == state


def test_a_create_with_a_number_of_the_target_is_never_repeated_while_it_may_be_executed():
    for kind, last in product(("unknown", "not_run", "rejected", "exists", "missing"), (False, True)):
        assert after_answer(replace(PERSON, earlier=True), Answer(kind), last) != "resend"
