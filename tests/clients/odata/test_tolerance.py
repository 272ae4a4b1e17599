"""Legal OData that differs from what the two services send, and answers that are never followed or accepted."""

import gzip
import json
import threading
import zlib

import pytest

from prospect_to_cash.clients import DataverseClient, Operation
from prospect_to_cash.clients.http.transport import TooLarge
from prospect_to_cash.errors import Misconfigured, P2CError
from tests.clients.conftest import QUICK

API = "/api/data/v9.2/"
ACCOUNTS = API + "accounts"
GUID = "00000000-0000-0000-0000-000000000001"


def names(client, **more):
    return [json.loads(row)["n"] for page in client.pages("accounts", ["n"], **more) for row in page.rows]


def page(*numbers, **more):
    return {"value": [{"n": n} for n in numbers], **more}


@pytest.mark.parametrize(
    "link",
    [
        "accounts?$skiptoken=2",
        "?$skiptoken=2",
        "/api/data/v9.2/accounts?$skiptoken=2",
        "{url}/api/data/v9.2/accounts?$skiptoken=2",
        "accounts?%24skiptoken=2",
        "./accounts?$skiptoken=2",
        "accounts?$skiptoken=%3Ccookie%20pagenumber=%222%22%20/%3E",
    ],
)
@pytest.mark.parametrize("annotation", ["@odata.nextLink", "@nextLink"])
def test_links_of_every_legal_form_are_followed(server, sales, link, annotation):
    first = page(1, **{annotation: link.format(url=server.url)})
    server.answer(ACCOUNTS, (200, first, {}), (200, page(2), {}))
    assert names(sales) == [1, 2]
    assert "skiptoken=" in server.requests()[1].path


@pytest.mark.parametrize("link", ["accounts?p=2", "?p=2"])
def test_a_relative_link_is_made_absolute_so_that_a_later_try_can_follow_it(server, sales, link):
    server.answer(ACCOUNTS, (200, page(1, **{"@odata.nextLink": link}), {}), (200, page(2), {}))
    found = next(iter(sales.pages("accounts", ["n"])))
    assert found.next_link == f"{server.url}{ACCOUNTS}?p=2"


def test_the_page_size_is_the_servers_choice_and_empty_pages_are_pages(server, sales):
    answers = [page(1, 2, 3), page(), page(4)]
    for n, answer in enumerate(answers[:-1]):
        answer["@odata.nextLink"] = f"accounts?p={n}"
    server.answer(ACCOUNTS, *[(200, answer, {}) for answer in answers])
    assert names(sales, page_size=2) == [1, 2, 3, 4]


@pytest.mark.parametrize("turns", [((),), ((1,),), ((1, 2), (3, 4)), ((1,), (), (2,))])
def test_a_read_of_repeated_pages_ends_although_their_links_differ(server, sales, turns, monkeypatch):
    monkeypatch.setattr("prospect_to_cash.clients.odata.paging.REPEATED_PAGES", 20)

    def answer(handler):
        turn = turns[len(server.seen) % len(turns)]
        return 200, page(*turn, **{"@odata.nextLink": f"accounts?p={len(server.seen)}"}), {}

    server.answer(ACCOUNTS, answer)
    with pytest.raises(P2CError, match="empty or repeated"):
        names(sales)


def test_every_page_is_requested_with_the_same_preferences(server, sales):
    server.answer(ACCOUNTS, (200, page(1, **{"@odata.nextLink": "accounts?p=2"}), {}), (200, page(2), {}))
    list(sales.pages("accounts", ["n"], page_size=7, track=True))
    wishes = [seen.headers["Prefer"] for seen in server.requests()]
    assert wishes == ["odata.track-changes,odata.maxpagesize=7"] * 2


@pytest.mark.parametrize(
    "context", ["$metadata#accounts", "http://elsewhere.example/$metadata#accounts", "../x#y"]
)
@pytest.mark.parametrize("layout", [(",", ":"), (", ", ": "), (",\n  ", " :\t")])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\n  "])
def test_layout_byte_order_mark_and_context_do_not_matter(server, sales, context, layout, mark):
    text = mark + json.dumps({"@odata.context": context, **page(1, 2)}, separators=layout)
    server.answer(ACCOUNTS, (200, text, {}))
    assert names(sales) == [1, 2]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/json;odata.metadata=minimal;IEEE754Compatible=true;charset=utf-8",
        "APPLICATION/JSON; Charset=UTF-8",
        "",
    ],
)
def test_parameters_of_the_content_type_do_not_matter(server, sales, kind):
    server.answer(ACCOUNTS, (200, page(1), {"Content-Type": kind}))
    assert names(sales) == [1]


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("x-gzip", gzip.compress)]
)
def test_packed_answers_are_unpacked(server, sales, coding, pack):
    server.answer(ACCOUNTS, (200, pack(json.dumps(page(1)).encode()), {"Content-Encoding": coding}))
    assert names(sales) == [1]


