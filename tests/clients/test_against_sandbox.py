"""Both clients against the local stand-ins of both systems."""

import json
import uuid
from datetime import UTC, datetime

import pytest
import requests

from prospect_to_cash.clients import Credentials, DataverseClient, FinOpsClient, Operation
from prospect_to_cash.errors import Misconfigured, P2CError


def read(client, *arguments):
    pages = list(client.pages(*arguments))
    return pages, [json.loads(row) for page in pages for row in page.rows]


def account(**fields):
    return json.dumps(fields).encode()


def test_both_systems_name_their_environment(sandbox, sandbox_sales, sandbox_finops):
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


def test_a_wrong_secret_and_an_unknown_application_have_their_own_messages(sandbox):
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


def bodies(count, start=0, **more):
    return [
        Operation(
            "PATCH", "accounts", str(uuid.uuid5(uuid.NAMESPACE_URL, f"bulk {start + n}")),
            json.dumps({"name": f"Bulk {n}", **more}).encode(),
        )
        for n in range(count)
    ]  # fmt: skip


def requests_of(sandbox):
    """Paths of the writes that the Sales stand-in was asked for, newest last; then it forgets them."""
    url, admin = sandbox["sales_url"] + "/_sandbox/requests", {"X-Sandbox-Admin": "admin"}
    listed = requests.get(url, headers=admin, timeout=10).json()["requests"]
    requests.delete(url, headers=admin, timeout=10)
    return [
        request["path"].rpartition("/")[2]
        for request in listed
        if request["method"] == "POST" and "oauth" not in request["path"]
    ]


def test_bulk_upserts_create_and_change_by_primary_key(sandbox, sandbox_sales):
    requests_of(sandbox)
    first = sandbox_sales.write(bodies(300), 60, in_bulk=True)
    second = sandbox_sales.write(bodies(300, telephone1="5"), 60, in_bulk=True)

    assert {answer.kind for answer in first + second} == {"done"}
    assert {answer.entity_id for answer in first} == {op.key for op in bodies(300)}
    assert requests_of(sandbox) == ["Microsoft.Dynamics.CRM.UpsertMultiple"] * 2
    keys = [{"accountid": uuid.UUID(op.key)} for op in bodies(300)]
    rows = [json.loads(row) for row in sandbox_sales.lookup("accounts", keys, ["name", "telephone1"])]
    assert len(rows) == 300
    assert {row["telephone1"] for row in rows} == {"5"}


def test_a_bad_row_of_a_bulk_action_is_found_and_all_others_are_kept(sandbox, sandbox_sales):
    operations = bodies(300, start=1000)
    operations[123] = Operation(
        "PATCH", "accounts", operations[123].key, b'{"name":"x","customertypecode":987654}'
    )
    operations[124] = Operation("PATCH", "accounts", operations[124].key, b'{"name":"x","nosuchcolumn":1}')
    found = sandbox_sales.write(operations, 60, in_bulk=True)

    assert [n for n, answer in enumerate(found) if answer.kind != "done"] == [123, 124]
    assert [found[n].kind for n in (123, 124)] == ["rejected"] * 2
    assert all(found[n].sentence for n in (123, 124))
    keys = [{"accountid": uuid.UUID(op.key)} for op in operations]
    assert len(list(sandbox_sales.lookup("accounts", keys, ["name"]))) == 298


def test_bulk_updates_touch_only_what_exists(sandbox, sandbox_sales):
    sandbox_sales.write(bodies(3, start=2000), 60, in_bulk=True)
    requests_of(sandbox)
    changes = [
        Operation("PATCH", "accounts", op.key, b'{"telephone1":"7"}', if_match="*")
        for op in bodies(4, start=2000)
    ]
    done = sandbox_sales.write(changes[:3], 60, in_bulk=True)
    found = sandbox_sales.write(changes, 60, in_bulk=True)

    assert [answer.kind for answer in done + found] == ["done"] * 6 + ["missing"]
    assert requests_of(sandbox) == ["Microsoft.Dynamics.CRM.UpdateMultiple"] * 2 + ["$batch"]


def test_bulk_creates_return_their_ids(sandbox, sandbox_sales):
    requests_of(sandbox)
    posts = [Operation("POST", "accounts", None, b'{"name":"Post %d"}' % n) for n in range(3)]
    found = sandbox_sales.write(posts, 60, in_bulk=True)

    assert requests_of(sandbox) == ["Microsoft.Dynamics.CRM.CreateMultiple"]
    keys = [{"accountid": uuid.UUID(answer.entity_id)} for answer in found]
    names = [json.loads(row)["name"] for row in sandbox_sales.lookup("accounts", keys, ["name"])]
    assert sorted(names) == ["Post 0", "Post 1", "Post 2"]


def test_a_table_without_bulk_actions_is_written_by_batch(sandbox, sandbox_sales):
    requests_of(sandbox)
    keys = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"team {n}")) for n in range(2)]
    found = sandbox_sales.write(
        [Operation("PATCH", "teams", key, b'{"name":"T"}') for key in keys], 60, in_bulk=True
    )

    assert requests_of(sandbox) == ["$batch"]
    assert len(found) == 2


def test_change_tracking_brings_changes_and_deletions(sandbox_sales):
    operations = bodies(5, start=3000)
    sandbox_sales.write(operations, 60)
    *_, last = sandbox_sales.pages("accounts", ["name"], track=True, page_size=50)
    sandbox_sales.write([Operation("PATCH", "accounts", operations[0].key, b'{"name":"changed"}')], 60)
    sandbox_sales.write([Operation("DELETE", "accounts", op.key) for op in operations[1:]], 60)
    pages = list(sandbox_sales.follow(last.delta_link, "accounts", page_size=2))

    rows = [json.loads(row) for page in pages for row in page.rows]
    assert [(row["accountid"], row["name"]) for row in rows] == [(operations[0].key, "changed")]
    assert sorted(key for page in pages for key in page.deleted) == sorted(op.key for op in operations[1:])
    assert [page.delta_link is not None for page in pages] == [False] * (len(pages) - 1) + [True]
    assert len(pages) > 1


@pytest.mark.slow
def test_both_reach_their_system_over_https_when_its_authority_is_known_and_not_otherwise(
    d365_sandbox_factory, monkeypatch
):
    secured = d365_sandbox_factory(environment={"SANDBOX_TLS": "1"})
    for kind, url in (
        (DataverseClient, secured.card["sales_url"]),
        (FinOpsClient, secured.card["finops_url"]),
    ):
        credentials = Credentials(secured.card["tenant_id"], "sandbox", "sandbox-secret", authority=url)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", secured.card["ca_file"])
        with kind(url, credentials) as client:
            assert url.startswith("https://")
            assert "Connected to" in client.check()
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with kind(url, credentials) as client, pytest.raises(P2CError, match="certificate"):
            client.check()
