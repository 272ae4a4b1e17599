"""Bulk actions of Dataverse: one request for many rows, and an answer for each row."""

import json
import re

import pytest

from prospect_to_cash.clients import Operation

API = "/api/data/v9.2/"
BATCH = API + "$batch"
UPSERT = API + "accounts/Microsoft.Dynamics.CRM.UpsertMultiple"
UPDATE = API + "accounts/Microsoft.Dynamics.CRM.UpdateMultiple"
CREATE = API + "accounts/Microsoft.Dynamics.CRM.CreateMultiple"


def guid(n):
    return f"00000000-0000-0000-0000-{n:012x}"


def patches(count, **more):
    return [Operation("PATCH", "accounts", guid(n), b'{"n":%d}' % n, **more) for n in range(count)]


def kinds(found):
    return [answer.kind for answer in found]


def sent(server, path):
    return [seen for seen in server.requests() if seen.path == path]


def targets(seen):
    return json.loads(seen.body)["Targets"]


@pytest.fixture(autouse=True)
def offered(server):
    """An organisation that offers the three bulk actions for accounts."""
    table = {"LogicalName": "account", "PrimaryIdAttribute": "accountid"}
    server.answer(API + "EntityDefinitions", (200, {"value": [table]}, {}))
    server.answer(API + "sdkmessagefilters", (200, {"value": [{"primaryobjecttypecode": "account"}]}, {}))


def part(n, refused=()):
    if n in refused:
        return f'HTTP/1.1 400 X\r\n\r\n{{"error":{{"code":"0x80044331","message":"Too long {n}"}}}}'
    return "HTTP/1.1 204 X\r\n\r\n"


def batch_of(server, refused=()):
    """Answers each part of a batch, as continue-on-error does."""

    def answer(handler):
        numbers = [int(n) for n in re.findall(rb'{"n":(\d+)}', server.seen[-1].body)]
        body = "".join(
            f"--b\r\nContent-Type: application/http\r\n\r\n{part(n, refused)}\r\n" for n in numbers
        )
        return 200, body + "--b--", {"Content-Type": "multipart/mixed; boundary=b"}

    return answer


def all_or_nothing(server, refused):
    def answer(handler):
        if any(target["n"] in refused for target in targets(server.seen[-1])):
            return 400, {"error": {"code": "0x80044331", "message": "Too long"}}, {}
        return 204, "", {"x-ms-service-request-id": f"bulk-{len(server.seen)}"}

    return answer


def test_upserts_by_primary_key_go_as_one_action_that_addresses_each_row(server, sales):
    server.answer(UPSERT, (204, "", {"x-ms-service-request-id": "r-1"}))
    found = sales.write(patches(3), 10, in_bulk=True)

    assert kinds(found) == ["done"] * 3
    assert [(a.created, a.entity_id, a.request_id) for a in found] == [
        (None, guid(n), "r-1") for n in range(3)
    ]
    assert targets(sent(server, UPSERT)[0]) == [
        {"@odata.type": "Microsoft.Dynamics.CRM.account", "@odata.id": f"accounts({guid(n)})", "n": n}
        for n in range(3)
    ]
    assert sent(server, BATCH) == []


def test_what_only_updates_goes_as_update_with_its_primary_key(server, sales):
    server.answer(UPDATE, (204, "", {}))
    found = sales.write(patches(2, if_match="*"), 10, in_bulk=True)

    assert [(a.kind, a.created) for a in found] == [("done", False)] * 2
    assert targets(sent(server, UPDATE)[0])[1]["accountid"] == guid(1)


def test_creates_return_their_ids_in_order(server, sales):
    server.answer(CREATE, (200, {"Ids": [guid(8).upper(), guid(9)]}, {}))
    posts = [Operation("POST", "accounts", None, b'{"n":%d}' % n) for n in range(2)]
    found = sales.write(posts, 10, in_bulk=True)

    assert [(a.kind, a.created, a.entity_id) for a in found] == [
        ("done", True, guid(8)),
        ("done", True, guid(9)),
    ]
    assert set(targets(sent(server, CREATE)[0])[0]) == {"@odata.type", "n"}


def test_an_alternate_key_is_named_in_the_id(server, sales):
    server.answer(UPSERT, (204, "", {}))
    operations = [
        Operation("PATCH", "accounts", {"accountnumber": text}, b"{}") for text in ("A-1", "O'Neil & Co")
    ]
    assert kinds(sales.write(operations, 10, in_bulk=True)) == ["done", "done"]
    assert [target["@odata.id"] for target in targets(sent(server, UPSERT)[0])] == [
        "accounts(accountnumber='A-1')",
        "accounts(accountnumber='O''Neil%20%26%20Co')",
    ]


def test_an_etag_goes_by_batch_as_bulk_actions_cannot_carry_one(server, sales):
    server.answer(BATCH, batch_of(server))
    found = sales.write(patches(2, if_match='W/"7"'), 10, in_bulk=True)

    assert kinds(found) == ["done", "done"]
    assert sent(server, BATCH)[0].body.count(b'If-Match: W/"7"') == 2
    assert sent(server, UPSERT) == sent(server, UPDATE) == []


def test_a_refused_action_is_halved_and_replayed_until_the_bad_row_stands_alone(server, sales):
    server.answer(UPSERT, all_or_nothing(server, {333}))
    server.answer(BATCH, batch_of(server, {333}))
    found = sales.write(patches(1000), 60, in_bulk=True)

    assert [n for n, answer in enumerate(found) if answer.kind != "done"] == [333]
    assert (found[333].kind, found[333].code, found[333].sentence) == (
        "rejected",
        "0x80044331",
        "Too long 333.",
    )
    sizes = [len(targets(seen)) for seen in sent(server, UPSERT)]
    assert sizes == [1000, 500, 250, 250, 125, 62, 63, 125, 500]
    assert len(sent(server, BATCH)) == 1


