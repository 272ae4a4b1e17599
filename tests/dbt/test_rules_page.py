"""The rule catalogue, its tests and docs/rules.md belong together."""

import pytest

from local.cards import flows
from local.errors import LocalError
from local.paths import Paths
from local.rules_page import PAGE, catalogue, marked_tests, page
from tests.dbt.warehouse import ROOT

RULES = {(row["flow"], row["rule"]) for row in catalogue(ROOT)}


@pytest.fixture(scope="module")
def marked():
    return marked_tests(ROOT)


def test_every_rule_has_a_test_that_breaks_it(marked):
    assert sorted(RULES - set(marked)) == []


def test_a_mark_names_a_rule_of_the_catalogue(marked):
    assert sorted(set(marked) - RULES) == []


def test_the_page_is_current(marked):
    """`make docs` makes it anew."""
    made = page(catalogue(ROOT), marked, flows(Paths(ROOT, ROOT / ".demo")))

    assert (ROOT / PAGE).read_text(encoding="utf-8") == made


def test_a_rule_stands_in_its_flows_table_with_its_tests():
    rule = {
        "rule": "a_rule",
        "flow": "things",
        "effect": "block",
        "sentence": "{record} is | odd.",
        "remedy": "Mend it.",
        "source": "ruling 9",
        "covers": "",
    }
    tests = {
        ("things", "a_rule"): ["tests/dbt/test_x.py::TestX::test_it[case]", "tests/dbt/test_y.py::test_it"]
    }

    lines = page([rule, {**rule, "flow": "*", "rule": "other"}], tests, ["things"]).splitlines()

    table = lines[lines.index("## Things") :]
    assert table[4] == (
        "| `a_rule` | held | {record} is \\| odd. | Mend it. | ruling 9 "
        "| `TestX.test_it[case]` in [test_x.py](../tests/dbt/test_x.py) and 1 more |"
    )
    assert table[6] == "## Every flow"
    assert table[-1].endswith("| ruling 9 | none |")


def test_an_error_says_so_when_tests_cannot_be_collected(tmp_path):
    (tmp_path / "tests").mkdir()

    with pytest.raises(
        LocalError, match=r"The tests cannot be collected, so docs/rules\.md cannot name them"
    ):
        marked_tests(tmp_path)
