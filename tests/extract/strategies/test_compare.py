"""Full reads: what is gone is marked as deleted, what comes back is active again, and a fault deletes nothing."""

from datetime import timedelta

import pytest

from prospect_to_cash.errors import Misconfigured, Unavailable
from tests.cards import changed
from tests.extract.harness import COMPARE, WINDOW

DAILY = changed(COMPARE, every=timedelta(days=1))


def put(source, numbers) -> None:
    for number in numbers:
        source.put(number, name=f"{number}")


def test_a_record_that_is_gone_is_marked_as_deleted_and_active_again_when_it_comes_back(source, extract, raw):
    put(source, range(5))
    extract(read=COMPARE)
    source.delete(3)
    gone = extract(read=COMPARE)
    deleted = raw.of(
        "deleted_at is not null, absent_reads, payload ->> 'name'", where="key like '00000003%%'"
    )
    put(source, [3])
    extract(read=COMPARE)

    assert gone.deleted == 1
    assert deleted == [(True, 1, "3")]
    assert raw.of("deleted_at, absent_reads", where="key like '00000003%%'") == [(None, 0)]


def test_an_unchanged_record_that_comes_back_rises_too(source, extract, raw):
    put(source, range(5))
    extract(read=COMPARE)
    row = source.rows.pop(next(iter(source.rows)))
    extract(read=COMPARE)
    source.rows[row["accountid"]] = row
    extract(read=COMPARE)

    assert len(raw.names) == 5


def test_later_reads_count_the_absence_up_to_ten_and_are_silent_after(source, extract, raw):
    put(source, range(3))
    extract(read=COMPARE)
    source.delete(0)
    for _ in range(10):
        extract(read=COMPARE)
    before = raw.of("absent_reads, landed_xid", where="deleted_at is not null")
    extract(read=COMPARE)

    assert [count for count, _ in before] == [10]
    assert raw.of("absent_reads, landed_xid", where="deleted_at is not null") == before


def test_a_record_that_pages_passed_over_is_asked_for_by_key_before_it_counts_as_deleted(
    source, extract, raw
):
    put(source, range(5))
    extract(read=COMPARE)
    rows, pages = source.page, source.page_size

    def shifting(query):
        if "eq" not in query.get("$filter", ""):
            source.hidden = {"00000002-0000-4000-8000-000000000000"}
        try:
            return rows(query)
        finally:
            source.hidden = set()

    source.page = shifting
    again = extract(read=COMPARE)

    assert pages == 2
    assert again.deleted == 0
    assert "accountid eq 00000002-0000-4000-8000-000000000000" in source.reads[-1]["$filter"]
    assert len(raw.names) == 5


@pytest.mark.parametrize(
    ("known", "left", "is_fault"),
    [
        (1, 0, False), (2, 1, False), (2, 0, True), (3, 2, False), (3, 1, True), (4, 2, False), (4, 1, True), (5, 2, True),
        (19, 10, False), (19, 9, True), (20, 10, False), (20, 9, True), (20, 0, True), (21, 10, True), (22, 11, False),
    ],
)  # fmt: skip
def test_a_source_that_shows_fewer_than_half_of_its_records_is_a_fault_whatever_its_size(
    source, extract, raw, known, left, is_fault
):
    source.page_size = 50
    put(source, range(known))
    extract(read=COMPARE)
    for number in range(left, known):
        source.delete(number)
    if not is_fault:
        assert extract(read=COMPARE).deleted == known - left
        return
    for _ in range(2):
        with pytest.raises(
            Misconfigured, match=rf"no longer returns {known - left} of {known} records.*`force`"
        ):
            extract(read=COMPARE)
        assert len(raw.names) == known
    assert extract(read=COMPARE, force=True).deleted == known - left


def test_records_that_pages_leave_out_but_a_look_up_finds_are_no_fault(source, extract, raw):
    put(source, range(4))
    extract(read=COMPARE)
    answer = source.page

    def shifted(query):
        rows, link = answer(query)
        return (rows, link) if "$filter" in query else (rows[3:], None)

    source.page_size, source.page = 50, shifted

    assert extract(read=COMPARE).deleted == 0
    assert len(raw.names) == 4


