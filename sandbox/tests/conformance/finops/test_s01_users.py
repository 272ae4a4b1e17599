"""F&O sheet, sections 1, 4 and 9: the user behind a client, its default company and what counts per user."""

import pytest
import requests

from support.ordering import switched
from support.running import Sandbox


@pytest.fixture(scope="module")
def finops(tmp_path_factory):
    """An environment of two clients whose users are at home in demf."""
    sandbox = Sandbox(
        tmp_path_factory.mktemp("users"), "--default-company", "demf", SANDBOX_CLIENTS="reader=secret-r"
    )
    for company in ("usmf", "demf"):
        sandbox.finops.create("LegalEntities", {"LegalEntityId": company})
        sandbox.finops.create("CustomerGroups", {"dataAreaId": company, "CustomerGroupId": company})
    yield sandbox.finops
    sandbox.kill()


def read(finops, client_id="sandbox", secret="sandbox-secret"):
    """The status of a read with a new token of the client."""
    token = finops.ask_token(client_id=client_id, client_secret=secret).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{finops.url}/data/Companies", headers=headers, timeout=10).status_code


def test_s01_the_default_company_of_the_mapped_user_applies(finops):
    assert [row["CustomerGroupId"] for row in finops.rows("CustomerGroups")] == ["demf"]
    assert finops.create("CustomerGroups", {"CustomerGroupId": "new"})["dataAreaId"] == "demf"
    path = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='usmf')"
    assert finops.get(path).status_code == 404
    assert finops.get(f"{path}?cross-company=true").status_code == 200


def test_s09_priorities_are_mapped_per_client(finops):
    priorities = ["READER=high"]
    with switched(finops, resource_utilization="high", throttling_priorities=priorities):
        assert (read(finops, "reader", "secret-r"), read(finops)) == (200, 429)


@pytest.mark.parametrize("entry", ["reader", "reader=urgent"])
def test_s09_a_priority_that_there_is_not_is_refused(finops, entry):
    answer = finops.admin("PUT", "parameters", {"throttling_priorities": [entry]})
    assert answer.status_code == 400


def test_s09_limits_count_per_user_whatever_token_it_brings(finops):
    with switched(finops, user_limits=True, user_requests=2):
        assert [read(finops) for _ in range(3)] == [200, 200, 429]
        assert read(finops, "reader", "secret-r") == 200
