"""Why records of a plan are not in the target: a sentence and a remedy for every reason that plan and load can give."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from prospect_to_cash.report.details import details
from prospect_to_cash.report.texts import reasons
from prospect_to_cash.report.waiting import REASONS
from tests.plan.conftest import Flow, flow, staging

__all__ = ["flow", "staging"]

LOAD = Path(__file__).parents[2] / "plugins" / "prospect_to_cash" / "load"
TIME = "14:05 UTC"


@pytest.fixture
def things(flow: Flow) -> Flow:
    flow.sql("set role p2c_dbt; drop table if exists seeds.rules; reset role")
    flow.sql(
        "set role p2c_dbt; create table seeds.rules (rule text, flow text, sentence text, remedy text); reset role"
    )
    flow.sql(
        "insert into seeds.rules values ('key_taken', '*', 'Another record has the number of {record}.', 'Give it another.')"
    )
    return flow


def planned(things: Flow, *names: str) -> int:
    for name in names:
        things.record(name)
        things.say("things", name, {"f": name})
    return things.plan()


def set_state(
    things: Flow, run: int, name: str, state: str, reason: str | None, write: str = "things"
) -> None:
    things.sql(
        "update sync.plan set state = %s, reason = %s where run_id = %s and source_key = %s and write = %s",
        (state, reason, run, name, write),
    )


# Reason of a plan row as plan and load write it -> what a person reads.
CASES = {
    "in doubt": ("in_doubt", TIME, "answer_lost", f"a: a request was sent and its answer was lost; the target may still "
                 f"execute it until {TIME}."),
    "in doubt by an import": ("in_doubt", "the end of the import", "answer_lost", "until the end of the import."),
    "to be confirmed": ("accepted", f"to_be_confirmed: {TIME}", "to_be_confirmed",
                        f"an earlier try of the same request until {TIME}."),
    "superseded": ("superseded", "superseded", "superseded", "a: a later run has already tried a newer state of it."),
    "a part": ("waiting", "part_not_accepted", "part_not_accepted", "because another part of it was not accepted."),
    "partial": ("waiting", "partial", "partial", "a is in the target only in part: "),
    "stale": ("waiting", "stale", "stale", "a was changed in the target after it had been read"),
    "stopped": ("planned", None, "not_sent", "a was not sent, because the run stopped before it."),
    "a parent": ("waiting", "others:x", "others", "a waits for others:x"),
    "a key that is taken": ("held", "key_taken", "key_taken", "Another record has the number of a."),
    "refused": ("rejected", "Site 9 does not exist.", "rejected", "a (things): Site 9 does not exist."),
    "resting": ("backing_off", "Site 9 does not exist.", "rejected", "a (things): Site 9 does not exist."),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_reason_is_a_sentence_with_a_remedy(things, case):
    state, reason, rule, sentence = CASES[case]
    run = planned(things, "a")
    set_state(things, run, "a", state, reason)

    (detail,) = details(things.connection, "things", run)

    assert (detail.rule, detail.n) == (rule, 1)
    assert sentence in detail.records[0]
    assert bool(detail.remedy) == (case != "a parent")
    assert not {"{", "}"} & set(reasons("things", [detail]))


def test_a_relation_of_validation_that_is_a_part_of_the_violations_is_not_asked_for_names(things):
    run = planned(things, "a")
    set_state(things, run, "a", "waiting", "others:x")
    things.sql("create table validation.broken_things (source_key text)")
    try:
        (detail,) = details(things.connection, "things", run)
    finally:
        things.sql("drop table validation.broken_things")

    assert detail.n == 1


def test_the_time_is_taken_from_the_ledger_when_the_answer_was_lost_in_this_very_run(things):
    run = planned(things, "a")
    things.accept(run, state="in_doubt")
    ((until,),) = things.sql("select to_char(over_at at time zone 'UTC', 'HH24:MI \"UTC\"') from sync.ledger")

    (detail,) = details(things.connection, "things", run)

    assert f"until {until}." in detail.records[0]


def test_a_plan_that_the_safety_limit_stopped_says_so_and_a_dry_run_says_nothing(things):
    run = planned(things, "a", "b")
    things.sql("""update sync.run set safety_limit = '{"things": {"known": 9}}' where run_id = %s""", (run,))
    assert [(d.rule, d.n) for d in details(things.connection, "things", run)] == [("safety_limit", 2)]

    assert details(things.connection, "things", things.plan(dry_run=True)) == []


def test_a_refused_part_decides_and_says_that_the_rest_is_there(things):
    things.record("a")
    things.say("things", "a", {"f": "1"})
    things.say("parts", "a/1", {"f": "1"}, document="a")
    run = things.plan()
    set_state(things, run, "a", "waiting", "partial")
    set_state(things, run, "a/1", "rejected", "Site 9 does not exist.", "parts")

    (detail,) = details(things.connection, "things", run)

    assert (detail.outcome, detail.n, len(detail.records)) == ("rejected", 1, 1)
    assert "(parts): Site 9 does not exist." in detail.records[0]
    assert "a is in the target only in part" in reasons("things", [detail]).replace("a/1", "a")


def test_records_that_were_refused_with_different_messages_are_counted_together(things):
    run = planned(things, "a", "b", "c")
    for name in "abc":
        set_state(things, run, name, "rejected", f"Site {name} does not exist.")

    (detail,) = details(things.connection, "things", run, most=2)

    assert (detail.n, len(detail.records)) == (3, 2)


def test_no_word_of_the_load_lacks_its_sentence():
    """Texts that the load gives as the reason of a row that waits: each is in REASONS."""
    words = set()
    for file in LOAD.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "settled":
                texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                if texts[:1] == ["waiting"]:
                    words |= {text for text in texts[1:] if text}
    assert words == {"part_not_accepted", "partial"}
    assert words <= REASONS.keys()
