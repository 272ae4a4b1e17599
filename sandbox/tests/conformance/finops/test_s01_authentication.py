"""F&O sheet, section 1: authentication."""

import pytest
import requests

from support.ordering import switched


def test_s01_a_token_for_the_scope_of_the_environment_opens_the_service(finops):
    assert finops.get("LegalEntities").status_code == 200


def test_s01_a_token_lives_about_an_hour_and_brings_no_refresh_token(finops):
    answer = finops.ask_token().json()
    assert 3000 < answer["expires_in"] <= 3600
    assert "refresh_token" not in answer


def test_s01_an_audience_with_a_trailing_slash_is_a_cause_of_401(finops):
    token = finops.ask_token(scope=f"{finops.url}//.default").json()["access_token"]
    answer = requests.get(
        f"{finops.url}/data/LegalEntities", headers={"Authorization": f"Bearer {token}"}, timeout=10
    )
    assert answer.status_code == 401


def test_s01_the_token_of_sales_does_not_open_finops(finops, sales):
    answer = requests.get(
        f"{finops.url}/data/LegalEntities", headers={"Authorization": f"Bearer {sales.token()}"}, timeout=10
    )
    assert answer.status_code == 401


def test_s01_the_default_company_is_the_one_of_the_user(finops):
    row = finops.create("CustomerGroups", {"CustomerGroupId": "own"})
    assert row["dataAreaId"] == "usmf"


@pytest.mark.parametrize("status", [401, 403])
def test_s01_a_client_that_is_mapped_to_no_user_is_refused(finops, status):
    with switched(finops, unmapped_status=status):
        assert finops.get("LegalEntities").status_code == status
    assert finops.get("LegalEntities").status_code == 200
