"""F&O sheet, section 9: what is throttled and what is not."""

import time

import pytest
import requests

from support.ordering import ENUM, switched
from support.packing import CUSTOMER, customer, package, unique

READY_EXPORT = "00000000-0000-4000-8000-0000000000a2"
SESSION = "UserSessionService/AifUserSessionService/GetUserSessionInfo"
TIGHT = [
    {"resource_utilization": "high", "integration_priority": "low"},
    {"user_limits": True, "user_seconds": 0},
]


@pytest.mark.parametrize("limits", TIGHT)
@pytest.mark.parametrize("path", ["CustomersV3", "$metadata", "CustomersV3/$count"])
def test_s09_reads_are_throttled(finops, limits, path):
    with switched(finops, **limits):
        assert finops.get(path).status_code == 429


@pytest.mark.parametrize("limits", TIGHT)
def test_s09_custom_services_are_throttled(finops, limits):
    with switched(finops, **limits):
        assert finops.post(f"{finops.url}/api/services/{SESSION}", {}).status_code == 429


@pytest.mark.parametrize("limits", TIGHT)
@pytest.mark.parametrize("action", ["GetExecutionSummaryStatus", "GetAzureWriteUrl", "ImportFromPackage"])
def test_s09_actions_of_data_management_are_throttled(finops, limits, action):
    with switched(finops, **limits):
        answer = finops.post(f"DataManagementDefinitionGroups/{ENUM}{action}", {})
    assert answer.status_code == 429


@pytest.mark.parametrize("limits", TIGHT)
def test_s09_the_work_of_data_management_is_exempt(dmf, limits, switches):
    url = dmf.write_url()
    content = package("Customers V3", CUSTOMER, customer(unique("A")))
    switches(queue_seconds=1)
    execution = dmf.start_import(content)
    with switched(dmf.client, **limits):
        put = requests.put(url, data=content, headers={"x-ms-blob-type": "BlockBlob"}, timeout=10)
        assert put.status_code == 201
        assert requests.get(url, timeout=10).content == content
        path = f"{dmf.client.url}/api/connector/dequeue/{READY_EXPORT}"
        assert dmf.client.session.get(path, timeout=10).status_code in (200, 204)
        deadline = time.monotonic() + 30
        while state_of(dmf, execution) != "Succeeded":
            assert time.monotonic() < deadline


def state_of(dmf, execution):
    return next(j["state"] for j in dmf.admin("GET", "jobs")["jobs"] if j["executionId"] == execution)


def test_s09_retry_after_can_be_minutes(finops):
    with switched(finops, resource_utilization="critical", retry_after_seconds=600):
        assert finops.get("Companies").headers["Retry-After"] == "600"
