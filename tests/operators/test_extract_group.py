"""Several entity sets of one system in one task: one session, threads, sections in the log, failures."""

import logging
import re
import threading

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from prospect_to_cash.database import raw_tables
from prospect_to_cash.database.connections import connect
from prospect_to_cash.operators.extract import AT_ONCE
from tests.cards import changed
from tests.extract.harness import COMPARE

NAMES = ("uoms", "teams", "pricelevels", "currencies", "sites", "warehouses", "groups", "roles")
SETS = tuple(changed(COMPARE, entity=name) for name in NAMES)


@pytest.fixture(autouse=True)
def tables(raw_database):
    with connect(raw_database, None, "test") as connection:
        for read in SETS:
            raw_tables.ensure(connection, read)


@pytest.fixture(autouse=True)
def small_answers(monkeypatch):
    monkeypatch.setenv("P2C_LARGEST_ANSWER_MIB", "1")


class Once(dict):
    """Each set is broken for its first request alone."""

    def get(self, name):
        return self.pop(name, None)


def too_large(source, *names):
    """These sets answer with more than is taken, which fails at once and may be better the next time."""
    source.body_of = lambda entity: b" " * (2 << 20) if entity in names else None


@pytest.fixture
def lines(caplog):
    """The lines that the package logged, in the order they were written."""
    caplog.set_level(logging.INFO, logger="prospect_to_cash")
    return lambda: [r.getMessage() for r in caplog.records if r.name.startswith("prospect_to_cash")]


def sections(lines):
    """What stands between ``::group::`` and ``::endgroup::``, by name; checks that no section is inside another."""
    found, name = {}, None
    for line in lines:
        if line.startswith("::group::"):
            assert name is None
            name = line.removeprefix("::group::")
            assert name not in found
            found[name] = []
        elif line == "::endgroup::":
            name = None
        elif name:
            found[name].append(line)
    assert name is None
    return found


def test_all_sets_are_read_over_one_token_and_one_look_at_the_identity(source, execute):
    source.put(1, name="x")
    source.put(2, name="y")

    counts = execute(*SETS)

    landed = {"landed": 2, "unchanged": 0, "quarantined": 0, "pages": 1, "deleted": 0}
    assert counts == {f"sales_{name}": landed for name in NAMES}
    assert list(counts) == [read.name for read in SETS]
    assert sorted(source.entities) == sorted(NAMES)
    assert (source.tokens, source.identities) == (1, 1)


def test_sets_are_read_at_the_same_time_but_not_all_of_them(source, execute):
    source.seconds_per_page = 0.3
    execute(*SETS)

    assert source.most_at_once == AT_ONCE < len(SETS)


def test_every_set_has_a_section_of_its_own_in_the_log(source, execute, lines):
    source.seconds_per_page = 0.2
    source.put(1, name="x")
    execute(*SETS)

    found = sections(lines())
    assert sorted(found) == sorted(read.name for read in SETS)
    for name, section in found.items():
        (line,) = section
        assert re.fullmatch(
            rf"\d\d:\d\d:\d\d {name}: 1 rows landed, .* 1 pages, 0 rows deleted; read everything", line
        )


def test_lines_from_the_thread_of_the_next_page_are_in_the_section_of_their_set(source, execute, lines):
    source.broken = Once(uoms=500)
    source.seconds_per_page = 0.2
    execute(*SETS)

    found = sections(lines())
    retried = [name for name, section in found.items() if any("Retrying uoms" in line for line in section)]
    assert retried == ["sales_uoms"]


def test_a_set_that_fails_does_not_keep_the_others_from_being_read(source, execute, lines):
    source.put(1, name="x")
    source.broken["teams"] = 404
    with pytest.raises(AirflowFailException) as failed:
        execute(*SETS)

    assert str(failed.value).startswith("1 of 8 entity sets of sales were not read. Needs a change")
    assert "sales_teams: " in str(failed.value)
    assert sorted(source.entities) == sorted(NAMES)
    found = sections(lines())
    assert any("sales_teams: " in line and "404" in line for line in found["sales_teams"])
    assert not any("sales_teams" in line for name in found if name != "sales_teams" for line in found[name])


