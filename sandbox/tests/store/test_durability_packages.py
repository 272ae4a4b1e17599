"""Packages, jobs, messages and version tokens are still there after a kill."""

import time

import pytest
import requests

from support.packing import CUSTOMER, DataManagement, customer, package, rows_of, unique
from support.running import Sandbox

BLOCK = {"x-ms-blob-type": "BlockBlob"}


class Environment:
    """A sandbox that can be killed, and its data management as it is reached at the moment."""

    def __init__(self, home, *arguments):
        self.sandbox = Sandbox(home, *arguments)
        finops = self.finops
        finops.create("Currencies", {"CurrencyCode": "USD"})
        finops.create("LegalEntities", {"LegalEntityId": "usmf"})
        finops.create("CustomerGroups", {"CustomerGroupId": "10"})

    @property
    def finops(self):
        return self.sandbox.finops

    @property
    def dmf(self):
        return DataManagement(self.finops)

    def restart(self):
        """Kill and start again; what leads to a link of before at the address of now."""
        before = self.finops.url
        self.sandbox.kill()
        self.sandbox.start()
        return lambda url: url.replace(before, self.finops.url)

    def connector(self, method, verb, activity, **more):
        return self.finops.session.request(
            method, f"{self.finops.url}/api/connector/{verb}/{activity}", timeout=10, **more
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    found = Environment(tmp_path_factory.mktemp("environment"))
    yield found
    found.sandbox.kill()


@pytest.fixture
def slow(tmp_path):
    """An environment whose jobs wait for the clock."""
    found = Environment(tmp_path, "--package-switch", "queue_seconds=60")
    yield found
    found.sandbox.kill()


def customers(*accounts):
    return package("Customers V3", CUSTOMER, *(customer(account) for account in accounts))


def count(environment, start):
    return int(environment.finops.get(f"CustomersV3/$count?$filter=CustomerAccount eq '{start}*'").text)


def test_executions_and_their_errors_survive(environment):
    bad = package("Customers V3", CUSTOMER, customer(unique("A")), customer(unique("A"), group="none"))
    execution, state = environment.dmf.import_package(bad)
    errors = environment.dmf.errors(execution)
    parameters = {"executionId": execution, "entityName": "Customers V3"}
    assert environment.dmf.call("GenerateImportTargetErrorKeysFile", **parameters) is True
    environment.restart()
    assert (state, environment.dmf.state(execution)) == ("PartiallySucceeded", "PartiallySucceeded")
    assert environment.dmf.errors(execution) == errors
    keys = requests.get(environment.dmf.call("GetImportTargetErrorKeysFileUrl", **parameters), timeout=10)
    assert rows_of(keys.content) == [{"CUSTOMERACCOUNT": errors[0]["RecordId"]}]


def test_files_and_their_links_survive(environment):
    content = customers(unique("A"))
    uploaded, empty = environment.dmf.upload(content), environment.dmf.write_url()
    now = environment.restart()
    assert requests.get(now(uploaded), timeout=10).content == content
    assert requests.put(now(empty), data=b"x", headers=BLOCK, timeout=10).status_code == 201
    answer = environment.dmf.ask_import(b"", packageUrl=now(uploaded))
    assert environment.dmf.finished(answer.json()["value"]) == "Succeeded"


def test_a_file_that_was_dropped_stays_away(environment):
    url = environment.dmf.upload(b"content")
    name = url.partition("/dmf/")[2].partition("?")[0]
    environment.dmf.admin("DELETE", f"blobs/{name}")
    now = environment.restart()
    assert requests.get(now(url), timeout=10).status_code == 404


def test_version_tokens_survive(environment):
    project = unique("changes")
    entity = {"label": "Customers V3", "refresh_type": "IncrementalPush", "fields": ["CUSTOMERACCOUNT"]}
    environment.dmf.admin("PUT", f"projects/{project}", {"entities": [entity]})
    environment.dmf.import_package(customers("T-1"))
    environment.dmf.export(project)
    environment.restart()
    environment.dmf.import_package(customers("T-2"))
    assert environment.dmf.rows(project) == [{"CUSTOMERACCOUNT": "T-2"}]
    environment.dmf.call("ResetVersionToken", definitionGroupId=project, entityName="Customers V3")
    environment.restart()
    assert {"CUSTOMERACCOUNT": "T-1"} in environment.dmf.rows(project)


def test_activities_and_messages_survive(environment):
    activity = "33333333-0000-4000-8000-000000000001"
    environment.dmf.admin(
        "PUT", f"activities/{activity}", {"direction": "Export", "project": "Export Currencies"}
    )
    for _ in range(2):
        environment.dmf.admin("POST", f"activities/{activity}/run")
        first = wait_for_message(environment, activity)
    assert environment.connector("POST", "ack", activity, json=first).status_code == 200
    environment.restart()
    assert environment.dmf.call("GetMessageStatus", messageId=first["CorrelationId"]) == "Acked"
    environment.dmf.clock(1801)
    again = environment.connector("GET", "dequeue", activity).json()
    environment.dmf.clock(0)
    assert again["CorrelationId"] != first["CorrelationId"]
    assert again["IsDownLoadFileExist"] is True
    assert environment.connector("POST", "ack", activity, json=again).status_code == 200
    assert environment.connector("GET", "dequeue", activity).status_code == 204


def wait_for_message(environment, activity):
    deadline = time.monotonic() + 30
    while (answer := environment.connector("GET", "dequeue", activity)).status_code == 204:
        assert time.monotonic() < deadline
    return answer.json()


def test_jobs_and_messages_that_wait_are_done_after_a_restart(slow):
    job = slow.dmf.start_import(customers("W-1"))
    export = slow.dmf.start_export("Export Currencies", packageName="money")
    activity = "00000000-0000-4000-8000-0000000000a1"
    messages = [
        slow.connector("POST", "enqueue", activity, data=customers(account)).json()
        for account in ("W-2", "W-3")
    ]
    slow.restart()
    assert slow.dmf.state(job) == "NotRun"
    assert [slow.dmf.call("GetMessageStatus", messageId=m) for m in messages] == ["Preprocessing", "Enqueued"]
    slow.dmf.clock(61)
    assert slow.dmf.finished(job) == "Succeeded"
    assert slow.dmf.finished(export) == "Succeeded"
    assert "/dmf/money-" in slow.dmf.call("GetExportedPackageUrl", executionId=export)
    for minutes in range(2, 60):
        if count(slow, "W-") == 3:
            break
        slow.dmf.clock(60 * minutes)
        time.sleep(0.1)
    assert [slow.dmf.call("GetMessageStatus", messageId=m) for m in messages] == ["Processed"] * 2


def test_a_job_that_was_broken_off_is_done_again(environment):
    start = unique("B")
    execution = environment.dmf.start_import(customers(*(f"{start}-{n}" for n in range(3000))))
    environment.dmf.until(execution, "Executing")
    environment.restart()
    assert environment.dmf.finished(execution) == "Succeeded"
    assert count(environment, start) == 3000
