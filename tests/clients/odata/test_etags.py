"""A server that requires an etag gets one, without the caller noticing."""

import re

import pytest

from prospect_to_cash.clients import Operation

API = "/api/data/v9.2/"
DEMAND = (428, {"error": {"code": "", "message": "Precondition required"}}, {})
STALE = (412, {"error": {"code": "", "message": "Changed"}}, {})


def guid(n):
    return f"00000000-0000-0000-0000-{n:012x}"


def record(n):
    return f"{API}accounts({guid(n)})"


def change(n, **more):
    return Operation("PATCH", "accounts", guid(n), b'{"n":%d}' % n, **more)


def strict(server, tags, then=(204, "", {})):
    """A record that is read with its etag and changed with it alone; each tag of the list is good for one change."""

    def answer(handler):
        seen = server.seen[-1]
        if seen.method == "GET":
            return 200, {"@odata.etag": tags[0], "accountid": guid(1)}, {}
        if "If-Match" not in seen.headers:
            return DEMAND
        return then if seen.headers["If-Match"] == tags[0] else STALE

    return answer


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("match", [None, "*"])
def test_a_required_etag_is_read_and_sent(server, sales, method, match):
    tags = ['W/"1"']
    answer = strict(server, tags)
    server.answer(
        record(1), lambda h: DEMAND if server.seen[-1].headers.get("If-Match") == "*" else answer(h)
    )
    found = sales.write(
        [Operation(method, "accounts", guid(1), b"{}" if method == "PATCH" else None, match)], 10
    )

    assert found[0].kind == "done"
    assert server.requests()[-1].headers["If-Match"] == 'W/"1"'


def test_an_etag_in_the_header_counts_too(server, sales):
    answer = strict(server, ['"7"'])
    server.answer(
        record(1),
        lambda h: (200, {"a": 1}, {"ETag": '"7"'}) if server.seen[-1].method == "GET" else answer(h),
    )

    assert sales.write([change(1)], 10)[0].kind == "done"


def test_a_record_that_changed_since_is_read_once_more(server, sales):
    tags, times = ['W/"1"'], []

    def answer(handler):
        times.append(server.seen[-1].method)
        if times == ["PATCH", "GET", "PATCH"]:
            tags[0] = 'W/"2"'
        return strict(server, tags)(handler)

    server.answer(record(1), answer)
    assert sales.write([change(1)], 10)[0].kind == "done"
    assert times == ["PATCH", "GET", "PATCH", "GET", "PATCH"]


def test_a_server_that_requires_an_etag_again_and_again_rejects_the_write(server, sales):
    server.answer(record(1), DEMAND)
    assert (sales.write([change(1)], 10)[0].kind, len(server.requests())) == ("rejected", 3)


def test_parts_of_a_batch_get_their_etags(server, sales):
    for n in (0, 1):
        server.answer(record(n), (200, {"@odata.etag": f'W/"{n}"'}, {}))

    def batch(handler):
        body = server.seen[-1].body
        statuses = [
            428 if not found else 204 for found in re.findall(rb"HTTP/1.1\r\n(If-Match: [^\r]+)?", body)
        ]
        parts = "".join(f"--b\r\n\r\nHTTP/1.1 {status} X\r\n\r\n\r\n" for status in statuses)
        return 200, parts + "--b--", {"Content-Type": "multipart/mixed; boundary=b"}

    server.answer(API + "$batch", batch)
    assert [a.kind for a in sales.write([change(0), change(1)], 10)] == ["done", "done"]
    assert b'If-Match: W/"1"' in server.requests()[-1].body


def test_an_etag_of_the_caller_may_be_stale(server, sales):
    server.answer(record(1), STALE)
    assert sales.write([change(1, if_match='W/"0"')], 10)[0].kind == "stale"
    assert len(server.requests()) == 1


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_record_that_has_no_etag_because_it_is_gone_is_missing(server, sales, method):
    gone = (404, {"error": {"code": "0x80040217", "message": "Does Not Exist"}}, {})
    server.answer(record(1), lambda h: gone if server.seen[-1].method == "GET" else DEMAND)
    body = b"{}" if method == "PATCH" else None
    [found] = sales.write([Operation(method, "accounts", guid(1), body, "*")], 10)
    assert (found.kind, "Does Not Exist" in found.sentence) == ("missing", True)
