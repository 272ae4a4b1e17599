"""Section 11 of the F&O sheet: the recurring integrations API."""

import io
import json
import time
import uuid
import zipfile
from urllib.parse import quote

import pytest
import requests

from support.packing import CUSTOMER, customer, package, rows_of, table, unique
from support.running import Sandbox

STATES = {
    "Enqueued", "Dequeued", "Acked", "Preprocessing", "Processing", "Processed", "PreProcessingError",
    "ProcessedWithErrors", "PostProcessingFailed",
}  # fmt: skip


class Connector:
    """The connector as one client sees it."""

    def __init__(self, dmf):
        self.dmf = dmf
        self.client = dmf.client

    def declare(self, **given):
        activity = str(uuid.uuid4())
        self.dmf.admin("PUT", f"activities/{activity}", given)
        return activity

    def ask(self, method, verb, activity, query="", body=None, **headers):
        url = f"{self.client.url}/api/connector/{verb}/{activity}{query}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.session.request(method, url, data=body, headers=named, timeout=30)

    def enqueue(self, activity, body, query="", **headers):
        answer = self.ask("POST", "enqueue", activity, query, body, **headers)
        assert answer.status_code == 200, answer.text
        return json.loads(answer.text)

    def status(self, message):
        return self.dmf.call("GetMessageStatus", messageId=message)

    def processed(self, message):
        deadline = time.monotonic() + 30
        while (state := self.status(message)) in ("Enqueued", "Preprocessing", "Processing"):
            assert time.monotonic() < deadline, state
        return state

    def dequeue(self, activity):
        return self.ask("GET", "dequeue", activity)

    def export(self, **given):
        """An export activity with one message in its queue, and what dequeue answers."""
        activity = self.declare(direction="Export", project="Export Customers V3", **given)
        self.dmf.admin("POST", f"activities/{activity}/run")
        return activity, self.first(activity)

    def first(self, activity):
        deadline = time.monotonic() + 30
        while (answer := self.dequeue(activity)).status_code == 204:
            assert time.monotonic() < deadline
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ack(self, activity, body):
        return self.ask("POST", "ack", activity, body=json.dumps(body))


@pytest.fixture(scope="module")
def connector(dmf):
    return Connector(dmf)


@pytest.fixture(scope="module")
def packages(connector):
    return connector.declare(direction="Import", project="Recurring")


@pytest.fixture(scope="module")
def customers_in(dmf, connector):
    """An activity that takes files of customers."""
    project = {"operation": "Import", "entities": [{"label": "Customers V3"}]}
    dmf.admin("PUT", "projects/Customers come in", project)
    return connector.declare(direction="Import", project="Customers come in", takes_files=True)


def rows(*accounts):
    return table(CUSTOMER, *(customer(account) for account in accounts)).encode()


def path(account, company="usmf"):
    return f"CustomersV3(dataAreaId='{company}',CustomerAccount='{account}')?cross-company=true"


def test_s11_enqueue_answers_the_message_id_as_a_quoted_string(connector, packages):
    content = package("Customers V3", CUSTOMER, customer(unique("A")))
    answer = connector.ask("POST", "enqueue", packages, body=content)
    assert answer.status_code == 200
    assert answer.text.startswith('"')
    assert uuid.UUID(json.loads(answer.text))


def test_s11_a_package_is_processed_without_an_entity(connector, packages):
    account = unique("A")
    message = connector.enqueue(packages, package("Customers V3", CUSTOMER, customer(account)))
    assert connector.processed(message) == "Processed"
    assert connector.client.get(path(account)).status_code == 200


def test_s11_an_entity_beside_a_package_is_refused(connector, packages):
    content = package("Customers V3", CUSTOMER, customer(unique("A")))
    assert connector.ask("POST", "enqueue", packages, "?entity=Customers%20V3", content).status_code == 400


@pytest.mark.parametrize("form", ["plain", "braces", "upper"])
def test_s11_activities_go_by_guid_with_or_without_encoded_braces(connector, form):
    activity = connector.declare(direction="Import", project=unique("project"))
    shown = {"plain": activity, "braces": quote(f"{{{activity}}}"), "upper": activity.upper()}[form]
    assert connector.enqueue(shown, package("Customers V3", CUSTOMER, customer(unique("A"))))


