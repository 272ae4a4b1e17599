"""Strategy delta: what changed and what is gone comes by itself, and no crash, pause or expiry loses any of it."""

import logging
import os
import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from prospect_to_cash.errors import Misconfigured, Unavailable
from tests.cards import changed
from tests.extract.harness import DELTA, SELECT, WINDOW
from tests.extract.test_faults import start, wait_until

HOUR = timedelta(hours=1)


@pytest.fixture
def read(source, extract):
    """One read by delta, in a run of its own."""

    def run(**changes):
        return extract(**{"read": DELTA, **changes})

    return run


def put(source, numbers, text="") -> None:
    for number in numbers:
        source.put(number, name=f"{text}{number}", at=source.now - HOUR)


def stored(raw) -> list[tuple]:
    return raw.of("link, settled", "sync.change_link")


def test_the_first_read_brings_everything_and_the_next_only_what_changed(source, read, raw):
    put(source, range(5))
    first = read()
    source.pass_time(hours=1)
    source.put(3, name="changed")
    source.reads.clear()
    second = read()

    assert (first.rows.landed, first.deleted) == (5, 0)
    assert (second.rows.landed, second.rows.unchanged) == (1, 0)
    assert raw.names[3] == "changed"
    assert ["$deltatoken" in query for query in source.reads] == [True]


def test_no_option_that_change_tracking_refuses_is_sent(source, read):
    put(source, range(3))
    read()

    assert len(source.tracked_reads) == 2
    assert all(set(query) <= {"$select", "$skiptoken"} for query in source.tracked_reads)


def test_a_read_without_changes_touches_no_row(source, read, raw):
    put(source, range(3))
    read()
    before = raw.of("landed_xid, landed_at, observed_at")
    again = read()

    assert (again.rows.landed, again.rows.unchanged, again.deleted) == (0, 0, 0)
    assert raw.of("landed_xid, landed_at, observed_at") == before


def test_a_deleted_record_is_marked_at_once_and_active_again_when_it_comes_back(source, read, raw):
    put(source, range(4))
    read()
    source.delete(2)
    gone = read()
    deleted = raw.of("deleted_at is not null, absent_reads", where="key like '00000002%%'")
    put(source, [2], "again ")
    read()

    assert (gone.deleted, deleted) == (1, [(True, 1)])
    assert raw.names[2] == "again 2"


def test_a_delete_of_a_record_that_was_never_there_is_harmless(source, read, raw):
    put(source, range(2))
    read()
    put(source, [7])
    source.delete(7)
    result = read()

    assert (result.rows.landed, result.deleted) == (0, 0)
    assert list(raw.names) == [0, 1]


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_deletion_told_by_a_link_wins_over_a_row_landed_by_a_worker_with_another_clock(
    source, read, raw, minutes
):
    put(source, range(2))
    read(clock=timedelta(minutes=minutes))
    source.delete(0)
    gone = read()
    put(source, [0], "again ")
    source.delete(1)
    again = read(clock=timedelta(minutes=-minutes))

    assert (gone.deleted, again.deleted) == (1, 1)
    assert raw.names == {0: "again 0"}


def test_the_time_of_a_row_is_told_by_the_clock_of_the_database_whatever_clock_the_worker_has(
    source, read, raw
):
    put(source, range(2))
    read(clock=timedelta(minutes=10))

    assert raw.of("distinct observed_at <= clock_timestamp()") == [(True,)]


def test_the_link_is_stored_with_the_rows_of_its_page(source, read, raw):
    put(source, range(3))
    read()
    before = stored(raw)
    put(source, range(6), "new ")
    source.reads.clear()
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        read()
    between = stored(raw)
    source.fault = lambda page: None
    read()

    assert between == before
    assert stored(raw) != before
    assert len(raw.names) == 6


