"""`make preflight`: what is missing before anything is sent."""

import json
import re

import pytest

from local import preflight


def test_the_gate_is_open_and_other_vars_of_the_installation_stay():
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
def test_missing_values_are_printed_as_json_and_nothing_is_written(commands):
    sizes = ("--accounts", "40", "--products", "30")
    out, _ = commands.outputs(
        "preflight",
        "--json",
        "--flow",
        "accounts",
        *sizes,
        expect=1,
        P2C_DBT_VARS='{"customer_group_id": "77"}',
    )

    found = json.loads(out)
    assert found["not_looked_at"] == []
    groups = [value for value in found["missing"] if value["kind"] == "group"]
    assert [(group["value"], group["companies"], group["keeps_back"]) for group in groups] == [
        ("77", ["demf", "usmf"], True)
    ]
    assert groups[0]["records"] > 20

    out, _ = commands.outputs("preflight", "--flow", "accounts", *sizes)

    assert out.endswith("accounts\n  nothing is missing\n")
    out, _ = commands.outputs("run", "accounts", "--dry-run")
    assert "This is a dry run: nothing was sent" in out
    (line,) = [line for line in out.splitlines() if re.match(r"accounts \(dry run\) +\d", line)]
    assert int(line.split()[4]) > 20
    assert line.split()[-3:-1] == ["0", "0"]