def test_values_of_every_legal_form_arrive_as_they_were_sent(server, sales):
    row = b'{"n":{"a":[{"b":1}]},"d":"2026-01-31T09:15:00.1234567+02:00","m":"12.50","v":"9007199254740993","f":1.10,"e":1E5}'
    server.answer(ACCOUNTS, (200, b'{"value":[' + row + b"]}", {}))
    assert next(iter(sales.pages("accounts", ["n"]))).rows == [row]


def test_an_http_1_0_answer_that_ends_with_the_connection_is_read(server, sales):
    def old(handler):
        handler.wfile.write(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"value":[{"n":1}]}')
        handler.close_connection = True

    server.answer(ACCOUNTS, old)
    assert names(sales) == [1]


def test_a_body_in_chunks_is_read(server, sales):
    def chunks(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b'{"value":[{"', b'n":1}', b"]}"):
            handler.wfile.write(b"%x;x=y\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\nX-Trailer: 1\r\n\r\n")

    server.answer(ACCOUNTS, chunks)
    assert names(sales) == [1]


@pytest.mark.parametrize(
    ("status", "body", "headers", "created", "entity"),
    [
        (204, "", {"OData-EntityId": f"https://h/accounts({GUID})"}, None, GUID),
        (204, "", {"Location": f"https://h/accounts({GUID})"}, None, GUID),
        (204, "", {"location": f"accounts(accountid={GUID.upper()})"}, None, GUID),
        (200, "", {}, None, None),
        (200, {"n": 1}, {}, False, None),
        (201, {"n": 1}, {"Location": f"/accounts({GUID})"}, True, GUID),
        (201, "", {}, True, None),
        (202, "", {}, None, None),
    ],
)
def test_a_success_of_every_legal_form_is_a_success(server, sales, status, body, headers, created, entity):
    server.answer(f"{ACCOUNTS}({GUID})", (status, body, headers))
    answer = sales.write([Operation("PATCH", "accounts", GUID, b"{}")], 10)[0]
    assert (answer.kind, answer.created, answer.entity_id) == ("done", created, entity)


@pytest.mark.parametrize(
    "head",
    ["content-type: application/http\r\ncontent-id: {n}\r\n\r\nHTTP/1.1 204 No Content\r\nodata-entityid: https://h/accounts({guid})\r\n\r\n",
     "Content-Type: application/http\nContent-Transfer-Encoding: binary\n\nHTTP/1.1 200 OK\nLOCATION: /accounts({guid})\n\n",
     "\r\nHTTP/1.1 204\r\nLocation: accounts({guid})\r\n\r\n"],
)  # fmt: skip
@pytest.mark.parametrize(
    "kind", ["multipart/mixed; boundary=b", 'Multipart/Mixed; charset=utf-8; Boundary="b"']
)
def test_parts_of_a_batch_of_every_legal_form_are_read(server, sales, head, kind):
    text = "".join(f"--b\r\n{head.format(n=n, guid=GUID)}\r\n" for n in (1, 2)) + "--b--\r\nepilogue"
    server.answer(API + "$batch", (200, "preamble\r\n" + text, {"Content-Type": kind}))
    found = sales.write([Operation("PATCH", "accounts", GUID, b"{}")] * 2, 10)
    assert [(answer.kind, answer.entity_id) for answer in found] == [("done", GUID)] * 2


def test_a_boundary_with_every_character_it_may_have_is_found(server, sales):
    boundary = "b'()+_,-./:=? x"
    text = f"--{boundary}\r\n\r\nHTTP/1.1 204 X\r\n\r\n\r\n" * 2 + f"--{boundary}--"
    server.answer(API + "$batch", (200, text, {"Content-Type": f'multipart/mixed; boundary="{boundary}"'}))
    assert [a.kind for a in sales.write([Operation("PATCH", "accounts", GUID, b"{}")] * 2, 10)] == [
        "done"
    ] * 2


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (
            '<?xml version="1.0"?><m:error xmlns:m="x"><m:code>0x1</m:code><m:message xml:lang="en-US">'
            "Bad &lt;value&gt;</m:message></m:error>",
            "Bad <value>.",
        ),
        (f"{ENTITIES}<error><message>&b;</message></error>", "&b;."),
        ("The request is malformed.", "The request is malformed."),
        ("\ufeff" + '{"error":{"code":"","message":"No"}}', "No."),
        ('{"error":{"code":"x","message":{"lang":"en","value":"Old"}}}', "Old."),
    ],
)
def test_errors_of_every_form_become_a_sentence(server, sales, body, sentence):
    server.answer(f"{ACCOUNTS}({GUID})", (400, body, {"Content-Type": "application/xml"}))
    answer = sales.write([Operation("PATCH", "accounts", GUID, b"{}")], 10)[0]
    assert (answer.kind, answer.sentence) == ("rejected", sentence)


