"""A report is compared with something: the driving records, and what the ledger knows."""

from __future__ import annotations

import pytest

from prospect_to_cash.report.outcomes import CountsDiffer, report_of
from tests.plan.conftest import CARD, flow, staging

__all__ = ["flow", "staging"]


@pytest.fixture
def run(flow) -> int:
    """A run that has delivered one record, while another is unchanged."""
    for key in "ab":
        flow.record(key)
        flow.say("things", key, {"Name": "A"})
    flow.accept(flow.plan())
    flow.say("things", "a", {"Name": "B"})
    run = flow.plan()
    flow.accept(run)
    return run


def report(flow, run: int):
    return report_of(flow.connection, run, {}, CARD.writes)


def test_each_record_has_one_outcome(flow, run):
    found = report(flow, run)

    found.check()
    assert (found.values["read"], found.values["unchanged"]) == (2, 2)


def test_a_record_that_is_counted_twice_fails_the_report(flow, run):
    flow.sql("update sync.run set counts = jsonb_set(counts, '{unchanged}', '2') where run_id = %s", (run,))

    with pytest.raises(CountsDiffer, match="2 records were read, but 3 outcomes counted"):
        report(flow, run).check()


def test_a_record_whose_plan_row_is_lost_fails_the_report(flow, run):
    flow.sql("delete from sync.plan where run_id = %s", (run,))

    with pytest.raises(CountsDiffer, match="2 records were read, but 1 outcomes counted"):
        report(flow, run).check()


def test_what_counts_as_accepted_without_the_word_of_the_ledger_fails_the_report(flow, run):
    flow.sql("update sync.ledger set accepted_run = null where source_key = 'a'")

    with pytest.raises(CountsDiffer, match="1 rows count as accepted"):
        report(flow, run).check()
