"""Writing to Dataverse, one operation at a time."""

import pytest

from prospect_to_cash.clients import Operation
from prospect_to_cash.errors import Misconfigured, Throttled, Unavailable

GUID = "6f2c0000-0000-0000-0000-00000000000a"
OTHER = "6f2c0000-0000-0000-0000-00000000000b"
ACCOUNT = f"/api/data/v9.2/accounts({GUID})"
PLACE = {"OData-EntityId": f"https://org.crm4.dynamics.com/api/data/v9.2/accounts({GUID.upper()})"}


def patch(**more):
    return Operation("PATCH", "accounts", GUID, b'{"name":"A"}', **more)


def error(status, code, message="Why"):
    return status, {"error": {"code": code, "message": message}}, {}


def write(client, *operations, deadline=10):
    answers = client.write(list(operations), deadline)
    assert len(answers) == len(operations)
    return answers[0] if len(answers) == 1 else answers


def test_identity_is_the_organisation(server, sales):
    who = {"OrganizationId": OTHER.upper(), "UserId": GUID, "BusinessUnitId": GUID}
    server.answer("/api/data/v9.2/WhoAmI", (200, who, {}))
    assert sales.identity() == {"env_id": OTHER, "organization_id": OTHER}
    assert OTHER.upper() in sales.check()


def test_the_empty_value_is_null(sales):
    assert sales.EMPTY is None
    assert sales.literal(None) == "null"


def test_a_patch_is_an_upsert_with_unknown_effect(server, sales):
    server.answer(ACCOUNT, (204, "", {**PLACE, "x-ms-service-request-id": "r"}))
    answer = write(sales, patch())
    assert (answer.kind, answer.created, answer.entity_id, answer.request_id) == ("done", None, GUID, "r")
    sent = server.requests()[0]
    assert (sent.method, sent.body) == ("PATCH", b'{"name":"A"}')
    assert sent.headers["Content-Type"] == "application/json"
    assert "If-Match" not in sent.headers
    assert "If-None-Match" not in sent.headers


def test_conditions_say_what_a_patch_may_do(server, sales):
    server.answer(ACCOUNT, (204, "", {}))
    assert write(sales, patch(if_match="*")).created is False
    assert write(sales, patch(create_only=True)).created is True
    assert write(sales, patch(if_match='W/"7"')).kind == "done"
    headers = [seen.headers for seen in server.requests()]
    assert headers[0]["If-Match"] == "*"
    assert headers[1]["If-None-Match"] == "*"
    assert headers[2]["If-Match"] == 'W/"7"'


@pytest.mark.parametrize(
    ("operation", "reply", "kind"),
    [
        (
            patch(if_match="*"),
            error(404, "0x80040217", f"Entity 'account' With Id = {GUID} Does Not Exist"),
            "missing",
        ),
        (patch(if_match="*"), (404, "", {}), "missing"),
        (patch(if_match="*"), error(412, ""), "missing"),
        (patch(), error(404, "0x80040217", f"Entity 'product' With Id = {OTHER} Does Not Exist"), "rejected"),
        (patch(), error(404, "0x80060888", "Resource not found for the segment 'accountz'."), "rejected"),
        (patch(if_match='W/"1"'), error(412, "0x80060882"), "stale"),
        (patch(create_only=True), error(412, "0x80040237"), "exists"),
        (patch(create_only=True), error(412, ""), "exists"),
        (patch(), error(412, "0x80060892"), "exists"),
        (patch(), error(400, "0x80043B08"), "exists"),
        (patch(), error(400, "0x80044331", "A validation error occurred."), "rejected"),
        (patch(), error(403, "0x80040220"), "rejected"),
        (
            patch(create_only=True),
            error(500, "0x80044150", "Generic SQL error: 1205 deadlock victim"),
            "not_run",
        ),
        (patch(create_only=True), error(500, "0x80040216"), "unknown"),
        (patch(create_only=True), (503, "<html>", {}), "unknown"),
        (patch(create_only=True), (200, "<html>", {"Content-Type": "text/html"}), "unknown"),
    ],
)
def test_an_answer_is_named_by_what_the_caller_does_next(server, sales, operation, reply, kind):
    server.answer(ACCOUNT, reply)
    answer = write(sales, operation)
    assert answer.kind == kind
    assert answer.sentence