def test_s11_a_language_before_the_path_is_accepted_as_in_the_documented_example(connector):
    activity = connector.declare(direction="Export", project="Export Currencies")
    url = f"{connector.client.url}/en/api/connector/dequeue/{quote('{' + activity + '}')}"
    assert connector.client.session.get(url, timeout=10).status_code == 204


def test_s11_a_file_is_the_raw_body_and_its_entity_a_label(connector, customers_in):
    account = unique("A")
    message = connector.enqueue(customers_in, rows(account), "?entity=Customers%20V3&company=usmf")
    assert connector.processed(message) == "Processed"
    assert connector.client.get(path(account)).status_code == 200


def test_s11_company_decides_where_a_file_goes(connector, customers_in):
    account = unique("A")
    message = connector.enqueue(customers_in, rows(account), "?entity=Customers%20V3&company=DEMF")
    assert connector.processed(message) == "Processed"
    assert connector.client.get(path(account, "demf")).status_code == 200


@pytest.mark.parametrize("query", ["", "?entity=CustomersV3"])
def test_s11_a_file_without_a_known_label_is_refused(connector, customers_in, query):
    assert connector.ask("POST", "enqueue", customers_in, query, b"x").status_code == 400


def test_s11_an_empty_body_is_refused(connector, packages):
    assert connector.ask("POST", "enqueue", packages).status_code == 400


def test_s11_the_external_identifier_is_kept(dmf, connector, packages):
    content = package("Customers V3", CUSTOMER, customer(unique("A")))
    message = connector.enqueue(packages, content, x_ms_dyn_externalidentifier="file-7.zip")
    found = {m["id"]: m["externalIdentifier"] for m in dmf.admin("GET", "messages")["messages"]}
    assert found[message] == "file-7.zip"


def test_s11_enqueue_needs_a_token(connector, packages):
    url = f"{connector.client.url}/api/connector/enqueue/{packages}"
    assert requests.post(url, data=b"x", timeout=10).status_code == 401


def test_s11_the_client_must_be_in_the_authorization_policy(connector):
    activity = connector.declare(direction="Import", project="p", clients=["somebody else"])
    assert connector.ask("POST", "enqueue", activity, body=b"x").status_code == 403


def test_s11_the_policy_is_about_the_client_that_calls(tmp_path):
    sandbox = Sandbox(tmp_path, SANDBOX_CLIENTS="reader=reader-secret")
    try:
        client = sandbox.finops
        client.create("LegalEntities", {"LegalEntityId": "usmf"})
        statuses = []
        for name, secret in (("sandbox", "sandbox-secret"), ("reader", "reader-secret")):
            token = client.ask_token(client_id=name, client_secret=secret).json()["access_token"]
            url = f"{client.url}/api/connector/dequeue/00000000-0000-4000-8000-0000000000a2"
            answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=10)
            statuses.append(answer.status_code)
    finally:
        sandbox.kill()
    assert statuses == [204, 403]


def test_s11_an_activity_that_is_not_enabled_takes_nothing(connector):
    activity = connector.declare(direction="Import", project="p", enabled=False)
    assert connector.ask("POST", "enqueue", activity, body=b"x").status_code == 403


def test_s11_an_unknown_activity_is_not_found(connector):
    assert connector.dequeue(str(uuid.uuid4())).status_code == 404


def test_s11_an_export_whose_project_is_gone_is_refused(connector):
    activity = connector.declare(direction="Export", project="nothing", every_seconds=60)
    assert connector.dequeue(activity).status_code == 400


def test_s11_an_activity_has_one_direction(connector, packages):
    assert connector.dequeue(packages).status_code == 400


def test_s11_an_empty_queue_is_204(connector):
    activity = connector.declare(direction="Export", project="Export Currencies")
    answer = connector.dequeue(activity)
    assert (answer.status_code, answer.content) == (204, b"")


