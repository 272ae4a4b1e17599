"""`make preflight` as a user calls it: what is missing before anything was sent."""

import json
import os
import re
import subprocess
import sys

import pytest

from local import preflight
from tests.local.conftest import ROOT


@pytest.fixture
def run(tmp_path):
    """The command with a home of its own; what it leaves behind is stopped."""
    foreign = ("AIRFLOW", "P2C_", "SANDBOX_", "PYTHONPATH")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env |= {"P2C_HOME": str(tmp_path / "home"), "SANDBOX_SALES_PORT": "0", "SANDBOX_FINOPS_PORT": "0"}

    def call(*words, **variables):
        return subprocess.run(
            [sys.executable, "-m", "local", *words],
            cwd=ROOT,
            env=env | variables,
            capture_output=True,
            text=True,
            timeout=600,
        )

    yield call
    call("down")


def test_the_gate_is_open_and_the_vars_of_the_installation_stay():
    opened = preflight._with_open_gate

    assert json.loads(opened({})) == {"max_blocked_share": 1}
    assert json.loads(opened({"P2C_DBT_VARS": '{"site_id": "5"}'})) == {
        "site_id": "5",
        "max_blocked_share": 1,
    }
    assert opened({"P2C_DBT_VARS": "[]"}) == "[]"
    assert opened({"P2C_DBT_VARS": "{"}) == "{"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_is_missing_is_told_as_json_and_nothing_is_written(run):
    answer = run(
        "preflight", "--json", "--flow", "accounts", "--accounts", "40", "--products", "30",
        P2C_DBT_VARS='{"customer_group_id": "77"}',
    )  # fmt: skip

    assert answer.returncode == 1, answer.stderr
    told = json.loads(answer.stdout)
    assert told["not_looked_at"] == []
    groups = [one for one in told["missing"] if one["kind"] == "group"]
    assert [(one["value"], one["companies"], one["keeps_back"]) for one in groups] == [
        ("77", ["demf", "usmf"], True)
    ]
    assert groups[0]["records"] > 20

    again = run("preflight", "--flow", "accounts", "--accounts", "40", "--products", "30")

    assert again.returncode == 0
    assert again.stdout.endswith("accounts\n  nothing is missing\n")
    report = run("run", "accounts", "--dry-run")
    (line,) = [line for line in report.stdout.splitlines() if re.match(r"accounts +\d", line)]
    assert int(line.split()[2]) > 20
    assert line.split()[-3:-1] == ["0", "0"]


def test_a_flow_that_does_not_exist_is_answered_before_anything_starts(run):
    answer = run("preflight", "--flow", "acounts")

    assert answer.returncode == 2
    assert answer.stderr.startswith("Name a flow, as in FLOW=")