def test_a_read_of_changes_that_broke_goes_on_after_its_last_landed_page(source, read, raw):
    put(source, range(3))
    read()
    put(source, range(6), "new ")
    source.delete(0)
    source.reads.clear()
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        read()
    source.fault = lambda page: None
    source.reads.clear()
    rest = read()

    assert source.reads[0]["$skiptoken"] == "4"
    assert (rest.rows.landed, rest.deleted) == (1, 1)
    assert sorted(raw.names) == [1, 2, 3, 4, 5]


def test_a_list_of_changes_that_broke_is_asked_for_anew_once_a_backfill_has_read_something_newer(
    source, read, raw
):
    put(source, range(3))
    read()
    put(source, range(6), "new ")
    source.reads.clear()
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        read()
    source.fault = lambda page: None
    read(kind="backfill", start=source.now - 2 * HOUR, end=source.now)
    source.reads.clear()
    read()

    assert "$skiptoken" not in source.reads[0]
    assert len(raw.names) == 6


def test_a_place_between_pages_that_is_lost_begins_anew_from_the_link(source, read, raw):
    put(source, range(3))
    read()
    put(source, range(6), "new ")
    source.reads.clear()
    source.fault = lambda page: 500 if page == 3 else None
    with pytest.raises(Unavailable):
        read()
    lost = len(source.reads) + 1
    source.fault = lambda page: 400 if page == lost else None
    again = read()

    assert again.what == ("changes since the last read",)
    assert len(raw.names) == 6