def test_s11_dequeue_answers_correlation_receipt_and_location(connector):
    _, response = connector.export()
    assert {"CorrelationId", "PopReceipt", "DownloadLocation"} <= set(response)
    assert response["IsDownLoadFileExist"] is True
    assert response["LastDequeueDateTime"] is None


def test_s11_the_location_is_http_and_got_with_the_bearer_token(connector):
    _, response = connector.export()
    url = response["DownloadLocation"]
    assert url.startswith("http://")
    assert requests.get(url, timeout=10).status_code == 401
    answer = connector.client.session.get(url, timeout=10)
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert rows_of(archive.read("Customers V3.csv"))


def test_s11_the_location_is_http_even_behind_https(connector):
    activity = connector.declare(direction="Export", project="Export Currencies")
    connector.dmf.admin("POST", f"activities/{activity}/run")
    connector.first(activity)
    connector.dmf.admin("POST", f"activities/{activity}/run")
    deadline = time.monotonic() + 30
    while (answer := connector.ask("GET", "dequeue", activity, X_Forwarded_Proto="https")).status_code == 204:
        assert time.monotonic() < deadline
    assert answer.json()["DownloadLocation"].startswith("http://")


def test_s11_ack_with_the_exact_response_takes_the_message_out(connector, clock):
    activity, response = connector.export()
    assert connector.ack(activity, response).status_code == 200
    assert connector.status(response["CorrelationId"]) == "Acked"
    clock(1801)
    assert connector.dequeue(activity).status_code == 204


@pytest.mark.parametrize(
    "changes",
    [
        {"PopReceipt": "other"},
        {"CorrelationId": str(uuid.uuid4())},
        {"DownloadLocation": "https://elsewhere/"},
    ],
)
def test_s11_ack_with_another_body_is_refused(connector, changes):
    activity, response = connector.export()
    assert connector.ack(activity, {**response, **changes}).status_code == 400
    assert connector.status(response["CorrelationId"]) == "Dequeued"


def test_s11_ack_without_a_body_is_refused(connector):
    activity, _ = connector.export()
    assert connector.ask("POST", "ack", activity).status_code == 400


def test_s11_an_unacknowledged_message_comes_back_after_30_minutes(connector, clock):
    activity, response = connector.export()
    assert connector.dequeue(activity).status_code == 204
    clock(29 * 60)
    assert connector.dequeue(activity).status_code == 204
    clock(30 * 60 + 1)
    again = connector.dequeue(activity).json()
    assert again["CorrelationId"] == response["CorrelationId"]
    assert again["PopReceipt"] != response["PopReceipt"]
    assert again["LastDequeueDateTime"] is not None
    clock(60 * 60 + 5)
    assert connector.dequeue(activity).status_code == 200


def test_s11_a_receipt_of_an_earlier_dequeue_is_stale(connector, clock):
    activity, response = connector.export()
    clock(1801)
    newest = connector.dequeue(activity).json()
    assert connector.ack(activity, response).status_code == 400
    assert connector.ack(activity, newest).status_code == 200


def test_s11_a_recurring_export_runs_when_its_time_has_come(connector, clock):
    activity = connector.declare(direction="Export", project="Export Currencies", every_seconds=60)
    first = connector.first(activity)
    connector.ack(activity, first)
    assert connector.dequeue(activity).status_code == 204
    clock(61)
    assert connector.first(activity)["CorrelationId"] != first["CorrelationId"]


def test_s11_a_file_that_is_gone_after_seven_days_is_told(connector, clock):
    activity, response = connector.export()
    clock(7 * 86400 + 60)
    again = connector.dequeue(activity).json()
    assert (again["IsDownLoadFileExist"], again["DownloadLocation"]) == (False, "")
    assert again["FileDownLoadErrorMessage"]
    assert connector.client.session.get(response["DownloadLocation"], timeout=10).status_code == 404


