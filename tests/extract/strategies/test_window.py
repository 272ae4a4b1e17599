"""Strategy window: no change between two moments is missed, and nothing is read twice without reason."""

from datetime import timedelta

import pytest

from prospect_to_cash.errors import Unavailable
from tests.cards import changed
from tests.extract.harness import SELECT, WINDOW

HOUR = timedelta(hours=1)


def test_first_run_reads_everything_and_the_next_only_what_changed(source, extract, raw):
    for number in range(5):
        source.put(number, name=f"first {number}", at=source.now - HOUR)
    first = extract()
    source.pass_time(hours=1)
    source.put(3, name="second 3")
    source.pass_time(seconds=30)
    second = extract()

    assert (first.rows.landed, first.rows.pages) == (5, 3)
    assert (second.rows.landed, second.rows.unchanged) == (1, 0)
    assert raw.names == {0: "first 0", 1: "first 1", 2: "first 2", 3: "second 3", 4: "first 4"}


def test_a_run_without_changes_touches_no_row(source, extract, raw):
    source.put(1, name="one")
    extract()
    before = raw.of("landed_xid, landed_at, observed_at")
    source.pass_time(minutes=1)
    again = extract()

    assert (again.rows.landed, again.rows.unchanged) == (0, 1)  # within the overlap
    assert raw.of("landed_xid, landed_at, observed_at") == before


def test_after_a_pause_of_three_intervals_the_next_run_reads_what_was_missed(source, extract, raw):
    extract()
    for number in range(3):
        source.pass_time(hours=1)
        source.put(number, name=f"in interval {number}")
    source.pass_time(hours=1)
    extract(start=source.now - HOUR, end=source.now)

    assert raw.names == {0: "in interval 0", 1: "in interval 1", 2: "in interval 2"}


def test_the_range_of_a_failed_run_is_read_by_the_next(source, extract, raw):
    extract()
    source.pass_time(hours=1)
    for number in range(4):
        source.put(number, name=f"{number}")
    source.pass_time(minutes=1)
    source.fault = lambda page: 500
    with pytest.raises(Unavailable):
        extract(end=source.now)
    source.fault = lambda page: None
    source.pass_time(hours=1)
    extract(start=source.now - HOUR, end=source.now)

    assert len(raw.names) == 4


def test_a_read_that_broke_goes_on_after_its_last_landed_page(source, extract, raw):
    for number in range(7):
        source.put(number, name=f"{number}", at=source.now - HOUR)
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        extract()
    assert len(raw.names) == 4
    source.fault = lambda page: None
    source.reads.clear()
    source.pass_time(minutes=5)
    second = extract()

    assert (second.rows.landed, second.rows.unchanged) == (3, 0)
    assert source.reads[0]["$skiptoken"] == "00000003-0000-4000-8000-000000000000"
    assert len(raw.names) == 7


def test_a_retry_reads_up_to_the_same_moment_as_the_first_try(source, extract, raw):
    extract(kind="manual", run_id="manual 1")
    covered = raw.covered
    source.pass_time(minutes=10)
    source.put(1, name="later")
    source.pass_time(minutes=10)
    again = extract(kind="manual", run_id="manual 1")

    assert again.rows.pages == 0
    assert raw.covered == covered
    extract(kind="manual", run_id="manual 2")
    assert raw.names == {1: "later"}


def test_a_manual_run_reads_an_edit_made_five_minutes_ago(source, extract, raw):
    extract()
    source.pass_time(hours=1)
    source.put(1, name="edited")
    source.pass_time(minutes=5)
    extract(kind="manual", end=source.now - HOUR)

    assert raw.names == {1: "edited"}


def test_a_scheduled_run_does_not_read_beyond_its_interval(source, extract, raw):
    end = source.now
    source.pass_time(minutes=10)
    extract(end=end)

    assert raw.covered == [(None, end)]


def test_a_source_whose_clock_is_behind_is_not_covered_beyond_its_clock(source, extract, raw):
    ours = source.now
    source.pass_time(hours=-2)
    extract(end=ours)
    source.put(1, name="stamped by the slow clock")
    source.pass_time(seconds=5)
    extract(end=ours + timedelta(seconds=5))

    assert raw.names == {1: "stamped by the slow clock"}


def test_an_edit_within_the_running_second_is_read_at_the_latest_by_the_next_run(source, extract, raw):
    source.now = source.now.replace(microsecond=200_000)
    extract(kind="manual", read=changed(WINDOW, overlap=timedelta(0)))
    source.now = source.now.replace(microsecond=900_000)
    source.put(1, name="same second")
    source.pass_time(hours=1)
    extract(kind="manual", read=changed(WINDOW, overlap=timedelta(0)))

    assert raw.names == {1: "same second"}


def test_a_commit_that_arrives_late_is_found_within_the_overlap(source, extract, raw):
    extract()
    source.put(1, name="late", at=source.now - timedelta(minutes=4))
    source.pass_time(hours=1)
    extract()

    assert raw.names == {1: "late"}


def test_a_change_of_the_selected_fields_reads_everything_again(source, extract, raw):
    for number in range(3):
        source.put(number, name=f"{number}", at=source.now - HOUR)
    extract()
    for row in source.rows.values():
        row["telephone1"] = "5"  # was always there, and is selected from now on
    source.pass_time(hours=1)
    again = extract(read=changed(WINDOW, select=(*SELECT, "telephone1")))

    assert again.rows.landed == 3
    assert raw.of("payload ->> 'telephone1'") == [("5",)] * 3


def test_a_backfill_reads_exactly_its_dates_and_changes_no_coverage(source, extract, raw):
    for number in range(4):
        source.put(number, name=f"{number}", at=source.now - timedelta(days=4 - number))
    extract()
    covered = raw.covered
    raw.sql(f"delete from raw.sales_accounts where env_id = '{source.organization}'")
    day = source.now - timedelta(days=3)
    source.reads.clear()
    for _ in range(2):
        extract(kind="backfill", start=day, end=day + timedelta(days=1))

    assert list(raw.names) == [1]
    assert len(source.reads) == 2
    assert raw.covered == covered


def test_a_backfill_never_covers_what_has_not_happened_yet(source, extract, raw):
    result = extract(kind="backfill", start=source.now + HOUR, end=source.now + 2 * HOUR)

    assert (result.rows.pages, source.reads) == (0, [])


def test_a_record_without_a_time_of_change_is_met_by_full_reads(source, extract, raw):
    source.put(1, name="timeless")
    next(iter(source.rows.values()))["modifiedon"] = None
    extract()

    assert raw.names == {1: "timeless"}


def test_pages_that_overlap_land_each_record_once(source, extract, raw):
    for number in range(6):
        source.put(number, name=f"{number}")
    source.overlapping_pages = True
    extract()

    assert len(raw.names) == 6


def test_a_page_whose_bytes_cannot_be_cut_fast_lands_all_the_same(source, extract, raw):
    source.put(1, name='a brace }, {"accountid": "x"')
    source.put(2, name="plain", parent={"accountid": "nested"})
    source.spaces = True
    extract()

    assert raw.names == {1: 'a brace }, {"accountid": "x"', 2: "plain"}