@pytest.mark.parametrize(
    "fault", ["dropped", (503, "", {}), (429, "{}", {"Retry-After": "0"}), (504, "<html>", {})]
)
def test_a_write_by_key_is_sent_again(server, sales, fault):
    server.answer(ACCOUNT, server.dropped if fault == "dropped" else fault, (204, "", {}))
    assert write(sales, patch()).kind == "done"
    assert len(server.requests()) == 2


def test_a_write_by_key_that_never_comes_back_is_unknown(server, sales):
    server.answer(ACCOUNT, server.dropped)
    answer = write(sales, patch())
    assert answer.kind == "unknown"
    assert "broke" in answer.sentence
    assert len(server.requests()) == 3


def test_not_run_at_the_second_attempt_does_not_hide_unknown_at_the_first(server, sales):
    server.answer(ACCOUNT, server.dropped, (429, "{}", {"Retry-After": "0"}))
    assert write(sales, patch()).kind == "unknown"


@pytest.mark.parametrize("condition", [{"create_only": True}, {"if_match": 'W/"1"'}])
def test_a_conditional_write_whose_answer_is_lost_is_not_sent_again(server, sales, condition):
    server.answer(ACCOUNT, server.dropped, (204, "", {}))
    assert write(sales, patch(**condition)).kind == "unknown"
    assert len(server.requests()) == 1


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("dropped", "unknown"),
        ("cut", "unknown"),
        ((502, "", {}), "unknown"),
        ((504, "<html>", {}), "unknown"),
        ((500, "{}", {}), "unknown"),
        ((429, "{}", {"Retry-After": "0"}), "not_run"),
    ],
)
def test_a_post_is_never_repeated(server, sales, reply, kind):
    made = {"dropped": server.dropped, "cut": server.cut(b"{", 99)}
    server.answer(
        "/api/data/v9.2/accounts",
        made.get(reply, reply) if isinstance(reply, str) else reply,
        (204, "", PLACE),
    )
    assert write(sales, Operation("POST", "accounts", None, b"{}")).kind == kind
    assert len(server.requests()) == 1


def test_a_post_that_was_refused_for_its_token_goes_once_more(server, sales):
    server.answer("/api/data/v9.2/accounts", (401, "", {}), (204, "", PLACE))
    answer = write(sales, Operation("POST", "accounts", None, b"{}"))
    assert (answer.kind, answer.created, answer.entity_id) == ("done", True, GUID)


def test_nothing_sent_is_an_error_and_not_an_answer(server, sales, credentials):
    from prospect_to_cash.clients import DataverseClient

    gone = DataverseClient("http://127.0.0.1:1", credentials, retry=sales.retry)
    with pytest.raises(Unavailable, match="cannot be reached"):
        gone.write([patch(), patch()], 10)
    sales.clock.hold(60)
    with pytest.raises(Throttled):
        sales.write([patch()], 1)
    assert server.requests() == []


def test_a_refused_token_is_an_error_and_not_an_answer(server, sales):
    server.answer(ACCOUNT, (401, "", {}))
    with pytest.raises(Misconfigured):
        sales.write([patch()], 10)


def test_a_delete_needs_no_body(server, sales):
    server.answer(ACCOUNT, (204, "", {}))
    answer = write(sales, Operation("DELETE", "accounts", GUID))
    assert (answer.kind, answer.created) == ("done", False)


def test_no_operations_are_no_requests(server, sales):
    assert sales.write([], 10) == []
    assert server.seen == []


@pytest.mark.parametrize(
    "parts",
    [
        ("PUT", "accounts", GUID, b"{}"),
        ("PATCH", "accounts", None, b"{}"),
        ("PATCH", "accounts", GUID, None),
        ("PATCH", "accounts", GUID, b"{}", "*\r\nX: y"),
        ("PATCH", "accounts", GUID, b"{}", "*", True),
    ],
)
def test_an_operation_that_cannot_be_sent_is_refused(parts):
    with pytest.raises(ValueError, match="accounts"):
        Operation(*parts)
