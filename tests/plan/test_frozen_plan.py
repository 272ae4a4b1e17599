import json

import pytest

from prospect_to_cash.errors import Stopped
from prospect_to_cash.load import ledger
from prospect_to_cash.plan import plan_rows
from prospect_to_cash.plan.completeness import RecordsLost
from tests.plan.conftest import CARD, ENVIRONMENTS


def test_a_record_that_was_never_accepted_is_created_whole_with_its_blocks_flattened(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A", "block:address": {"City": "Rome", "Zip": None}})

    planned = flow.planned(flow.plan())

    assert planned[("things", "a")][:3] == ("planned", "create", {"Name": "A", "City": "Rome", "Zip": None})


def test_what_was_accepted_and_did_not_change_is_not_planned(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan())

    assert flow.planned(flow.plan()) == {}
    assert flow.counts["read"] == 1


def test_an_update_holds_only_what_changed_and_an_address_goes_whole(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A", "Fax": "1", "block:address": {"City": "Rome", "Zip": "1"}})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "B", "Fax": "1", "block:address": {"City": "Rome", "Zip": "2"}})

    state, action, changes, _ = flow.planned(flow.plan())[("things", "a")]

    assert (state, action) == ("planned", "update")
    assert changes == {"Name": "B", "City": "Rome", "Zip": "2"}


def test_a_field_that_becomes_empty_is_cleared_and_one_that_is_no_longer_sent_is_left_alone(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A", "Fax": "1", "block:delivery": {"City": "Rome", "Zip": "1"}})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "A", "block:delivery": {"City": None, "Zip": "1"}})

    assert flow.planned(flow.plan())[("things", "a")][1:3] == ("update", {"City": None, "Zip": "1"})


def test_an_empty_field_is_no_change_unless_it_had_a_value_that_we_know_of(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A", "Zip": "1"})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "A", "Zip": None, "Fax": None})
    flow.say("marks", "a", {"Number": None})

    planned = flow.planned(flow.plan())
    assert planned[("things", "a")][1:3] == ("update", {"Zip": None})
    assert planned[("marks", "a")][1:3] == ("confirm", {})


def test_a_record_in_doubt_is_planned_even_if_its_body_is_the_accepted_one_again(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "B"})
    flow.accept(flow.plan(), state="in_doubt")
    flow.say("things", "a", {"Name": "A"})

    assert flow.planned(flow.plan())[("things", "a")][:3] == ("planned", "confirm", {})


def test_a_change_in_doubt_that_outbound_no_longer_asks_for_is_forgotten_once_it_is_over(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.say("marks", "a", {"Number": "1"})
    flow.accept(flow.plan(), state="in_doubt")
    flow.unsay("marks", "a")
    in_doubt = "select write from sync.ledger where doubt is not null order by 1"

    ledger.forget_unwanted(flow.connection, CARD.writes, ENVIRONMENTS)
    assert flow.sql(in_doubt) == [("marks",), ("things",)]
    flow.sql("update sync.ledger set over_at = clock_timestamp() - interval '1 second'")
    ledger.forget_unwanted(flow.connection, CARD.writes, ENVIRONMENTS)

    assert flow.sql(in_doubt) == [("things",)]
    flow.say("marks", "a", {"Number": "1"})
    assert flow.planned(flow.plan())[("marks", "a")][2] == {"Number": "1"}


def test_a_row_of_an_older_build_than_the_last_attempt_is_superseded(flow):
    flow.record("a")
    flow.say("marks", "a", {"Number": "1"})
    flow.build()
    late = flow.plan()
    flow.say("marks", "a", {"Number": "2"})
    flow.build()
    flow.accept(flow.plan(), state="in_doubt")

    (row,) = plan_rows.next_rows(flow.connection, late, CARD.writes[1], list(ENVIRONMENTS.values()), 0, 10)

    assert row.is_superseded


def test_the_difference_is_taken_from_what_is_believed_when_the_row_is_sent(flow):
    flow.record("a")
    flow.say("things", "a", {"Phone": "1", "Name": "A"})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Phone": "2", "Name": "A"})
    first = flow.plan()
    flow.say("things", "a", {"Phone": "1", "Name": "B"})
    second = flow.plan()
    flow.accept(first)

    (row,) = plan_rows.next_rows(flow.connection, second, CARD.writes[0], list(ENVIRONMENTS.values()), 0, 10)

    assert json.loads(row.changes) == {"Phone": "1", "Name": "B"}


def test_what_is_forced_is_sent_whole_although_nothing_differs(flow):
    flow.record("a")
    flow.say("marks", "a", {"Number": "1"})
    flow.accept(flow.plan())
    forced = flow.plan(force=True)

    (row,) = plan_rows.next_rows(flow.connection, forced, CARD.writes[1], list(ENVIRONMENTS.values()), 0, 10)

    assert json.loads(row.changes) == {"Number": "1"}


def test_a_child_goes_in_the_same_run_behind_its_parent(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.say("parts", "a/1", {"Name": "P"}, requires=("things:a",), document="a")

    planned = flow.planned(flow.plan())

    assert planned[("parts", "a/1")][0] == "planned"


def test_a_child_of_a_parent_that_is_not_sent_waits_by_name(flow):
    flow.record("a")
    flow.say("parts", "a/1", {"Name": "P"}, requires=("things:other",), document="a")

    state, _, _, reason = flow.planned(flow.plan())[("parts", "a/1")]

    assert (state, reason) == ("waiting", "things:other")


def test_a_rejected_body_rests_until_it_changes_or_is_asked_for(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan(), state="rejected", sentence="too long")

    assert flow.planned(flow.plan())[("things", "a")][0] == "backing_off"
    assert flow.planned(flow.plan())[("things", "a")][3] == "too long"
    assert flow.planned(flow.plan(retry_rejected=True))[("things", "a")][0] == "planned"
    assert flow.planned(flow.plan(mapping="m2"))[("things", "a")][0] == "planned"
    flow.say("things", "a", {"Name": "B"})
    assert flow.planned(flow.plan())[("things", "a")][0] == "planned"


def test_a_rejected_child_is_released_when_its_parent_is_accepted_anew(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan())
    flow.record("p")
    flow.say("parts", "p", {"Name": "P"}, requires=("things:a",))
    flow.accept(flow.plan(), state="rejected", sentence="no")
    assert flow.planned(flow.plan())[("parts", "p")][0] == "backing_off"

    flow.say("things", "a", {"Name": "B"})
    flow.accept(flow.plan())

    assert flow.planned(flow.plan())[("parts", "p")][0] == "planned"


def test_a_rejected_part_is_tried_again_together_with_a_change_of_its_record(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan())
    flow.say("parts", "p", {"Name": "P"}, requires=("things:a",), document="a")
    flow.accept(flow.plan(), state="rejected", sentence="no")
    flow.say("things", "a", {"Name": "B"})

    assert {row[0] for row in flow.planned(flow.plan()).values()} == {"planned"}


def test_a_rejected_part_keeps_a_change_of_its_record_back_after_that_change_was_tried_with_it(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "B"})
    flow.say("parts", "p", {"Name": "P"}, requires=("things:a",), document="a")
    run = flow.plan()
    flow.sql("update sync.plan set state = 'waiting' where write = 'things' and run_id = %s", (run,))
    flow.accept(run, state="rejected", sentence="no")

    planned = flow.planned(flow.plan())

    assert planned[("parts", "p")][0] == "backing_off"
    assert planned[("things", "a")][0::3] == ("backing_off", "no")


@pytest.mark.rule("*", "key_changed")
def test_a_key_that_changes_after_acceptance_is_held_and_makes_no_second_record(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "A"}, target_key={"dataAreaId": "usmf", "Id": "other"})

    assert flow.planned(flow.plan())[("things", "a")][0::3] == ("held", "key_changed")


def test_a_second_write_never_goes_to_a_record_that_was_not_delivered_as_this_one(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "A"}, target_key={"dataAreaId": "usmf", "Id": "other"})
    flow.say("marks", "a", {"Mark": 1}, ("things:a",), target_key={"dataAreaId": "usmf", "Id": "other"})

    assert flow.planned(flow.plan())[("marks", "a")][0::3] == ("held", "key_changed")

    flow.say("things", "a", {"Name": "A"})
    flow.say("marks", "a", {"Mark": 1}, ("things:a",), target_key={"Number": 7})
    assert flow.planned(flow.plan())[("marks", "a")][0] == "planned"


def test_a_key_may_change_as_long_as_nothing_was_accepted_under_it(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.plan()
    flow.say("things", "a", {"Name": "A"}, target_key={"dataAreaId": "usmf", "Id": "other"})

    assert flow.planned(flow.plan())[("things", "a")][0] == "planned"


@pytest.mark.rule("*", "key_taken")
def test_a_key_that_another_record_has_in_other_case_is_held(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"}, target_key={"dataAreaId": "usmf", "Id": "K-1"})
    flow.accept(flow.plan())
    flow.record("b")
    flow.say("things", "b", {"Name": "B"}, target_key={"dataAreaId": "usmf", "Id": "k-1"})

    assert flow.planned(flow.plan())[("things", "b")][0::3] == ("held", "key_taken")


def test_a_record_that_was_never_delivered_holds_no_key_once_it_is_gone(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"}, target_key={"dataAreaId": "usmf", "Id": "K-1"})
    flow.accept(flow.plan(), state="rejected", sentence="no")
    flow.unsay("things", "a")
    flow.sql("delete from canonical.canonical_things")
    flow.record("b")
    flow.say("things", "b", {"Name": "B"}, target_key={"dataAreaId": "usmf", "Id": "k-1"})

    assert flow.planned(flow.plan())[("things", "b")][0] == "planned"


def test_an_inactive_record_that_was_never_delivered_holds_no_key(flow):
    flow.record("a")
    flow.say("things", "a", {"Hold": "All"}, operation="deactivate", target_key={"Id": "K-1"})
    flow.plan()
    flow.record("b")
    flow.say("things", "b", {"Name": "B"}, target_key={"Id": "k-1"})

    assert flow.planned(flow.plan())[("things", "b")][0] == "planned"


def test_a_create_in_doubt_holds_its_key_although_its_record_is_gone(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"}, target_key={"Id": "K-1"})
    flow.accept(flow.plan(), state="in_doubt")
    flow.unsay("things", "a")
    flow.sql("delete from canonical.canonical_things")
    flow.record("b")
    flow.say("things", "b", {"Name": "B"}, target_key={"Id": "K-1"})

    assert flow.planned(flow.plan())[("things", "b")][0::3] == ("held", "key_taken")


def test_a_key_that_a_removal_of_the_same_run_frees_is_given_to_the_next_record(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"}, target_key={"Id": "K-1"})
    flow.accept(flow.plan())
    flow.say("things", "a", {}, operation="remove", target_key={"Id": "K-1"})
    flow.record("b")
    flow.say("things", "b", {"Name": "B"}, target_key={"Id": "K-1"})

    run = flow.plan()

    assert [key for _, key in flow.planned(run)] == ["a", "b"], "removals go first"
    assert {row[0] for row in flow.planned(run).values()} == {"planned"}


def test_a_record_with_a_held_part_has_nothing_of_it_planned(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.say("parts", "a/1", {"Name": "P"}, document="a", locked="some_rule")
    flow.say("parts", "a/2", {"Name": "Q"}, document="a", requires=("things:a",))
    flow.record("b")
    flow.say("things", "b", {"Name": "B"}, requires=("things:a",))

    planned = flow.planned(flow.plan())

    assert {key: row[0::3] for key, row in planned.items()} == {
        ("things", "a"): ("held", "some_rule"),
        ("parts", "a/1"): ("held", "some_rule"),
        ("parts", "a/2"): ("held", "some_rule"),
        ("things", "b"): ("waiting", "things:a"),
    }


def test_what_is_deactivated_before_it_was_ever_delivered_is_not_sent(flow):
    flow.record("a")
    flow.say("things", "a", {"Hold": "All"}, operation="deactivate")

    assert flow.planned(flow.plan()) == {}


def test_force_sends_accepted_records_whole(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A", "Fax": "1"})
    flow.accept(flow.plan())

    assert flow.planned(flow.plan(force=True))[("things", "a")][:3] == (
        "planned",
        "update",
        {"Name": "A", "Fax": "1"},
    )


def test_held_excluded_and_warned_records_are_counted_once_each(flow):
    flow.record("a", "too_long")
    flow.record("b", "inactive", "exclude")
    flow.record("c", "odd", "warn")
    flow.say("things", "c", {"Name": "C"})
    flow.sql("insert into validation.violations_things values ('d', 'd', '', 'unreadable', 'block', '', '')")

    flow.plan()

    assert flow.counts == {
        "read": 4,
        "planned": 1,
        "unchanged": 0,
        "held": {"too_long": 1, "unreadable": 1},
        "excluded": {"inactive": 1},
        "warned": {"odd": 1},
    }


def test_unchanged_is_what_the_target_is_known_to_have_and_not_what_remains(flow):
    things(flow, *"abc")
    flow.accept(flow.plan())
    flow.plan()
    assert flow.counts["unchanged"] == 3

    flow.sql("update sync.ledger set settled_hash = null where source_key = 'b'")
    flow.plan()

    assert (flow.counts["planned"], flow.counts["unchanged"]) == (1, 2)


def test_a_document_that_no_record_stands_for_stops_the_run(flow):
    flow.record("a")
    flow.say("things", "a", {"Name": "A"})
    flow.say("things", "b", {"Name": "B"}, document="nobody")

    with pytest.raises(RecordsLost, match="has 1 documents that are no records"):
        flow.plan()


def test_a_record_without_any_outcome_stops_the_run(flow):
    flow.record("a")

    with pytest.raises(RecordsLost, match="1 of 1 records of flow things"):
        flow.plan()


def test_a_repeated_transform_plans_anew_and_keeps_what_was_sent(flow):
    flow.record("a")
    flow.record("b")
    flow.say("things", "a", {"Name": "A"})
    flow.say("things", "b", {"Name": "B"})
    run = flow.plan()
    flow.sql("update sync.plan set state = 'accepted' where source_key = 'a'")
    flow.sql(
        "insert into sync.ledger (env_id, write, source_key, present, settled_hash, belief, epoch) "
        "select env_id, write, source_key, true, body_hash, body, 1 from sync.plan where source_key = 'a'"
    )
    flow.runs -= 1

    again = flow.plan()

    assert again == run
    assert {key: row[0] for key, row in flow.planned(run).items()} == {
        ("things", "a"): "accepted",
        ("things", "b"): "planned",
    }


def document(flow, *parts: str, write: str = "parts", **more: object) -> None:
    """Record a with some parts."""
    flow.say("things", "a", {"Name": "A"}, **more)
    for part in parts:
        flow.say(write, part, {"Name": part}, requires=("things:a",), document="a", **more)


def test_a_part_that_its_document_has_no_more_is_removed_once(flow):
    flow.record("a")
    document(flow, "a/1", "a/2")
    flow.accept(flow.plan())
    flow.unsay("parts", "a/2")

    run = flow.plan()
    assert flow.planned(run) == {("parts", "a/2"): ("planned", "remove", {}, None)}
    flow.accept(run)

    assert flow.planned(flow.plan()) == {}


def test_a_removed_part_that_comes_back_is_created_anew(flow):
    flow.record("a")
    document(flow, "a/1", "a/2")
    flow.accept(flow.plan())
    flow.unsay("parts", "a/2")
    flow.accept(flow.plan())
    document(flow, "a/1", "a/2")

    assert flow.planned(flow.plan()) == {("parts", "a/2"): ("planned", "create", {"Name": "a/2"}, None)}


def test_a_held_document_loses_no_part(flow):
    flow.record("a", "too_long")
    document(flow, "a/1")
    flow.accept(flow.plan())
    flow.unsay("parts", "a/1")
    flow.unsay("things", "a")

    assert flow.planned(flow.plan()) == {}


def test_a_part_in_doubt_that_is_gone_is_removed_too(flow):
    flow.record("a")
    document(flow, "a/1")
    flow.accept(flow.plan(), state="in_doubt")
    flow.unsay("parts", "a/1")

    assert flow.planned(flow.plan())[("parts", "a/1")][:2] == ("planned", "remove")


def test_a_refused_removal_rests_and_names_the_refusal(flow):
    flow.record("a")
    document(flow, "a/1")
    flow.accept(flow.plan())
    flow.unsay("parts", "a/1")
    flow.accept(flow.plan(), state="rejected", sentence="The quotation is confirmed.")

    assert flow.planned(flow.plan())[("parts", "a/1")][0::3] == ("backing_off", "The quotation is confirmed.")


def test_a_person_that_is_gone_gets_the_cards_body_once_and_is_active_again_after_a_change(flow):
    flow.record("a")
    document(flow, "a/1", write="people")
    flow.accept(flow.plan())
    flow.unsay("people", "a/1")

    run = flow.plan()
    assert flow.planned(run) == {("people", "a/1"): ("planned", "deactivate", {"IsInactive": "Yes"}, None)}
    flow.accept(run)
    assert flow.planned(flow.plan()) == {}
    flow.say("people", "a/1", {"Name": "a/1", "IsInactive": "No"}, document="a")

    assert flow.planned(flow.plan())[("people", "a/1")][:2] == ("planned", "update")


def test_a_person_whose_create_is_in_doubt_stays_planned_until_it_is_known(flow):
    flow.record("a")
    document(flow, "a/1", write="people")
    flow.accept(flow.plan(), state="in_doubt")
    flow.unsay("people", "a/1")

    for _ in range(2):
        assert flow.planned(flow.plan())[("people", "a/1")][:2] == ("planned", "deactivate")


def test_an_absent_row_is_never_sent_and_makes_the_parts_of_its_document_gone(flow):
    flow.record("a")
    flow.say("people", "a/1", {"Name": "P"}, document="a")
    flow.accept(flow.plan())
    flow.unsay("people", "a/1")
    flow.say("people", "a", {}, document="a", operation="absent", target_key={})

    assert flow.planned(flow.plan()) == {
        ("people", "a/1"): ("planned", "deactivate", {"IsInactive": "Yes"}, None)
    }


def test_a_locked_record_is_held_by_name_when_it_would_change_and_is_quiet_otherwise(flow):
    flow.record("a")
    document(flow, "a/1")
    flow.accept(flow.plan())
    document(flow, "a/1", locked="quotation_confirmed")
    assert flow.planned(flow.plan()) == {}
    flow.say("things", "a", {"Name": "B"}, locked="quotation_confirmed")
    flow.unsay("parts", "a/1")

    planned = flow.planned(flow.plan())

    assert planned[("things", "a")][0::3] == ("held", "quotation_confirmed")
    assert planned[("parts", "a/1")][0::3] == ("held", "quotation_confirmed")


def things(flow, *keys: str, name: str = "A") -> None:
    for key in keys:
        flow.record(key)
        flow.say("things", key, {"Name": name})


def test_the_first_load_is_let_through_whatever_its_size(flow):
    things(flow, *"abcdefgh")

    assert len(flow.planned(flow.plan())) == 8


def test_the_safety_limit_stops_a_plan_that_would_change_too_many_records_and_names_the_counts(flow):
    things(flow, *"abcdefgh")
    flow.accept(flow.plan())
    things(flow, *"abcde", name="B")

    with pytest.raises(Stopped, match=r"things: update 5 of 8 known records.*release_safety_limit"):
        flow.plan()
    with pytest.raises(Stopped):
        flow.plan()


def test_the_safety_limit_is_released_for_one_run(flow):
    things(flow, *"abcdefgh")
    flow.accept(flow.plan())
    things(flow, *"abcde", name="B")
    with pytest.raises(Stopped):
        flow.plan()

    run = flow.plan(release_safety_limit=True)
    assert len(flow.planned(run)) == 5
    assert len(flow.planned(flow.plan())) == 5, "what was released once needs no second release"
    things(flow, *"abcde", name="C")
    with pytest.raises(Stopped):
        flow.plan()


def test_a_dry_run_only_warns_of_the_safety_limit_and_releases_nothing(flow, caplog):
    things(flow, *"abcdefgh")
    flow.accept(flow.plan())
    things(flow, *"abcde", name="B")

    flow.plan(dry_run=True)
    assert "The safety limit stopped flow things" in caplog.text
    with pytest.raises(Stopped):
        flow.plan()


def test_a_first_load_that_broke_off_is_finished_without_asking(flow):
    things(flow, *"abcdefgh")
    flow.plan()
    flow.sql("update sync.plan set state = 'waiting' where source_key <> 'a'")
    flow.sql(
        "insert into sync.ledger (env_id, write, source_key, present, settled_hash, belief, epoch) "
        "select env_id, write, source_key, true, body_hash, body, 1 from sync.plan where source_key = 'a'"
    )

    assert len(flow.planned(flow.plan())) == 7


def test_share_and_floor_of_the_safety_limit_can_be_set_for_a_run(flow):
    things(flow, *"abcdefgh")
    flow.accept(flow.plan())
    things(flow, *"abc", name="B")

    with pytest.raises(Stopped):
        flow.plan(safety_limit_share=0.1, safety_limit_floor=2)
    assert len(flow.planned(flow.plan(safety_limit_share=0.1, safety_limit_floor=3))) == 3


def test_an_excluded_record_with_a_plan_row_is_counted_once(flow):
    flow.record("a")
    flow.say("people", "a/1", {"Name": "P"}, document="a")
    flow.accept(flow.plan())
    flow.unsay("people", "a/1")
    flow.say("people", "a", {}, document="a", operation="absent", target_key={})
    flow.sql("insert into validation.violations_things values ('a', 'a', '', 'no_parent', 'exclude', '', '')")

    flow.accept(flow.plan())
    assert flow.counts["excluded"] == {}
    flow.plan()

    assert flow.counts["excluded"] == {"no_parent": 1}