def test_s11_an_export_without_records_can_be_kept_from_being_uploaded(dmf, connector):
    project = unique("project")
    nothing = {"label": "Customers V3", "filter": "CustomerAccount eq 'nobody at all'"}
    dmf.admin("PUT", f"projects/{project}", {"entities": [nothing]})
    activity = connector.declare(direction="Export", project=project, prevents_empty=True)
    dmf.admin("POST", f"activities/{activity}/run")
    assert connector.first(activity)["IsDownLoadFileExist"] is False


def test_s11_messages_of_imports_pass_through_their_states(connector, switches, clock):
    switches(queue_seconds=10, run_seconds=20)
    activity = connector.declare(direction="Import", project=unique("project"))
    content = package("Customers V3", CUSTOMER, customer(unique("A")))
    first, second = (connector.enqueue(activity, content) for _ in "ab")
    assert (connector.status(first), connector.status(second)) == ("Preprocessing", "Enqueued")
    clock(11)
    wait_for(connector, first, "Processing")
    clock(31)
    wait_for(connector, first, "Processed")
    assert connector.status(second) == "Preprocessing"


def wait_for(connector, message, state):
    deadline = time.monotonic() + 30
    while (found := connector.status(message)) != state:
        assert time.monotonic() < deadline, found


def test_s11_messages_of_an_activity_are_processed_in_their_order(connector, customers_in):
    account = unique("A")
    columns = ("CUSTOMERACCOUNT", "NAMEALIAS")
    connector.enqueue(customers_in, rows(account), "?entity=Customers%20V3")
    files = [table(columns, (account, f"alias {n}")).encode() for n in range(5)]
    messages = [connector.enqueue(customers_in, f, "?entity=Customers%20V3") for f in files]
    assert [connector.processed(m) for m in messages] == ["Processed"] * 5
    assert connector.client.get(path(account)).json()["NameAlias"] == "alias 4"


def test_s11_rows_that_fail_make_a_message_processed_with_errors(dmf, connector, packages):
    content = package("Customers V3", CUSTOMER, customer(unique("A")), customer(unique("A"), group="none"))
    message = connector.enqueue(packages, content)
    assert connector.processed(message) == "ProcessedWithErrors"
    execution = dmf.call("GetExecutionIdByMessageId", messageId=message)
    assert len(dmf.errors(execution)) == 1


@pytest.mark.parametrize("body", [b"no package", package("Nothing", CUSTOMER, customer("A"))])
def test_s11_a_package_that_cannot_be_read_is_a_preprocessing_error(connector, packages, body):
    assert connector.processed(connector.enqueue(packages, body)) == "PreProcessingError"


def test_s11_an_entity_that_the_project_does_not_have_is_a_preprocessing_error(connector, customers_in):
    message = connector.enqueue(customers_in, b"x", "?entity=Currencies")
    assert connector.processed(message) == "PreProcessingError"


def test_s11_an_unknown_message_is_refused(dmf):
    assert dmf.ask("GetMessageStatus", messageId=str(uuid.uuid4())).status_code == 400


@pytest.mark.parametrize("parameter", ["jobId", "jobid"])
def test_s11_jobstatus_tells_the_state_of_a_message(connector, packages, parameter):
    message = connector.enqueue(packages, package("Customers V3", CUSTOMER, customer(unique("A"))))
    connector.processed(message)
    answer = connector.ask("GET", "jobstatus", packages, f"?{parameter}={message}")
    assert answer.status_code == 200
    assert answer.json()["DataJobStatus"]["DataJobState"] == "Processed"
    assert [e["EntityName"] for e in answer.json()["ExecutionDetail"]] == ["Customers V3"]


def test_s11_jobstatus_of_an_unknown_message_is_not_found(connector, packages):
    assert connector.ask("GET", "jobstatus", packages, f"?jobId={uuid.uuid4()}").status_code == 404


def test_s11_two_activities_are_ready_in_a_new_environment(dmf):
    ready = [a for a in dmf.admin("GET", "activities")["activities"] if a["id"].startswith("00000000-")]
    assert {a["direction"] for a in ready} == {"Import", "Export"}


def test_s11_states_are_those_of_the_documented_list(connector, packages):
    message = connector.enqueue(packages, b"no package")
    assert connector.processed(message) in STATES
