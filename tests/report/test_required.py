"""What a record waits for is named by kind, number and name, with why the target does not have it yet."""

from __future__ import annotations

import pytest

from prospect_to_cash.flow_card import Write
from prospect_to_cash.report.details import Broken, broken, details
from prospect_to_cash.report.texts import reasons, summary
from tests.cards import card
from tests.plan.conftest import CARD, Flow, flow, staging

__all__ = ["flow", "staging"]

OTHERS = card(
    name="others",
    record="other thing",
    writes=(
        Write(name="others", system="finops", entity="Others", key=("Id",)),
        Write(name="bits", system="finops", entity="Bits", key=("Id",)),
    ),
)
NEW = card(
    name="news", record="new thing", writes=(Write(name="news", system="finops", entity="News", key=("Id",)),)
)
CARDS = (CARD, OTHERS, NEW)
KEY = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def things(flow: Flow):
    """A thing that waits, and a flow of others that dbt has built."""
    flow.sql("set role p2c_dbt; drop table if exists seeds.rules; reset role")
    flow.sql(
        """
        set role p2c_dbt;
        create table seeds.rules (rule text, flow text, sentence text, remedy text);
        create table canonical.canonical_others (source_key text, label text);
        create table validation.violations_others (
            source_key text, record text, company text, broken_rule text, effect text, field text, value text);
        reset role
        """
    )
    yield flow
    flow.sql("drop table canonical.canonical_others, validation.violations_others")


def other(things: Flow, label: str | None = "other thing A-77 (Contoso)") -> None:
    things.sql("insert into canonical.canonical_others (source_key, label) values (%s, %s)", (KEY, label))


def breaks(things: Flow, rule: str, effect: str = "block", field: str = "") -> None:
    things.sql(
        "insert into validation.violations_others values (%s, 'A-77', '', %s, %s, %s, '')",
        (KEY, rule, effect, field),
    )


def was_planned(things: Flow, state: str, reason: str | None, write: str = "others", key: str = KEY) -> None:
    """The latest plan of the other flow left its record in a state."""
    things.sql(
        """
        with run as (
            insert into sync.run (flow, dag_run_id, kind) values ('others', clock_timestamp()::text, 'manual') returning run_id
        )
        insert into sync.plan (
            run_id, write, env_id, source_key, document, record, company, ordinal, operation, action, target_key, body,
            body_hash, build, requires, state, reason
        )
        select run_id, %s, 'erp', %s, %s, 'A-77', '', 1, 'upsert', 'create', '{}', '{}', '', 1, '{}', %s, %s from run
        """,
        (write, key, KEY, state, reason),
    )


def waiting(things: Flow, reference: str = f"others:{KEY}", cards=CARDS) -> str:
    things.record("a")
    things.say("things", "a", {"f": "1"}, requires=(reference,))
    run = things.plan()
    (detail,) = details(things.connection, "things", run, cards=cards)
    return detail.records[0]


def test_one_that_is_held_is_named_with_its_rules_in_words(things):
    other(things)
    breaks(things, "country_unmapped")
    breaks(things, "name_too_long")
    breaks(things, "similar", "warn")

    assert waiting(things) == "a waits for other thing A-77 (Contoso), held: country unmapped, name too long"


def test_one_that_is_excluded_says_so(things):
    other(things)
    breaks(things, "inactive", "exclude")

    assert waiting(things) == "a waits for other thing A-77 (Contoso), excluded: inactive"


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        ("held", "key_taken", "held: key taken"),
        ("rejected", "Site 9 does not exist.", "rejected by the target: Site 9 does not exist."),
        ("backing_off", "Site 9 does not exist.", "rejected by the target: Site 9 does not exist."),
        ("waiting", "things:b", "which waits itself"),
        ("in_doubt", None, "of which an answer was lost"),
        ("superseded", None, "not sent yet"),
    ],
)
def test_one_that_was_planned_says_what_became_of_it(things, state, reason, why):
    other(things)
    was_planned(things, "rejected", "An older message.")
    was_planned(things, state, reason)

    assert waiting(things) == f"a waits for other thing A-77 (Contoso), {why}"


def test_a_part_is_named_by_the_record_that_it_belongs_to(things):
    other(things)
    was_planned(things, "rejected", "Site 9 does not exist.", "bits", f"{KEY}/1")

    text = waiting(things, f"bits:{KEY}/1")

    assert text == "a waits for other thing A-77 (Contoso), rejected by the target: Site 9 does not exist."


def test_one_that_the_source_does_not_have_is_named_by_its_kind_and_key(things):
    assert waiting(things) == f"a waits for other thing {KEY}, which is not in the source"


def test_one_that_was_not_planned_yet_and_one_of_a_flow_that_never_ran(things):
    other(things, label=None)

    assert waiting(things) == f"a waits for other thing {KEY}, not sent yet"
    assert (
        waiting(things, f"news:{KEY}") == f"a waits for new thing {KEY}, of flow news, which has not run yet"
    )


def test_without_labels_the_number_of_the_violations_counts_and_without_cards_the_reference(things):
    things.sql("alter table canonical.canonical_others drop label")
    things.sql("insert into canonical.canonical_others values (%s)", (KEY,))
    breaks(things, "country_unmapped")

    assert waiting(things) == "a waits for other thing A-77, held: country unmapped"
    assert waiting(things, cards=()) == f"a waits for others:{KEY}"


def test_counts_say_whether_they_are_of_records_violations_or_rules(things):
    rules = [("a", "long", "x"), ("a", "long", "y"), ("b", "blank", "")]
    for key in "abc":
        things.record(key)
    things.say("things", "c", {"f": "1"}, locked="confirmed")
    for key, rule, field in rules:
        things.sql(
            "insert into validation.violations_things values (%s, %s, '', %s, 'block', %s, '')",
            (key, key, rule, field),
        )
    things.sql(
        "insert into validation.violations_things values ('a', 'a', '', 'inactive', 'exclude', '', '')"
    )
    run = things.plan()
    found = broken(things.connection, "things", run)

    assert found == [Broken("held", 3, 4, 3)]
    assert sum(things.counts["held"].values()) == 2
    assert summary(found) == "3 records held (by 4 violations of 3 rules)"
    assert summary([Broken("excluded", 1, 1, 1)]) == "1 record excluded (by 1 violation of 1 rule)"
    assert reasons("things", details(things.connection, "things", run), found).splitlines()[:3] == [
        "things",
        "  3 records held (by 4 violations of 3 rules)",
        "  held 1 record: blank",
    ]


def test_one_of_which_nothing_is_to_be_sent_says_its_status(things):
    things.sql("alter table canonical.canonical_others add lifecycle_status text default 'stopped'")
    other(things)

    assert waiting(things) == "a waits for other thing A-77 (Contoso), not sent, its status is stopped"
