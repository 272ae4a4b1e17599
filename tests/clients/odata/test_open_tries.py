"""Whether an earlier try of the same call may have been executed, whatever the last try was answered."""

import json
import re

import pytest

from prospect_to_cash.clients import Answer, Operation
from prospect_to_cash.clients.odata.operations import Kind

API = "/api/data/v9.2/"
BATCH = API + "$batch"
UPSERT = API + "accounts/Microsoft.Dynamics.CRM.UpsertMultiple"
CREATE = API + "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
CUSTOMER = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='1')"


def guid(n):
    return f"00000000-0000-0000-0000-{n:012x}"


def record(n):
    return f"{API}accounts({guid(n)})"


def patches(count, **more):
    return [Operation("PATCH", "accounts", guid(n), b'{"n":%d}' % n, **more) for n in range(count)]


def posts(count):
    return [Operation("POST", "accounts", None, b'{"n":%d}' % n) for n in range(count)]


def refusal(status, code="0x80044331", text="No"):
    return status, {"error": {"code": code, "message": text}}, {}


def batch(*statuses, complete=True):
    body = "".join(f"--b\r\n\r\nHTTP/1.1 {status} X\r\n\r\n{{}}\r\n" for status in statuses)
    return 200, body + ("--b--" if complete else ""), {"Content-Type": "multipart/mixed; boundary=b"}


def found(answers):
    return [(answer.kind, answer.open_try) for answer in answers]


GONE = refusal(404, "0x80040217", "account does not exist")
MAYBE = {
    "no answer": "dropped",
    "408": (408, "<html>", {}),
    "502": (502, "<html>", {}),
    "503": (503, "<html>", {}),
    "503 with a wait": (503, "", {"Retry-After": "0"}),
    "504": refusal(504),
    "an unexplained 500": (500, "", {}),
    "a 500 of the service": refusal(500, "0x80040216"),
    "a 520": (520, "<html>", {}),
    "a page": (200, "<html>", {"Content-Type": "text/html"}),
}
PROOF = {
    "429": (429, "", {"Retry-After": "0"}),
    "401": (401, "", {}),
    "a deadlock": refusal(500, "0x80044150", "Sql error 1205"),
}
LAST = {
    "done": (204, "", {}),
    "rejected": refusal(400),
    "missing": GONE,
    "exists": refusal(400, "0x80040237"),
}


def turn(server, answer):
    return server.dropped if answer == "dropped" else answer


@pytest.mark.parametrize("kind", LAST)
@pytest.mark.parametrize("first", MAYBE)
def test_a_try_that_may_have_been_executed_shows_beside_every_later_answer(server, sales, first, kind):
    server.answer(record(0), turn(server, MAYBE[first]), LAST[kind])
    assert found(sales.write(patches(1), 10)) == [(kind, True)]


@pytest.mark.parametrize("kind", LAST)
@pytest.mark.parametrize("first", PROOF)
def test_a_try_that_was_refused_unexecuted_leaves_nothing_open(server, sales, first, kind):
    server.answer(record(0), PROOF[first], LAST[kind])
    assert found(sales.write(patches(1), 10)) == [(kind, False)]


@pytest.mark.parametrize("kind", LAST)
def test_a_single_try_leaves_nothing_open(server, sales, kind):
    server.answer(record(0), LAST[kind])
    assert found(sales.write(patches(1), 10)) == [(kind, False)]


def test_an_unknown_answer_is_open_by_itself():
    assert Answer("unknown").open_try
    kinds: tuple[Kind, ...] = ("done", "rejected", "exists", "missing", "stale", "not_run")
    assert not any(Answer(kind).open_try for kind in kinds)


@pytest.mark.parametrize("first", MAYBE)
def test_what_was_not_run_later_stays_unknown_after_an_open_try(server, sales, first):
    server.answer(record(0), turn(server, MAYBE[first]), (429, "", {"Retry-After": "0"}))
    assert found(sales.write(patches(1), 10)) == [("unknown", True)]


@pytest.mark.parametrize("first", MAYBE)
def test_a_post_is_never_sent_again_after_an_open_try(server, sales, first):
    server.answer(API + "accounts", turn(server, MAYBE[first]), (204, "", {}))
    server.answer(BATCH, turn(server, MAYBE[first]), batch(204, 204))
    assert found(sales.write(posts(1), 10)) == [("unknown", True)]
    assert found(sales.write(posts(2), 10)) == [("unknown", True)] * 2
    assert len(server.requests()) == 2


@pytest.mark.parametrize("first", [key for key in MAYBE if key != "a page"])
def test_a_deletion_executed_twice_is_missing_and_open(server, finops, first):
    key = {"dataAreaId": "usmf", "CustomerAccount": "1"}
    server.answer(CUSTOMER, turn(server, MAYBE[first]), (404, "", {}))
    assert found(finops.write([Operation("DELETE", "CustomersV3", key)], 10)) == [("missing", True)]


@pytest.mark.parametrize("first", MAYBE)
def test_a_batch_that_may_have_run_shows_in_each_of_its_parts(server, sales, first):
    server.answer(BATCH, turn(server, MAYBE[first]), batch(204, 400))
    assert found(sales.write(patches(2), 10)) == [("done", True), ("rejected", True)]