def test_a_process_killed_between_pages_of_changes_loses_nothing(source, read, raw, job, tmp_path):
    put(source, range(3))
    read()
    put(source, range(6), "new ")
    source.reads.clear()
    asked_for, let_go = source.stop_at_page(3)
    process = start(replace(job, read=DELTA, run_id="killed"), tmp_path / "log")
    wait_until(lambda: asked_for.is_set() and len(raw.names) == 4, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    let_go.set()
    read(run_id="killed")

    assert raw.names == {number: f"new {number}" for number in range(6)}


@pytest.mark.parametrize(
    ("status", "code"), [(400, "0x80044352"), (410, "0x80044352"), (500, "0x80044352"), (410, ""), (404, "")]
)
def test_an_expired_token_leads_to_a_full_read_that_still_finds_what_is_gone(
    source, read, raw, caplog, status, code
):
    put(source, range(6))
    read()
    source.delete(4)
    source.put(1, name="changed")
    source.expire_tokens(status, code)
    with caplog.at_level(logging.WARNING):
        result = read()
    source.put(2, name="later")
    later = read()

    assert (result.what, result.deleted) == (("everything",), 1)
    assert raw.names == {0: "0", 1: "changed", 2: "later", 3: "3", 5: "5"}
    assert "Everything is read once more" in caplog.text
    assert (later.what, later.rows.landed) == (("changes since the last read",), 1)


def test_a_full_read_after_expiry_that_dies_before_it_marks_deletions_is_finished_by_the_next_run(
    source, read, raw
):
    put(source, range(6))
    read()
    source.delete(4)
    source.expire_tokens()
    source.reads.clear()
    source.fault = lambda page: 500 if "$filter" in source.reads[page - 1] else None
    with pytest.raises(Unavailable):
        read()
    assert [settled for _, settled in stored(raw)] == [False]
    source.fault = lambda page: None
    result = read()

    assert (result.deleted, len(raw.names)) == (1, 5)
    assert [settled for _, settled in stored(raw)] == [True]


@pytest.mark.parametrize(("days", "warned"), [(4.9, False), (5.1, True)])
def test_a_link_that_will_soon_expire_is_warned_of(source, read, raw, caplog, days, warned):
    put(source, range(2))
    read()
    raw.sql(
        "update sync.change_link set given_at = given_at - %s where env_id = %s",
        timedelta(days=days),
        source.organization,
    )
    with caplog.at_level(logging.WARNING):
        read()
        read()

    assert caplog.text.count("keeps changes for 7 days") == warned


def test_another_selection_of_fields_begins_anew(source, read, raw):
    put(source, range(3))
    read()
    for row in source.rows.values():
        row["telephone1"] = "5"
    result = read(read=changed(DELTA, select=(*SELECT, "telephone1")))

    assert result.what == ("everything",)
    assert raw.of("payload ->> 'telephone1'") == [("5",)] * 3
    assert read(read=changed(DELTA, select=(*SELECT, "telephone1"))).what != ("everything",)


def test_a_full_read_on_request_reads_everything_once_and_goes_on_by_delta(source, read, raw):
    put(source, range(4))
    read()
    asked = read(full=True, kind="manual", run_id="full")
    retried = read(full=True, kind="manual", run_id="full")

    assert (asked.what, retried.what) == (("everything",), ("changes since the last read",))


def test_a_backfill_reads_exactly_its_dates_and_leaves_the_link(source, read, raw):
    for number in range(4):
        source.put(number, name=f"{number}", at=source.now - timedelta(days=4 - number))
    read()
    before = (stored(raw), raw.covered)
    raw.sql(f"delete from raw.sales_accounts where env_id = '{source.organization}'")
    day = source.now - timedelta(days=3)
    read(kind="backfill", start=day, end=day + timedelta(days=1))

    assert list(raw.names) == [1]
    assert (stored(raw), raw.covered) == before


def test_a_page_of_a_backfill_that_comes_late_neither_wins_nor_raises_what_is_gone(source, read, raw):
    put(source, range(2))
    read()
    rows = source.page

    def overtaken(query):
        """The answer is made, then the records change and the change is landed before it arrives."""
        made = rows(query)
        if "$filter" in query and "eq" not in query["$filter"] and not source.deleted:
            source.delete(0)
            source.put(1, name="newer")
            raw.sql(
                "update raw.sales_accounts set deleted_at = clock_timestamp(), read_order = nextval('sync.read_order')"
                f" where env_id = '{source.organization}' and key like '00000000%'"
            )
            raw.sql(
                "update raw.sales_accounts set version = 999999, payload = json_build_object('name', 'newer')"
                f" where env_id = '{source.organization}' and key like '00000001%'"
            )
        return made

    source.page = overtaken
    read(kind="backfill", start=source.now - 2 * HOUR, end=source.now)

    assert raw.names == {1: "newer"}


def test_switching_the_card_to_window_leaves_no_gap(source, read, extract, raw):
    put(source, range(3))
    read()
    source.pass_time(hours=1)
    source.put(1, name="by delta")
    source.pass_time(minutes=10)
    read()
    source.pass_time(hours=1)
    source.put(2, name="by window")
    source.pass_time(minutes=10)
    source.reads.clear()
    result = extract(read=WINDOW)

    assert (result.rows.landed, result.rows.unchanged) == (1, 0)
    assert all("ge" in query["$filter"] for query in source.reads)
    assert raw.names == {0: "0", 1: "by delta", 2: "by window"}


def test_a_window_read_never_takes_up_a_read_of_changes_that_broke(source, read, extract, raw):
    put(source, range(5))
    read()
    put(source, range(3), "new ")
    source.reads.clear()
    source.fault = lambda page: 500 if page == 2 else None
    with pytest.raises(Unavailable):
        read()
    source.fault = lambda page: None
    raw.sql(f"delete from sync.coverage where env_id = '{source.organization}'")
    result = extract(read=WINDOW)

    assert result.deleted == 0
    assert len(raw.names) == 5


@pytest.mark.parametrize("speaks_from", ["first", "last"])
def test_what_changes_while_everything_is_read_is_not_lost(source, read, raw, speaks_from):
    put(source, range(6))
    source.token_speaks_from = speaks_from
    rows = source.page

    def edited_during_the_read(query):
        made = rows(query)
        if source.rows[next(iter(source.rows))]["name"] == "0" and "$skiptoken" in query:
            source.put(0, name="edited")
        return made

    source.page = edited_during_the_read
    read()
    read()

    assert raw.names[0] == "edited"


@pytest.mark.parametrize("speaks_from", ["first", "last"])
@pytest.mark.parametrize("page", range(1, 8))
def test_a_record_that_was_read_and_then_deleted_during_a_full_read_is_buried(
    source, read, raw, speaks_from, page
):
    put(source, range(6))
    source.token_speaks_from = speaks_from
    rows = source.page

    def deleted_during_the_read(query):
        made = rows(query)
        if len(source.reads) == page:
            source.delete(0)
        return made

    source.page = deleted_during_the_read
    deleted = read().deleted + read().deleted

    assert (deleted, list(raw.names)) == (1, [1, 2, 3, 4, 5])


def test_a_full_read_that_dies_while_the_keys_are_met_again_still_buries_what_went(source, read, raw):
    put(source, range(6))
    source.token_speaks_from = "last"
    rows = source.page

    def deleted_during_the_read(query):
        made = rows(query)
        if "$skiptoken" in query and "$orderby" not in query:
            source.delete(0)
        return made

    source.page = deleted_during_the_read
    source.fault = lambda page: (
        500 if "$skiptoken" in source.reads[-1] and "$orderby" in source.reads[-1] else None
    )
    with pytest.raises(Unavailable):
        read()
    source.fault = lambda page: None
    result = read()

    assert (result.deleted, list(raw.names)) == (1, [1, 2, 3, 4, 5])


def test_a_read_of_one_page_asks_for_no_key_twice(source, read):
    put(source, range(2))
    read()

    assert not any("$orderby" in query and "$filter" not in query for query in source.reads)


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_source_restored_in_place_is_believed_although_its_versions_are_lower(source, read, raw, kept):
    put(source, range(4), "old ")
    backup = source.backup()
    for number in range(kept):
        source.put(number, name=f"new {number}")
    put(source, [7])
    source.delete(3)
    read()
    source.restore(backup)
    result = read()
    source.put(1, name="after")
    read()

    assert result.what == ("everything",)
    assert raw.names == {0: "old 0", 1: "after", 2: "old 2", 3: "old 3"}


def test_the_error_of_a_table_without_change_tracking_names_the_remedy(source, read, raw):
    put(source, range(2))
    source.tracking = False
    with pytest.raises(Misconfigured, match="turn change tracking on"):
        read()

    assert stored(raw) == []


def test_most_records_gone_at_once_in_a_full_read_asks_and_stays_asking(source, read, raw):
    put(source, range(30))
    source.page_size = 50
    read()
    for number in range(20):
        source.delete(number)
    source.expire_tokens()
    for _ in range(2):
        with pytest.raises(Misconfigured, match="`force`"):
            read()
    result = read(force=True)

    assert (result.deleted, len(raw.names)) == (20, 10)


def test_deletes_in_the_form_of_odata_4_01_count_too(source, read, raw, monkeypatch):
    put(source, range(3))
    read()
    source.delete(1)
    text = b'{"@removed":{"reason":"deleted"},"@id":"accounts(%s)"}'
    monkeypatch.setattr("tests.extract.source._deletion", lambda key: text % key.encode())
    result = read()

    assert result.deleted == 1
    assert list(raw.names) == [0, 2]


def test_a_name_that_reads_like_a_deletion_is_a_name(source, read, raw):
    put(source, range(2))
    read()
    source.put(1, name="accounts/$deletedEntity")
    read()

    assert raw.names == {0: "0", 1: "accounts/$deletedEntity"}


def test_an_unreadable_record_that_is_deleted_holds_nothing_any_more(source, read, raw):
    put(source, range(2))
    read()
    source.put_bytes(1, rb"a\u0000b")
    read()
    held = raw.of("key", "raw.quarantine", "resolved_at is null")
    source.delete(1)
    read()

    assert len(held) == 1
    assert raw.of("key", "raw.quarantine", "resolved_at is null") == []
    assert list(raw.names) == [0]