def test_a_409_means_that_the_key_is_taken(server, sales, finops):
    server.answer(ACCOUNTS, (409, {"error": {"code": "409", "message": "Exists"}}, {}))
    server.answer("/data/CustomersV3", (409, {"error": {"code": "409", "message": "Exists"}}, {}))
    assert sales.write([Operation("POST", "accounts", None, b"{}")], 10)[0].kind == "exists"
    assert finops.write([Operation("POST", "CustomersV3", None, b"{}")], 10)[0].kind == "exists"


def test_an_answer_beyond_the_limit_is_not_requested_again_and_its_remedy_is_named(
    server, credentials, monkeypatch
):
    monkeypatch.setenv("P2C_LARGEST_ANSWER_MIB", "1")
    server.answer(ACCOUNTS, (200, b" " * (1 << 21), {}))
    with (
        DataverseClient(server.url, credentials, 5, QUICK) as client,
        pytest.raises(TooLarge, match="P2C_LARGEST_ANSWER_MIB"),
    ):
        names(client)
    assert len(server.requests()) == 1


def test_a_small_answer_that_unfolds_without_end_is_refused(server, credentials, monkeypatch):
    monkeypatch.setenv("P2C_LARGEST_ANSWER_MIB", "2")
    server.answer(ACCOUNTS, (200, gzip.compress(b" " * (1 << 25)), {"Content-Encoding": "gzip"}))
    with DataverseClient(server.url, credentials, 20, QUICK) as client, pytest.raises(TooLarge):
        names(client)


def test_a_write_whose_answer_is_too_large_is_in_doubt(server, credentials, monkeypatch):
    monkeypatch.setenv("P2C_LARGEST_ANSWER_MIB", "1")
    server.answer(ACCOUNTS, (201, b" " * (1 << 21), {}))
    with DataverseClient(server.url, credentials, 5, QUICK) as client:
        assert client.write([Operation("POST", "accounts", None, b"{}")], 5)[0].kind == "unknown"


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "\u00b2", "9999999"])
def test_an_unusable_limit_is_reported(credentials, server, monkeypatch, text):
    monkeypatch.setenv("P2C_LARGEST_ANSWER_MIB", text)
    with pytest.raises(Misconfigured, match="mebibytes"):
        DataverseClient(server.url, credentials)


@pytest.mark.parametrize(
    "place", ["{other}/api/data/v9.2/accounts", "//{bare}/x", "http://[::1", "/api/data/v9.2/other"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_not_even_within_the_same_host(server, other_server, sales, status, place):
    place = place.format(other=other_server.url, bare=other_server.url.partition("//")[2])
    server.answer(ACCOUNTS, (status, b"x" * 10_000, {"Location": place}))
    with pytest.raises(P2CError, match="another address"):
        names(sales)
    assert (len(server.requests()), other_server.seen) == (1, [])


def test_no_token_goes_where_a_link_or_a_delta_link_of_another_origin_leads(server, other_server, sales):
    for annotation in ("@odata.nextLink", "@nextLink"):
        server.answer(ACCOUNTS, (200, page(1, **{annotation: other_server.url + ACCOUNTS}), {}))
        with pytest.raises(Misconfigured, match="not followed"):
            names(sales)
    with pytest.raises(Misconfigured, match="not followed"):
        list(sales.follow(other_server.url + ACCOUNTS, "accounts"))
    assert other_server.seen == []


@pytest.mark.parametrize(
    "url",
    ["http://org.crm4.dynamics.com", "http://10.0.0.1", "http://localhost.example.com", "ftp://localhost"],
)
def test_plain_http_is_for_this_machine_alone(credentials, url):
    with pytest.raises(Misconfigured, match="https"):
        DataverseClient(url, credentials)


def test_threads_that_were_refused_the_same_token_fetch_one_new_token_and_all_get_their_pages(server, sales):
    """A token that ends while sixteen threads read: each request is repeated, the token is fetched once."""
    together = threading.Barrier(16)

    def expiring(handler):
        if (
            server.seen[-1].headers.get("Authorization") == "Bearer token-1"
            or handler.headers["Authorization"] == "Bearer token-1"
        ):
            together.wait(10)
            return 401, "", {}
        return 200, page(1), {}

    server.answer(ACCOUNTS, expiring)
    found, errors = [], []

    def read():
        try:
            found.append(names(sales))
        except P2CError as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (found, errors) == ([[1]] * 16, [])
    assert server.tokens == 2