def test_only_the_parts_that_may_have_run_are_open(server, sales):
    server.answer(BATCH, batch(204, 503, 429), batch(204, 204))
    assert found(sales.write(patches(3), 10)) == [("done", False), ("done", True), ("done", False)]


def test_a_batch_cut_in_its_answer_leaves_the_unanswered_parts_open(server, sales):
    server.answer(BATCH, batch(204, 204, complete=False), batch(204, 204))
    assert found(sales.write(patches(3), 10)) == [("done", False), ("done", True), ("done", True)]


def test_a_part_missing_from_a_batch_in_which_nothing_failed_is_open(server, sales):
    server.answer(BATCH, batch(204), batch(204))
    server.answer(record(1), (204, "", {}))
    assert found(sales.write(patches(2), 10)) == [("done", False), ("done", True)]
    assert found(sales.write(posts(2), 10)) == [("done", False), ("unknown", True)]


def test_a_part_that_lacks_before_a_failure_is_open(server, sales):
    failed = "--b\r\nContent-ID: 2\r\n\r\nHTTP/1.1 400 X\r\n\r\n{}\r\n--b--"
    server.answer(BATCH, (200, failed, {"Content-Type": "multipart/mixed; boundary=b"}))
    assert found(sales.write(posts(3), 10)) == [("unknown", True), ("rejected", False), ("not_run", False)]


def test_halving_a_refused_batch_keeps_what_an_earlier_try_left_open(server, sales):
    def refuse_pairs(handler):
        numbers = re.findall(rb'{"n":(\d+)}', server.seen[-1].body)
        return refusal(400, "", "malformed") if len(numbers) > 1 else batch(204)

    server.answer(BATCH, server.dropped, refuse_pairs)
    for n in range(3):
        server.answer(record(n), (204, "", {}))
    assert found(sales.write(patches(3), 10)) == [("done", True)] * 3


def test_an_open_try_survives_the_rereading_of_etags(server, sales):
    turns = iter([(503, "", {}), (428, "", {}), (412, "", {}), (204, "", {})])

    def answer(handler):
        return (200, {"@odata.etag": 'W/"1"'}, {}) if server.seen[-1].method == "GET" else next(turns)

    server.answer(record(0), answer)
    sales.retry = type(sales.retry)(attempts=4, backoff=0.01)
    assert found(sales.write(patches(1), 10)) == [("done", True)]


def test_a_required_etag_alone_leaves_nothing_open(server, sales):
    def answer(handler):
        seen = server.seen[-1]
        if seen.method == "GET":
            return 200, {"@odata.etag": 'W/"1"'}, {}
        return (204, "", {}) if "If-Match" in seen.headers else (428, "", {})

    server.answer(record(0), answer)
    assert found(sales.write(patches(1), 10)) == [("done", False)]


@pytest.fixture
def offered(server):
    table = {"LogicalName": "account", "PrimaryIdAttribute": "accountid"}
    server.answer(API + "EntityDefinitions", (200, {"value": [table]}, {}))
    server.answer(API + "sdkmessagefilters", (200, {"value": [{"primaryobjecttypecode": "account"}]}, {}))


def bulk(server):
    return [seen for seen in server.requests() if seen.path.endswith("Multiple")]


@pytest.mark.parametrize("first", MAYBE)
def test_a_bulk_action_that_may_have_run_shows_in_each_row(server, sales, offered, first):
    server.answer(UPSERT, turn(server, MAYBE[first]), (204, "", {}))
    server.answer(BATCH, batch(204, 400))
    answers = found(sales.write(patches(2), 10, in_bulk=True))
    assert answers in ([("done", True), ("done", True)], [("done", True), ("rejected", True)])


def test_a_refused_bulk_action_leaves_nothing_open(server, sales, offered):
    server.answer(UPSERT, refusal(400))
    server.answer(BATCH, batch(204, 400))
    assert found(sales.write(patches(2), 10, in_bulk=True)) == [("done", False), ("rejected", False)]


def test_a_halved_bulk_action_is_open_only_where_a_half_was_lost(server, sales, offered):
    def answer(handler):
        numbers = [target["n"] for target in json.loads(server.seen[-1].body)["Targets"]]
        if 150 in numbers and len(bulk(server)) == 1:
            return refusal(400)
        if 0 in numbers and len(bulk(server)) == 2:
            return server.dropped(handler)
        return 204, "", {}

    server.answer(UPSERT, answer)
    answers = sales.write(patches(200), 10, in_bulk=True)
    assert found(answers) == [("done", True)] * 100 + [("done", False)] * 100


def test_a_bulk_create_that_a_gateway_does_not_know_is_not_sent_by_batch(server, sales, offered):
    server.answer(CREATE, (501, "<html>", {"Content-Type": "text/html"}))
    server.answer(BATCH, batch(204, 204))
    assert found(sales.write(posts(2), 10, in_bulk=True)) == [("unknown", True)] * 2
    assert server.requests(BATCH) == []