@pytest.mark.parametrize("left", [0, 12])
def test_when_most_records_vanish_nothing_is_deleted_unless_forced(source, extract, raw, left):
    put(source, range(30))
    source.page_size = 50
    extract(read=COMPARE)
    for number in range(left, 30):
        source.delete(number)
    with pytest.raises(
        Misconfigured, match=rf"no longer returns {30 - left} of 30 records of accounts.*`force`"
    ):
        extract(read=COMPARE)
    untouched = len(raw.names)
    forced = extract(read=COMPARE, force=True)

    assert untouched == 30
    assert forced.deleted == 30 - left
    assert len(raw.names) == left


def test_a_full_read_waits_for_its_cadence(source, extract, raw):
    put(source, range(3))
    first = extract(read=DAILY)
    second = extract(read=DAILY)
    raw.sql(
        "update sync.reading set last_complete_at = last_complete_at - interval '1430 min' where env_id = %s",
        source.organization,
    )
    third = extract(read=DAILY)

    assert [result.rows.pages for result in (first, second, third)] == [2, 0, 2]


def test_a_full_read_is_made_when_asked_for_although_it_is_not_due(source, extract, raw):
    put(source, range(3))
    extract(read=DAILY)
    source.delete(1)
    asked = extract(read=DAILY, full=True)

    assert asked.deleted == 1


def test_the_retry_of_a_run_whose_full_read_is_complete_does_not_read_again(source, extract):
    put(source, range(3))
    extract(read=COMPARE, run_id="one run")
    again = extract(read=COMPARE, run_id="one run")

    assert again.rows.pages == 0


def test_the_retry_goes_on_where_the_full_read_broke_and_buries_only_what_is_gone(source, extract, raw):
    put(source, range(6))
    extract(read=COMPARE)
    source.delete(0)
    source.reads.clear()
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        extract(read=COMPARE, run_id="broken")
    source.fault = lambda page: None
    retry = extract(read=COMPARE, run_id="broken")

    assert retry.rows.pages == 2  # the third page, and the question by key
    assert retry.deleted == 1
    assert len(raw.names) == 5


def test_another_run_does_not_trust_the_pages_of_a_broken_full_read(source, extract, raw):
    put(source, range(6))
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        extract(read=COMPARE, run_id="broken")
    source.fault = lambda page: None
    source.put(0, name="edited since")
    extract(read=COMPARE, run_id="the next")

    assert raw.names[0] == "edited since"


def test_a_crash_of_postgres_that_empties_the_notes_begins_the_read_anew(source, extract, raw):
    put(source, range(6))
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        extract(read=COMPARE, run_id="crashed")
    raw.sql("truncate raw.seen")
    source.fault = lambda page: None
    with pytest.raises(Unavailable, match="begins again"):
        extract(read=COMPARE, run_id="crashed")
    again = extract(read=COMPARE, run_id="crashed")

    assert again.rows.pages == 3
    assert again.deleted == 0


def test_a_continuation_that_the_source_has_forgotten_begins_anew(source, extract, raw):
    put(source, range(6))
    source.fault = lambda page: 500 if page == 2 else None
    with pytest.raises(Unavailable):
        extract(read=COMPARE, run_id="old link")
    source.fault = lambda page: 400 if page == 3 else None
    with pytest.raises(Unavailable, match="begins again"):
        extract(read=COMPARE, run_id="old link")
    source.reads.clear()
    source.fault = lambda page: None
    extract(read=COMPARE, run_id="old link")

    assert ["$skiptoken" in query for query in source.reads] == [False, True, True]
    assert len(raw.names) == 6


def test_full_finds_deletes_under_strategy_window_too(source, extract, raw):
    put(source, range(4))
    extract()
    source.delete(2)
    source.pass_time(hours=1)
    usual = extract()
    asked = extract(full=True, kind="manual")

    assert (usual.deleted, asked.deleted) == (0, 1)
    assert sorted(raw.names) == [0, 1, 3]


def test_a_source_set_back_to_an_older_state_is_taken_over_by_a_full_read(source, extract, raw):
    put(source, range(3))
    extract()
    source.version = 1
    source.put(1, name="as it was in the backup")
    source.pass_time(hours=1)
    extract()
    before = raw.names[1]
    extract(full=True, kind="manual")

    assert before == "1"
    assert raw.names[1] == "as it was in the backup"


def test_the_notes_of_a_read_are_removed_when_it_is_complete(source, extract, raw):
    put(source, range(3))
    extract(read=COMPARE)
    extract(read=WINDOW)

    assert raw.sql("select count(*) from raw.seen where read_id in (select read_id from sync.reading)") == [
        (0,)
    ]
    assert raw.of("read_id, next_link", "sync.reading") == [(None, None)]
