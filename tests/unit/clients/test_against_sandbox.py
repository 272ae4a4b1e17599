"""Both clients against the local stand-ins of both systems."""

import json
import uuid
from datetime import UTC, datetime

import pytest
import requests

from prospect_to_cash.clients import Credentials, DataverseClient, Operation
from prospect_to_cash.errors import Misconfigured


def read(client, *arguments):
    pages = list(client.pages(*arguments))
    return pages, [json.loads(row) for page in pages for row in page.rows]


def account(**fields):
    return json.dumps(fields).encode()


def test_both_say_who_they_are(sandbox, sandbox_sales, sandbox_finops):
    organisation = sandbox_sales.identity()["env_id"]
    assert uuid.UUID(organisation)
    assert organisation in sandbox_sales.check()
    host = sandbox["finops_url"].partition("//")[2]
    assert sandbox_finops.identity() == {"env_id": host, "host": host, "companies": ["usmf"]}
    for client in (sandbox_sales, sandbox_finops):
        assert abs((client.now() - datetime.now(UTC)).total_seconds()) < 5


def test_sales_pages_hold_every_record_once(sandbox, sandbox_sales):
    pages, rows = read(sandbox_sales, "accounts", ["accountid", "name"], None, ["accountid"], 25)
    ids = [row["accountid"] for row in rows]
    assert len(pages) >= 3
    assert max(len(page.rows) for page in pages) == 25
    assert len(set(ids)) == len(ids) >= 60
    assert ids == sorted(ids)


def test_finops_pages_hold_every_record_of_the_company_once(sandbox_finops):
    key = ["dataAreaId", "ProductNumber"]
    pages, rows = read(sandbox_finops, "SellableReleasedProducts", key, None, key, 10)
    assert len(pages) >= 3
    assert {row["dataAreaId"].lower() for row in rows} == {"usmf"}
    assert len({row["ProductNumber"] for row in rows}) == len(rows) >= 20


def test_a_window_over_time_is_filtered_by_the_system(sandbox_sales):
    future = sandbox_sales.literal(datetime(2100, 1, 1, tzinfo=UTC))
    _, none = read(sandbox_sales, "accounts", ["accountid"], f"modifiedon ge {future}", ["accountid"])
    _, some = read(sandbox_sales, "accounts", ["accountid"], f"modifiedon lt {future}", ["accountid"])
    assert (len(none), len(some) >= 60) == (0, True)


def test_sales_answers_each_operation_of_a_batch(sandbox_sales):
    new, absent = str(uuid.uuid4()), str(uuid.uuid4())
    name = f"O'Neil & Søn {new}"
    first = sandbox_sales.write([Operation("PATCH", "accounts", new, account(name=name))], 30)
    assert [(answer.kind, answer.entity_id) for answer in first] == [("done", new)]
    found = [json.loads(row) for row in sandbox_sales.lookup("accounts", [{"name": name}], ["accountid"])]
    assert [row["accountid"] for row in found] == [new]
    operations = [
        Operation("PATCH", "accounts", new, account(name=name), if_match=found[0]["@odata.etag"]),
        Operation("PATCH", "accounts", new, account(name="x"), if_match='W/"1"'),
        Operation("PATCH", "accounts", new, account(name="x"), create_only=True),
        Operation("PATCH", "accounts", absent, account(name="x"), if_match="*"),
        Operation("PATCH", "accounts", new, account(name="x" * 161)),
        Operation("POST", "accounts", None, account(name=name)),
        Operation("DELETE", "accounts", new),
    ]
    answers = sandbox_sales.write(operations, 30)
    kinds = ["done", "stale", "exists", "missing", "rejected", "done", "done"]
    assert [answer.kind for answer in answers] == kinds
    assert "maximum allowed length" in answers[4].sentence
    again = [sandbox_sales.write([operation], 30)[0].kind for operation in operations[1:5]]
    assert again == ["missing", "done", "missing", "rejected"]  # it has been deleted meanwhile


def test_finops_answers_each_operation_of_a_batch(sandbox_finops):
    key = {"dataAreaId": "usmf", "CustomerAccount": f"A/'{uuid.uuid4().hex[:6]}"}
    body = {
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "PartyType": "Organization",
        "OrganizationName": "A",
    }
    create = Operation("POST", "CustomersV3", key, account(**key, **body))
    operations = [
        create,
        create,
        Operation("PATCH", "CustomersV3", key, account(OrganizationName="B")),
        Operation(
            "PATCH", "CustomersV3", {**key, "CustomerAccount": "absent"}, account(OrganizationName="B")
        ),
        Operation(
            "POST",
            "CustomersV3",
            None,
            account(**{**key, **body, "CustomerAccount": "", "CustomerGroupId": "no"}),
        ),
    ]
    answers = sandbox_finops.write(operations, 30)
    assert [answer.kind for answer in answers] == ["done", "exists", "done", "missing", "rejected"]
    assert json.loads(answers[0].row)["CustomerAccount"] == key["CustomerAccount"]
    assert "Customer groups" in answers[4].sentence
    assert "Infolog" not in answers[4].sentence
    single = [sandbox_finops.write([operation], 30)[0].kind for operation in operations[1:]]
    assert single == ["exists", "done", "missing", "rejected"]
    found = [json.loads(row) for row in sandbox_finops.lookup("CustomersV3", [key], ["OrganizationName"])]
    assert [row["OrganizationName"] for row in found] == ["B"]


def test_a_wrong_secret_and_an_unknown_application_are_told_apart(sandbox):
    url = sandbox["sales_url"]
    for client_id, secret, remedy in (
        ("sandbox", "no", "secret is wrong"),
        ("no", "no", "know the application"),
    ):
        credentials = Credentials(sandbox["tenant_id"], client_id, secret, authority=url)
        with DataverseClient(url, credentials) as client, pytest.raises(Misconfigured, match=remedy):
            client.check()


def test_a_token_for_one_environment_is_refused_by_the_other(sandbox, sandbox_finops):
    with DataverseClient(sandbox["sales_url"], Credentials()) as client:
        client.tokens = sandbox_finops.tokens
        with pytest.raises(Misconfigured, match="does not accept the token"):
            client.check()


def test_a_read_sends_what_it_should(sandbox, sandbox_finops):
    admin = {"X-Sandbox-Admin": "admin"}
    log = f"{sandbox['finops_url']}/_sandbox/requests"
    requests.delete(log, headers=admin, timeout=10)
    read(sandbox_finops, "CustomerGroups", ["CustomerGroupId"], None, ["dataAreaId", "CustomerGroupId"])
    [asked] = [
        one
        for one in requests.get(log, headers=admin, timeout=10).json()["requests"]
        if one["method"] == "GET"
    ]
    assert "cross-company=true" in asked["query"]
    assert "$orderby=dataAreaId,CustomerGroupId" in asked["query"]
