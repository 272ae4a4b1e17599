"""Recurring integrations: the queue of a recurring job, over a real socket and against the sandbox."""

import io
import json
import time
import uuid

import pytest
import requests

from prospect_to_cash.clients.packages_compose import Content, write_package
from prospect_to_cash.clients.packages_queue import Message, RecurringJob
from prospect_to_cash.clients.packages_zip import Package
from prospect_to_cash.errors import Misconfigured, P2CError, Unavailable

ID = "9d0b4f2c-0000-4000-8000-00000000000a"
BRACED = "{" + ID + "}"


@pytest.fixture
def job(finops):
    return RecurringJob(finops, ID)


def test_a_package_is_handed_in_as_it_is_and_the_message_id_comes_back(server, job):
    server.answer(f"/api/connector/enqueue/{BRACED}", (200, '"m-1"', {}))

    assert job.enqueue(b"PK...", "usmf", external_id="file-1") == "m-1"

    (seen,) = server.requests("/api/connector")
    assert (seen.method, seen.body) == ("POST", b"PK...")
    assert seen.query == {"company": "usmf"}
    assert "%7B" in seen.path
    assert seen.headers["x-ms-dyn-externalidentifier"] == "file-1"
    assert seen.headers["Authorization"].startswith("Bearer ")


def test_a_single_file_names_its_entity(server, job):
    server.answer(f"/api/connector/enqueue/{BRACED}", (200, '"m-1"', {}))

    job.enqueue(b"ID\r\n", "usmf", "Customers V3")

    assert server.requests("/api/connector")[0].query["entity"] == "Customers V3"


def test_a_hand_in_whose_answer_is_lost_is_not_repeated(server, job):
    server.answer(f"/api/connector/enqueue/{BRACED}", server.dropped)

    with pytest.raises(Unavailable):
        job.enqueue(b"PK...", "usmf")

    assert len(server.requests("/api/connector")) == 1


def test_an_empty_queue_is_no_message(server, job):
    server.answer(f"/api/connector/dequeue/{BRACED}", (204, "", {}))

    assert job.dequeue() is None


def test_a_message_is_acknowledged_with_exactly_what_the_queue_said(server, job):
    said = '{ "CorrelationId":"c-1",  "PopReceipt":"p", "DownloadLocation":"http://x/f" ,"More":1.50}'
    server.answer(f"/api/connector/dequeue/{BRACED}", (200, said, {}))
    server.answer(f"/api/connector/ack/{BRACED}", (200, "", {}))
    message = job.dequeue()

    job.acknowledge(message)

    assert (message.id, message.location) == ("c-1", "http://x/f")
    assert server.requests("/ack/")[0].body == said.encode()


def test_the_file_of_a_message_is_fetched_with_the_token(server, job):
    server.answer("/api/connector/download/1", (200, b"PK...", {}))
    held = io.BytesIO()

    job.download(Message("c-1", server.url + "/api/connector/download/1", b""), held)

    assert held.getvalue() == b"PK..."
    assert server.requests("/download/")[0].headers["Authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    "location", ["https://elsewhere.example/f", "", "http://user@127.0.0.1/f", "\\\\x/f"]
)
def test_the_token_goes_to_no_other_host(other_server, job, location):
    with pytest.raises(Misconfigured):
        job.download(Message("c-1", location, b""), io.BytesIO())
    with pytest.raises(Misconfigured):
        job.download(Message("c-1", other_server.url + "/f", b""), io.BytesIO())

    assert other_server.seen == []


@pytest.mark.parametrize("body", [b"<html>", b"5", b"", b'{"x":1}', b"\xff\xfe"])
def test_a_garbled_answer_of_the_queue_is_a_named_error(server, job, body):
    server.answer(f"/api/connector/enqueue/{BRACED}", (200, body, {}))
    server.answer(f"/api/connector/dequeue/{BRACED}", (200, body or b"[", {}))

    if body != b"\xff\xfe":
        with pytest.raises(P2CError):
            job.enqueue(b"PK", "usmf")
    if body != b'{"x":1}':
        with pytest.raises(P2CError):
            job.dequeue()


@pytest.fixture
def activities(sandbox, sandbox_finops):
    """Makes recurring jobs in the sandbox."""

    def make(**given):
        activity = str(uuid.uuid4())
        url = f"{sandbox['finops_url']}/_sandbox/packages/activities/{activity}"
        answer = requests.put(url, json=given, headers={"X-Sandbox-Admin": "admin"}, timeout=10)
        assert answer.ok, answer.text
        return RecurringJob(sandbox_finops, activity), url

    return make


def awaited(ask, wanted):
    ends = time.monotonic() + 20
    while not wanted(found := ask()):
        assert time.monotonic() < ends, found
        time.sleep(0.05)
    return found


def test_customers_go_in_by_the_queue_of_the_sandbox(activities, sandbox_finops):
    job, _ = activities(direction="Import", project="Recurring customers")
    number = f"Q-{uuid.uuid4().hex[:8]}"
    held = io.BytesIO()
    columns = ["CUSTOMERACCOUNT", "CUSTOMERGROUPID", "SALESCURRENCYCODE", "PARTYTYPE", "ORGANIZATIONNAME"]
    write_package(
        Content("g", "Customers V3", columns, [[number, "10", "USD", "Organization", "Queued"]]), held
    )

    message = job.enqueue(held.getvalue(), "usmf")

    awaited(lambda: job.status(message), lambda state: state == "Processed")
    key = {"dataAreaId": "usmf", "CustomerAccount": number}
    (row,) = sandbox_finops.lookup("CustomersV3", [key], ["CustomerAccount", "OrganizationName"])
    assert json.loads(row)["OrganizationName"] == "Queued"


def test_an_export_comes_out_of_the_queue_of_the_sandbox_until_it_is_acknowledged(activities):
    job, url = activities(direction="Export", project="Export Customer groups", company="usmf")
    assert job.dequeue() is None
    assert requests.post(f"{url}/run", headers={"X-Sandbox-Admin": "admin"}, timeout=10).ok

    message = awaited(job.dequeue, lambda found: found is not None)
    held = io.BytesIO()
    job.download(message, held)
    job.acknowledge(message)

    lines = list(Package(held).rows("Customer groups"))
    assert "CUSTOMERGROUPID" in lines[0]
    assert len(lines) > 1
    with pytest.raises(P2CError):
        job.acknowledge(message)
