import json

import pytest

from prospect_to_cash.clients.odata.batch import Part, compose, parse
from prospect_to_cash.clients.odata.pages import Garbled


def parts(count):
    return [Part("PATCH", f"https://h/x({n})", {"If-Match": "*"}, b'{"n":%d}' % n) for n in range(count)]


def test_single_requests_stand_outside_change_sets():
    content_type, body = compose(parts(2), change_sets=False)
    boundary = content_type.partition("boundary=")[2]
    assert body.count(f"--{boundary}\r\n".encode()) == 2
    assert body.endswith(f"--{boundary}--\r\n".encode())
    assert b"changeset" not in body
    assert b"PATCH https://h/x(1) HTTP/1.1\r\nIf-Match: *\r\nAccept: application/json\r\n" in body
    assert body.count(b"\n") == body.count(b"\r\n")


def test_the_boundary_stands_without_quotes_which_some_servers_do_not_read():
    content_type, _ = compose(parts(2), change_sets=False)
    assert '"' not in content_type


def test_each_operation_has_a_change_set_of_its_own():
    _, body = compose(parts(3), change_sets=True)
    assert body.count(b"Content-Type: multipart/mixed; boundary=changeset_") == 3
    assert [f"Content-ID: {n}\r\n".encode() in body for n in (1, 2, 3)] == [True] * 3


ANSWER = """--b
Content-Type: application/http
Content-Transfer-Encoding: binary

HTTP/1.1 204 No Content
OData-EntityId: https://h/x(6f2c0000-0000-0000-0000-00000000000a)


--b
content-type: application/http

HTTP/1.1 404 Not Found
content-type: application/json

{"error":{"code":"0x1","message":"a\\n--b"}}
--b--
"""


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_line_ends_and_header_case_do_not_matter(ends):
    replies, complete = parse("Multipart/Mixed; boundary=b", ANSWER.replace("\n", ends).encode(), 2)
    assert complete
    assert [reply.status for reply in replies] == [204, 404]
    assert replies[0].headers["odata-entityid"].endswith("0a)")
    assert json.loads(replies[1].body)["error"]["code"] == "0x1"


def test_a_change_set_answers_nested_or_bare_and_by_its_number():
    body = (
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
        b"--c\r\nContent-Type: application/http\r\nContent-ID: 2\r\n\r\n"
        b"HTTP/1.1 201 Created\r\n\r\n{}\r\n--c--\r\n"
        b'--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 400 Bad\r\nContent-ID: 1\r\n\r\n{"e":1}\r\n'
        b"--b--"
    )
    replies, complete = parse('multipart/mixed;boundary="b"', body, 3)
    assert complete
    assert [reply and reply.status for reply in replies] == [400, 201, None]
    assert replies[0].body == b'{"e":1}'


def test_a_part_that_was_cut_off_counts_as_unanswered():
    body = ANSWER.encode()[:-40]
    replies, complete = parse("multipart/mixed; boundary=b", body, 2)
    assert not complete
    assert [reply and reply.status for reply in replies] == [204, None]


def test_a_boundary_within_a_line_is_ignored():
    body = b"--b\n\nHTTP/1.1 200 OK\n\n{x--b\n}\n--bb\n}\n--b--\n"
    replies, complete = parse("multipart/mixed; boundary=b", body, 1)
    assert (complete, replies[0].body) == (True, b"{x--b\n}\n--bb\n}")


@pytest.mark.parametrize("content_type", ["text/html", "multipart/mixed", "", "application/json; boundary=b"])
def test_an_answer_that_is_not_a_batch_is_garbled(content_type):
    with pytest.raises(Garbled):
        parse(content_type, b"--b--", 1)
