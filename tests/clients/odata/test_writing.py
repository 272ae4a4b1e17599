"""Many operations in one request: the answer to each, whatever happens to the batch."""

import re
import time

import pytest

from prospect_to_cash.clients import Operation
from prospect_to_cash.errors import Misconfigured, Unavailable

TOKEN = "/00000000-0000-0000-0000-00000000000a/oauth2/v2.0/token"
BATCH = "/api/data/v9.2/$batch"
FINOPS_BATCH = "/data/$batch"


def guid(n):
    return f"00000000-0000-0000-0000-{n:012x}"


def patches(count, **more):
    return [Operation("PATCH", "accounts", guid(n), b'{"n":%d}' % n, **more) for n in range(count)]


def posts(count):
    return [Operation("POST", "accounts", None, b'{"n":%d}' % n) for n in range(count)]


def mixed():
    return [patches(1)[0], posts(1)[0], patches(2)[1]]


def part(status, body="", headers=""):
    return f"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status} X\r\n{headers}\r\n\r\n{body}\r\n"


def answers(*parts, status=200, end="--b--"):
    return status, "".join(parts) + end, {"Content-Type": "multipart/mixed; boundary=b"}


def numbers(seen):
    return [int(n) for n in re.findall(rb'{"n":(\d+)}', seen.body)]


def kinds(found):
    return [answer.kind for answer in found]


def test_each_operation_has_its_own_answer_in_its_place(server, sales):
    server.answer(
        BATCH,
        answers(
            part(204, headers=f"OData-EntityId: https://h/accounts({guid(0)})"),
            part(400, '{"error":{"code":"0x80044331","message":"Too long"}}'),
            part(204),
        ),
    )
    found = sales.write(patches(3), 10)
    assert kinds(found) == ["done", "rejected", "done"]
    assert found[0].entity_id == guid(0)
    assert found[1].sentence == "Too long."
    sent = server.requests()[0]
    assert sent.headers["Prefer"] == "odata.continue-on-error"
    assert b"changeset" not in sent.body
    assert f"PATCH {server.url}/api/data/v9.2/accounts({guid(2)}) HTTP/1.1".encode() in sent.body


def test_finops_gets_a_change_set_for_each_operation(server, finops):
    nested = (
        "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: application/http\r\n"
        'Content-ID: 1\r\n\r\nHTTP/1.1 201 Created\r\n\r\n{"a":1}\r\n--c--\r\n'
    )
    bare = part(500, '{"error":{"innererror":{"message":"The record already exists.."}}}', "Content-ID: 2")
    server.answer(FINOPS_BATCH, answers(nested, bare))
    found = finops.write([Operation("POST", "CustomersV3", None, b"{}")] * 3, 10)
    assert kinds(found) == ["done", "exists", "not_run"]
    assert found[0].row == b'{"a":1}'
    assert server.requests()[0].body.count(b"boundary=changeset_") == 3
    assert len(server.requests()) == 1


def test_a_batch_that_stopped_leaves_the_rest_not_run(server, sales):
    server.answer(BATCH, answers(part(204), part(400, "{}"), status=400))
    assert kinds(sales.write(posts(3), 10)) == ["done", "rejected", "not_run"]
    assert len(server.requests()) == 1


def test_a_batch_whose_answer_ends_in_the_middle_leaves_the_rest_unknown(server, sales):
    server.answer(BATCH, answers(part(204), end=part(204)[:-20]))
    assert kinds(sales.write(posts(3), 10)) == ["done", "unknown", "unknown"]
    assert len(server.requests()) == 1


@pytest.mark.parametrize(
    "fault", ["dropped", (503, "<html>", {}), (200, "<html>", {"Content-Type": "text/html"})]
)
def test_after_a_lost_answer_only_writes_by_key_are_sent_again(server, sales, fault):
    server.answer(BATCH, server.dropped if fault == "dropped" else fault, answers(part(204), part(204)))
    found = sales.write(mixed(), 10)
    assert kinds(found) == ["done", "unknown", "done"]
    assert [seen.body.count(b"POST ") for seen in server.requests()] == [1, 0]


def test_throttled_parts_are_sent_again_and_hold_the_clock(server, sales):
    server.answer(
        BATCH, answers(part(204), part(429, "{}", "Retry-After: 1"), part(429, "{}", "Retry-After: 1"))
    )
    server.answer(f"/api/data/v9.2/accounts({guid(1)})", (204, "", {}))
    operations = [patches(1)[0], patches(2)[1], posts(1)[0]]
    assert kinds(sales.write(operations, 10)) == ["done", "done", "not_run"]
    first, second = server.requests()
    assert second.at - first.at >= 1


def test_a_throttled_batch_is_sent_again_without_its_posts(server, sales):
    server.answer(BATCH, (429, "{}", {"Retry-After": "0"}), answers(part(204), part(204)))
    assert kinds(sales.write(mixed(), 10)) == ["done", "not_run", "done"]


