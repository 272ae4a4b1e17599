"""What the report takes from the tasks before it."""

from prospect_to_cash.flow_card import CompareRead
from prospect_to_cash.operators.report import ReportRun
from tests.cards import card

READS = (
    CompareRead(system="sales", entity="accounts", key=("id",), large=True),
    CompareRead(system="finops", entity="Sites", key=("id",)),
    CompareRead(system="sales", entity="teams", key=("id",)),
    CompareRead(system="finops", entity="Currencies", key=("id",)),
)
RESULTS = {
    "extract.sales": {"sets": {"sales_teams": {"landed": 3}}},
    "extract.finops": {"sets": {"finops_currencies": {"landed": 0}, "finops_sites": {"landed": 2}}},
    "extract.sales_accounts": {"sets": {"sales_accounts": {"landed": 7}}},
    "transform": {"read": 1},
    "load_things": {"counts": {}},
}


class Results:
    """Airflow's view of the tasks that returned something."""

    def __init__(self, results):
        self.results = results

    def xcom_pull(self, task_ids):
        return [self.results.get(name) for name in task_ids]


def report():
    return ReportRun(task_id="report", card=card(reads=READS))


def test_rows_that_landed_are_counted_by_read_in_the_order_of_the_card():
    results = report()._results(Results(RESULTS))

    landed = report()._landed(results)
    assert list(landed.items()) == [
        ("sales_accounts", 7), ("finops_sites", 2), ("sales_teams", 3), ("finops_currencies", 0),
    ]  # fmt: skip


def test_a_task_without_a_result_is_one_that_did_not_succeed():
    results = report()._results(Results({**RESULTS, "extract.finops": None}))

    assert [name for name, result in results.items() if result is None] == ["extract.finops"]
    assert list(report()._landed(results)) == ["sales_accounts", "sales_teams"]


def test_every_task_of_the_flow_is_asked_for_its_result():
    assert set(report()._results(Results({}))) == set(RESULTS)