def test_a_retry_reads_only_what_is_missing(source, execute):
    source.put(1, name="x")
    too_large(source, "teams", "sites")
    with pytest.raises(AirflowException, match="2 of 8 entity sets of sales were not read") as failed:
        execute(*SETS)
    assert not isinstance(failed.value, AirflowFailException)
    assert "sales_teams, sales_sites: " in str(failed.value)
    too_large(source)
    source.entities.clear()

    counts = execute(*SETS)

    assert sorted(source.entities) == ["sites", "teams"]
    assert {name for name, count in counts.items() if count["landed"]} == {"sales_teams", "sales_sites"}


def test_one_failure_that_needs_a_person_ends_the_task_without_a_retry_and_names_both_kinds(source, execute):
    source.broken["teams"] = 403
    too_large(source, "sites")
    with pytest.raises(AirflowFailException) as failed:
        execute(*SETS)

    before, after = str(failed.value).split("The next run reads again: ")
    assert "2 of 8" in before
    assert "sales_teams: " in before
    assert after.startswith("sales_sites: ")


def test_an_unexpected_error_is_named_by_its_type_and_its_traceback_is_in_its_section(
    source, execute, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, logger="prospect_to_cash")
    from prospect_to_cash.extract.strategies import STRATEGIES

    compare = STRATEGIES["compare"]

    def broken(job):
        if job.read.entity == "teams":
            raise KeyError("a value of a row")
        return compare(job)

    monkeypatch.setitem(STRATEGIES, "compare", broken)
    with pytest.raises(AirflowException, match="sales_teams: An unexpected KeyError") as failed:
        execute(*SETS)
    assert "a value of a row" not in str(failed.value)
    assert any(record.exc_info for record in caplog.records)
    assert sorted(source.entities) == sorted(set(NAMES) - {"teams"})


def test_every_set_is_named_when_the_system_is_away(source, execute):
    execute(*SETS)
    source.broken |= dict.fromkeys(NAMES, 403)
    with pytest.raises(AirflowFailException, match="8 of 8 entity sets of sales") as failed:
        execute(*SETS, number=2)
    assert all(f"sales_{name}" in str(failed.value) for name in NAMES)


def test_a_sentence_that_is_the_same_for_all_sets_is_there_once(source, execute):
    too_large(source, *NAMES)
    with pytest.raises(AirflowException, match="8 of 8 entity sets of sales were not read") as failed:
        execute(*SETS)
    assert str(failed.value).count("answered with more than 1 MiB") == 1


def test_no_further_set_is_asked_for_once_the_service_asks_to_wait(source, execute):
    source.fault = lambda page: 429
    source.retry_after = 3600
    with pytest.raises(AirflowException, match="8 of 8 entity sets of sales were not read") as failed:
        execute(*SETS)
    assert not isinstance(failed.value, AirflowFailException)
    assert len(source.entities) <= AT_ONCE


def test_two_flows_that_read_the_same_sets_in_opposite_order_end_both(source, execute):
    source.put(1, name="x")
    source.seconds_per_page = 0.05
    execute(*SETS)
    ended = {}

    def flow(name, sets):
        ended[name] = execute(*sets, flow=name, full=True)

    for _ in range(3):
        ended.clear()
        flows = [
            threading.Thread(target=flow, args=("contacts", SETS), daemon=True),
            threading.Thread(target=flow, args=("quotes", SETS[::-1]), daemon=True),
        ]
        for thread in flows:
            thread.start()
        for thread in flows:
            thread.join(30)
        assert set(ended) == {"contacts", "quotes"}
        source.pass_time(hours=1)