def test_a_batch_that_is_refused_as_a_whole_is_halved_until_the_cause_stands_alone(server, sales):
    def refuse_three(handler):
        found = numbers(server.seen[-1])
        if 3 in found:
            return 400, {"error": {"code": "", "message": "The batch is malformed"}}, {}
        return answers(*[part(204) for _ in found])

    server.answer(BATCH, refuse_three)
    server.answer(f"/api/data/v9.2/accounts({guid(3)})", (400, {"error": {"code": "", "message": "No"}}, {}))
    server.answer(f"/api/data/v9.2/accounts({guid(2)})", (204, "", {}))
    found = sales.write(patches(8), 10)
    assert kinds(found) == ["done"] * 3 + ["rejected"] + ["done"] * 4


def test_large_lists_go_in_batches_that_the_service_takes(server, sales):
    server.answer(BATCH, lambda handler: answers(*[part(204) for _ in numbers(server.seen[-1])]))
    assert kinds(sales.write(patches(2100), 60)) == ["done"] * 2100
    assert [len(numbers(seen)) for seen in server.requests()] == [1000, 1000, 100]


def test_what_is_left_when_time_runs_out_was_not_run(server, finops):
    def slow(handler):
        time.sleep(0.4)
        return answers(*[part(201, "{}") for _ in numbers(server.seen[-1])])

    server.answer(FINOPS_BATCH, slow)
    operations = [Operation("POST", "CustomersV3", None, b'{"n":%d}' % n) for n in range(600)]
    found = finops.write(operations, 0.6)
    assert kinds(found)[:200] == ["done"] * 200
    assert kinds(found)[400:] == ["not_run"] * 200
    assert "time" in found[599].sentence


def test_an_answer_that_comes_too_late_is_unknown(server, sales):
    server.answer(BATCH, lambda _: time.sleep(3))
    started = time.monotonic()
    assert kinds(sales.write(posts(2), 0.5)) == ["unknown", "unknown"]
    assert time.monotonic() - started < 1


def test_a_batch_whose_token_is_refused_twice_raises_once_nothing_ran(server, sales):
    server.answer(BATCH, (401, "", {}))
    with pytest.raises(Misconfigured):
        sales.write(posts(2), 10)
    assert len(server.requests()) == 2


def test_nothing_leaves_after_the_deadline_when_the_token_took_the_time(server, sales):
    token = server.answers[TOKEN][0]

    def slow_token(handler):
        time.sleep(0.6)
        return token(handler)

    server.answer(TOKEN, slow_token)
    server.answer(BATCH, answers(part(204), part(204)))
    with pytest.raises(Unavailable):
        sales.write(posts(2), 0.5)
    assert server.requests() == []


def test_a_redirected_batch_is_not_followed(server, other_server, sales):
    server.answer(BATCH, (307, "", {"Location": other_server.url + BATCH}))
    with pytest.raises(Misconfigured, match="another address"):
        sales.write(posts(2), 10)
    assert other_server.seen == []


def strict_form(server):
    """A server that reads no quoted boundary, and answers in JSON to whoever accepts JSON."""

    def answer(handler):
        seen = server.seen[-1]
        if '"' in seen.headers["Content-Type"]:
            return 400, {"error": {"code": "", "message": "The batch has no boundary"}}, {}
        if "application/json" in seen.headers["Accept"]:
            return 200, {"responses": [{"id": "1", "status": 204}]}, {}
        return answers(*[part(204) for _ in numbers(seen)])

    return answer


def test_a_strict_server_takes_sixty_writes_in_one_request(server, sales):
    server.answer(BATCH, strict_form(server))
    assert kinds(sales.write(patches(60), 10)) == ["done"] * 60
    assert len(server.requests()) == 1


def test_a_server_that_refuses_batches_is_not_offered_them_again(server, sales):
    server.answer(BATCH, (400, {"error": {"code": "", "message": "Batches are not supported"}}, {}))
    for n in range(60):
        server.answer(f"/api/data/v9.2/accounts({guid(n)})", (204, "", {}))
    assert kinds(sales.write(patches(60), 10)) == ["done"] * 60
    first = len(server.requests())
    assert kinds(sales.write(patches(60), 10)) == ["done"] * 60
    assert (first, len(server.requests()) - first) == (66, 60)


def test_a_refused_row_does_not_stop_the_use_of_batches(server, sales):
    def refuse_one(handler):
        found = numbers(server.seen[-1])
        if 1 in found:
            return 400, {"error": {"code": "", "message": "The batch is malformed"}}, {}
        return answers(*[part(204) for _ in found])

    server.answer(BATCH, refuse_one)
    server.answer(f"/api/data/v9.2/accounts({guid(0)})", (204, "", {}))
    server.answer(f"/api/data/v9.2/accounts({guid(1)})", (400, {"error": {"code": "", "message": "No"}}, {}))
    for _ in range(2):
        assert kinds(sales.write(patches(4), 10)) == ["done", "rejected", "done", "done"]
    assert len(server.requests("$batch")) == 6


def test_a_create_whose_token_cannot_be_fetched_was_not_run(server, sales):
    server.answer(TOKEN, server.dropped)
    with pytest.raises(Unavailable, match="broke"):
        sales.write(posts(2), 10)
    assert server.requests() == []
