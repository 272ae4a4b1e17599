"""Own fields of an organization, sent to the other system by vars in the dbt project of its installation."""

import pytest

from prospect_to_cash.installation import new_project
from tests.world import ROOT

VARS = """
  own_fields:
    accounts:
      - source: accountcategorycode
        target: CustClassificationId
        values: {"1": "A", "2": "B"}
"""


@pytest.fixture
def set_vars(tmp_path, monkeypatch, world):
    """Set var own_fields in an installation's project; the DAGs are then parsed again, as Airflow does."""
    folder = tmp_path / "installation"
    new_project.make(folder, "templates_2017", ROOT / "dbt_project")
    path = folder / "dbt_project.yml"
    made = path.read_text(encoding="utf-8")
    monkeypatch.setitem(world.extra_env, "P2C_DBT_PROJECT", str(folder))

    def write(text):
        assert made.count("  own_fields: {}\n") == 1
        path.write_text(made.replace("  own_fields: {}\n", text), encoding="utf-8")
        monkeypatch.setattr("tests.world._DAGS", {})

    return write


def delivered(world):
    """Accounts of Sales that are customers already."""
    customers = {row["CustomerAccount"] for row in world.finops.rows("CustomersV3", select="CustomerAccount")}
    rows = world.sales.rows("accounts", select="accountid,accountnumber", filter="statecode eq 0")
    return [row for row in rows if row["accountnumber"] in customers]


@pytest.mark.slow
def test_an_own_field_is_read_mapped_and_sent_and_an_unmapped_value_holds_its_account(world, set_vars):
    set_vars("  own_fields: {}\n")
    before = world.run("accounts")
    assert "own_field_unmapped" not in before["held"]
    first, second = delivered(world)[:2]
    set_vars(VARS)
    world.sales.send("PATCH", f"accounts({first['accountid']})", {"accountcategorycode": 2})
    row = f'{{"accountid": "{second["accountid"]}", "accountcategorycode": 7}}'
    world.sales.plant("accounts", row)

    world.forget()
    report = world.run("accounts")

    reads = [
        request["path"] + str(request) for request in world.sales.requests() if request["method"] == "GET"
    ]
    assert any("accountcategorycode" in read for read in reads)
    key = f"CustomersV3(dataAreaId='usmf',CustomerAccount='{first['accountnumber']}')"
    assert world.finops.session.get(world.finops.api + key).json()["CustClassificationId"] == "B"
    assert report["updated"] == 1
    assert report["held"]["own_field_unmapped"] == 1
    (violation,) = world.sql(
        "select record, field, value from validation.violations_accounts where broken_rule = 'own_field_unmapped'"
    )
    assert violation == (second["accountnumber"], "accountcategorycode", "7")
    assert len(world.finops.writes()) == 1
