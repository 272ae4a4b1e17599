"""Malformed answers for every function that reads one: each raises a named error, and no other.

Thousands of cases from a seed each, so that a failure says how to make it again.
"""

import json
import random
from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest

from prospect_to_cash.clients import Operation
from prospect_to_cash.clients.dataverse.client import DataverseClient
from prospect_to_cash.clients.finops.client import FinOpsClient
from prospect_to_cash.clients.http.throttle import http_date, retry_after
from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.clients.odata.answers import answer_of, is_json, read_etag, read_fault, request_id_of
from prospect_to_cash.clients.odata.batch import parse
from prospect_to_cash.clients.odata.bulk import answers as bulk_answers
from prospect_to_cash.clients.odata.changes import split_deletions
from prospect_to_cash.clients.odata.operations import Answer
from prospect_to_cash.clients.odata.pages import Garbled, Page, whole_rows
from prospect_to_cash.errors import P2CError
from tests.clients.mess import CHUNKS, Mess

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CASES = 2000
SEEDS = range(0, CASES, 100)


def each(first):
    """A hundred cases, so that a failing test is found by its seed."""
    return [(seed, Mess(seed)) for seed in range(first, first + 100)]


@pytest.mark.parametrize("first", SEEDS)
def test_a_page_is_read_whole_or_is_garbled(first):
    for seed, mess in each(first):
        body = mess.broken(mess.page())
        try:
            page = split_deletions(Page.read(body, NOW))
            whole_rows(page)
        except Garbled:
            continue
        exact = Page.read(body, NOW).split_slow()
        assert len(exact.rows) == len(page.rows) + len(page.deleted), seed
        assert all(link is None or isinstance(link, str) for link in (page.next_link, page.delta_link)), seed


@pytest.mark.parametrize("first", SEEDS)
def test_a_good_page_comes_out_as_a_json_parser_reads_it(first):
    for seed, mess in each(first):
        body = mess.page()
        assert [orjson.loads(row) for row in Page.read(body, NOW).rows] == orjson.loads(body)["value"], seed


@pytest.mark.parametrize("first", SEEDS)
def test_a_list_of_values_deeper_in_the_answer_is_never_taken_for_the_rows(first):
    for seed, mess in each(first):
        decoy = {"a": {"value": [mess.entry() for _ in range(mess.random.randint(0, 2))]}}
        rows = [mess.entry() for _ in range(mess.random.randint(0, 3))]
        found = Page.read(orjson.dumps({**decoy, "value": rows}), NOW).rows
        assert [orjson.loads(row) for row in found] == rows, seed
        with pytest.raises(Garbled):
            Page.read(orjson.dumps(decoy), NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"value":' + b"[" * 100_000,
        b'{"value":[{"a":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_002 + b"]}",
        b'{"value":[' + b"9" * 5000 + b"]}",
        b'{"value":[1e999999]}',
        b'{"a":' + b"9" * 100_000 + b',"value":[]}',
    ],
    ids=["lists", "list", "objects", "digits", "exponent", "envelope"],
)
def test_deep_and_huge_answers_end_in_a_page_or_a_named_error(body):
    with suppress(Garbled):
        whole_rows(split_deletions(Page.read(body, NOW)))
    read_fault(500, body)
    read_etag(Reply(200, {}, body, NOW))


@pytest.mark.parametrize("first", SEEDS)
def test_every_error_body_gives_a_sentence(first):
    for seed, mess in each(first):
        fault = read_fault(mess.random.randint(100, 599), mess.broken(mess.error()))
        assert fault.sentence, seed
        assert all(isinstance(t, str) for t in (fault.code, fault.sentence, fault.text, fault.type)), seed


GUID = "00000000-0000-0000-0000-000000000001"
OPERATIONS = [
    Operation("POST", "accounts", None, b"{}"),
    Operation("PATCH", "accounts", GUID, b"{}"),
    Operation("PATCH", "accounts", GUID, b"{}", create_only=True),
    Operation("PATCH", "accounts", GUID, b"{}", if_match="*"),
    Operation("DELETE", "CustomersV3", {"a": "b"}),
]
NAMES = ["Content-Type", "OData-EntityId", "Location", "ETag", "REQ_ID", "Retry-After", "Date"]