def test_a_small_refused_action_is_replayed_as_one_batch(server, sales):
    server.answer(UPSERT, all_or_nothing(server, {1, 3}))
    server.answer(BATCH, batch_of(server, {1, 3}))
    found = sales.write(patches(5), 10, in_bulk=True)

    assert kinds(found) == ["done", "rejected", "done", "rejected", "done"]
    assert (len(sent(server, UPSERT)), len(sent(server, BATCH))) == (1, 1)


@pytest.mark.parametrize("fault", ["dropped", (503, "<html>", {}), (504, "", {}), (200, "<html>", {})])
def test_an_upsert_whose_answer_is_lost_is_sent_again(server, sales, fault):
    server.answer(UPSERT, server.dropped if fault == "dropped" else fault, (204, "", {}))

    assert kinds(sales.write(patches(2), 10, in_bulk=True)) == ["done", "done"]
    assert len(sent(server, UPSERT)) == 2


def test_a_create_whose_answer_is_lost_is_left_in_doubt(server, sales):
    server.answer(CREATE, server.dropped, (200, {"Ids": []}, {}))
    posts = [Operation("POST", "accounts", None, b"{}")] * 2

    assert kinds(sales.write(posts, 10, in_bulk=True)) == ["unknown", "unknown"]
    assert len(sent(server, CREATE)) == 1


def test_a_fault_of_the_server_that_one_row_may_cause_is_asked_row_by_row(server, sales):
    server.answer(UPSERT, (500, {"error": {"code": "0x80040216", "message": "Plug-in"}}, {}))
    server.answer(BATCH, batch_of(server, {1}))

    assert kinds(sales.write(patches(3), 10, in_bulk=True)) == ["done", "rejected", "done"]


def test_a_throttled_action_waits_and_goes_again(server, sales):
    server.answer(UPSERT, (429, "{}", {"Retry-After": "1"}), (204, "", {}))

    assert kinds(sales.write(patches(2), 10, in_bulk=True)) == ["done", "done"]
    first, second = sent(server, UPSERT)
    assert second.at - first.at >= 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"error": {"code": "0x8006088a", "message": "Resource not found for the segment"}}),
        (405, {"error": {"code": "", "message": "Not allowed"}}),
        (501, {"error": {"code": "", "message": "Not implemented"}}),
    ],
)
def test_an_action_that_does_not_exist_is_not_requested_again(server, sales, status, body):
    server.answer(UPSERT, (status, body, {}))
    server.answer(BATCH, batch_of(server))
    for _ in range(2):
        assert kinds(sales.write(patches(200), 10, in_bulk=True)) == ["done"] * 200
    assert (len(sent(server, UPSERT)), len(sent(server, BATCH))) == (1, 2)


def test_a_missing_record_that_a_row_refers_to_is_that_rows_refusal(server, sales):
    server.answer(UPSERT, (404, {"error": {"code": "0x80040217", "message": "Does Not Exist"}}, {}))
    server.answer(BATCH, batch_of(server, {0}))
    for _ in range(2):
        assert kinds(sales.write(patches(2), 10, in_bulk=True)) == ["rejected", "done"]
    assert len(sent(server, UPSERT)) == 2


@pytest.mark.parametrize("answer", [(404, "", {}), (403, {"error": {"code": "", "message": "No"}}, {}), (200, "<p>", {}),
                                    (200, {"value": []}, {}), (200, {"value": [7]}, {}), (500, "", {})])  # fmt: skip
@pytest.mark.parametrize("question", ["EntityDefinitions", "sdkmessagefilters"])
def test_without_a_sign_that_bulk_actions_exist_everything_goes_by_batch(server, sales, question, answer):
    server.answer(API + question, answer)
    server.answer(BATCH, batch_of(server))

    for _ in range(2):
        assert kinds(sales.write(patches(2), 10, in_bulk=True)) == ["done", "done"]
    assert (len(sent(server, UPSERT)), len(sent(server, BATCH))) == (0, 2)
    assert len(server.requests(question)) == 1


def test_what_is_offered_is_asked_once_for_each_action(server, sales):
    server.answer(UPSERT, (204, "", {}))
    for _ in range(3):
        sales.write(patches(2), 10, in_bulk=True)

    assert len(server.requests("EntityDefinitions")) == len(server.requests("sdkmessagefilters")) == 1
    asked = server.requests("sdkmessagefilters")[0].query["$filter"]
    assert asked == "primaryobjecttypecode eq 'account' and sdkmessageid/name eq 'UpsertMultiple'"


def test_two_writes_of_one_record_go_in_two_actions_in_their_order(server, sales):
    server.answer(UPSERT, (204, "", {}))
    server.answer(API + f"accounts({guid(0)})", (204, "", {}))
    twice = [*patches(2), Operation("PATCH", "accounts", guid(0), b'{"n":9}')]

    assert kinds(sales.write(twice, 10, in_bulk=True)) == ["done"] * 3
    assert json.loads(server.requests()[-1].body) == {"n": 9}


def test_without_asking_for_bulk_nothing_changes(server, sales):
    server.answer(BATCH, batch_of(server))
    assert kinds(sales.write(patches(2), 10)) == ["done", "done"]
    assert [seen.path for seen in server.requests()] == [BATCH]
