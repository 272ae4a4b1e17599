"""`dbt build` by hand, without the vars that a run passes."""

import pytest


@pytest.mark.parametrize("vars_of_hand", [{"sales_env_id": "", "finops_env_id": ""}, {"finops_env_id": ""}])
def test_a_build_without_environments_is_refused_with_a_sentence_and_changes_nothing(
    fresh_warehouse, vars_of_hand
):
    key = fresh_warehouse.account(1)
    fresh_warehouse.build("accounts")

    refused = fresh_warehouse._invoke("build", False, "--select", "+tag:accounts", **vars_of_hand)

    assert "env_id is blank, so there is no environment to read records of" in str(refused.exception)
    assert not getattr(refused.result, "results", None) or all(
        result.status not in ("success", "pass") for result in refused.result.results
    )
    assert fresh_warehouse.envelope("finops__accounts", key)
    assert fresh_warehouse.one("select count(*) from staging.stg_sales__accounts") == 1