@pytest.mark.parametrize("system", [DataverseClient, FinOpsClient])
@pytest.mark.parametrize("first", SEEDS)
def test_every_answer_to_a_write_is_of_a_known_kind(first, system):
    client = system.__new__(system)
    for seed, mess in each(first):
        operation, status = mess.random.choice(OPERATIONS), mess.random.randint(100, 599)
        headers = {name: mess.text() for name in mess.random.sample(NAMES, 3)}
        body = mess.broken(mess.error())
        answer = answer_of(operation, status, headers, body, client.refusal, system.upserts)
        assert answer.kind in ("done", "rejected", "exists", "missing", "stale", "not_run", "unknown"), seed
        assert (answer.kind == "done") <= (200 <= status < 300), seed
        assert isinstance(request_id_of(headers), str)
        assert is_json(headers, body) in (True, False)
        assert isinstance(retry_after(headers), float | None)
        http_date(headers.get("Date", ""))


@pytest.mark.parametrize("first", SEEDS)
def test_a_bulk_answer_gives_one_answer_for_each_row(first):
    for seed, mess in each(first):
        count = mess.random.randint(1, 4)
        body = mess.broken(json.dumps({"Ids": mess.value()}).encode())
        found = bulk_answers("CreateMultiple", OPERATIONS[:1] * count, body, Answer("done"))
        assert [answer.kind for answer in found] == ["done"] * count, seed


PARTS = [
    b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n",
    b"--b\nContent-Type: application/http\ncontent-id: 2\n\nHTTP/1.1 400 Bad\nContent-Type: text/plain\n\n{}\n",
    b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nHTTP/1.1 201 X\r\n\r\n{}\r\n--c--\r\n",
    b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHTTP/1.1 201 X\r\n\r\n{}\r\n--b--\r\n",
    b"--b\r\n",
    b"--b--",
    b"preamble\r\n",
]
TYPES = [
    "multipart/mixed; boundary=b",
    'multipart/mixed; Boundary="b"',
    "multipart/mixed;boundary = b",
    'multipart/mixed; boundary="',
    "multipart/mixed; boundary=\x00",
    "multipart/mixed",
    "text/html",
    "",
]


@pytest.mark.parametrize("first", SEEDS)
def test_a_batch_answer_gives_one_place_for_each_part_or_is_garbled(first):
    for seed, mess in each(first):
        count = mess.random.randint(2, 5)
        body = mess.broken(b"".join(mess.random.choices(PARTS, k=mess.random.randint(0, 6))))
        try:
            replies, complete = parse(mess.random.choice([*TYPES, *TYPES[:1] * 8]), body, count)
        except P2CError:
            continue
        assert (len(replies), complete in (True, False)) == (count, True), seed
        assert all(reply is None or 100 <= reply.status <= 999 for reply in replies), seed


def test_a_batch_nested_deeper_than_change_sets_is_garbled():
    body = b"HTTP/1.1 200 X\r\n\r\n"
    for depth in range(3):
        head = b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (depth - 1) if depth else b"\r\n"
        body = b"--b%d\r\n%s%s\r\n--b%d--\r\n" % (depth, head, body, depth)
    with pytest.raises(Garbled):
        parse("multipart/mixed; boundary=b2", body, 2)


def test_the_generated_cases_cover_what_they_promise():
    """Some mutated pages are still pages and some are garbled; otherwise these tests would prove nothing."""
    verdicts = set()
    for seed in range(200):
        mess = Mess(seed)
        try:
            whole_rows(Page.read(mess.broken(mess.page()), NOW))
            verdicts.add("page")
        except Garbled:
            verdicts.add("garbled")
    assert verdicts == {"page", "garbled"}
    assert len(CHUNKS) > 10
    assert random.Random(1).random() == Mess(1).random.random()
