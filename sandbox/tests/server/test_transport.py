"""What HTTP itself asks of both systems."""

import gzip
import json
import socket
from urllib.parse import urlsplit

import pytest
import requests

from support.running import FINOPS, SALES, Sandbox


@pytest.fixture(scope="module")
def account(sales):
    return sales.create("accounts", {"name": "Wire"})["accountid"]


def raw(client, *pieces, until=b"\r\n\r\n"):
    """What comes back for bytes sent as they are."""
    parts = urlsplit(client.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as wire:
        answer = b""
        for piece in pieces:
            wire.sendall(piece)
        while until not in answer:
            got = wire.recv(65536)
            if not got:
                break
            answer += got
        return answer


def head(client, method, path, *more):
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *more]
    lines.append(f"Authorization: {client.session.headers['Authorization']}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize(
    ("headers", "root"),
    [
        ({"X-Forwarded-Proto": "https"}, "https://{host}"),
        ({"X-Forwarded-Host": "sales.example"}, "http://sales.example"),
        ({"X-Forwarded-Proto": "https,http", "X-Forwarded-Host": "a.example, b"}, "https://a.example"),
        ({"X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "A.Example:444"}, "https://a.example:444"),
        ({"X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "a b<c>"}, "http://{host}"),
        ({"Host": "localhost:1234"}, "http://localhost:1234"),
    ],
)
def test_links_are_in_the_scheme_and_host_of_the_caller(sales, finops, account, headers, root):
    for client, path in ((sales, "accounts?$select=name"), (finops, "Currencies")):
        host = urlsplit(client.url).netloc
        answer = client.session.get(client.url + client.root + path, headers=headers, timeout=10)
        assert answer.status_code == 200
        assert answer.json()["@odata.context"].startswith(root.format(host=host) + client.root + "$metadata")
    made = sales.session.post(sales.url + SALES + "accounts", json={"name": "L"}, headers=headers, timeout=10)
    expected = root.format(host=urlsplit(sales.url).netloc) + SALES
    assert made.headers["OData-EntityId"].startswith(expected)
    assert made.headers["Location"].startswith(expected)


def test_next_links_can_be_followed_through_the_proxy(sales, account):
    sales.create("accounts", {"name": "Wire 2"})
    proxied = {"X-Forwarded-Proto": "https", "Prefer": "odata.maxpagesize=1"}
    answer = sales.session.get(sales.url + SALES + "accounts?$select=name", headers=proxied, timeout=10)
    assert answer.json()["@odata.nextLink"].startswith("https://127.0.0.1:")


def test_the_challenge_and_discovery_are_in_the_scheme_of_the_caller(sales):
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "front.example"}
    answer = requests.get(sales.url + SALES, headers=proxied, timeout=10)
    assert "authorization_uri=https://front.example/" in answer.headers["WWW-Authenticate"]
    url = f"{sales.url}/{sales.tenant}/v2.0/.well-known/openid-configuration"
    answer = requests.get(url, headers=proxied, timeout=10)
    assert answer.json()["token_endpoint"].startswith("https://front.example/")


def test_head_answers_as_get_without_a_body(sales, account):
    answer = sales.call("HEAD", f"accounts({account})")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 100
    assert answer.headers["OData-Version"] == "4.0"
    assert sales.call("HEAD", "nosuch").status_code == 404


def test_options_names_the_methods_and_other_methods_are_405(sales, finops):
    for client in (sales, finops):
        answer = requests.options(client.url + client.root + "x", timeout=10)
        assert (answer.status_code, answer.content) == (204, b"")
        assert {"GET", "POST", "PATCH", "DELETE"} <= set(answer.headers["Allow"].split(", "))
        assert client.call("TRACE", "x").status_code == 405


def test_many_requests_share_one_connection(sales, account):
    one = head(sales, "GET", f"{SALES}accounts({account})?$select=name")
    parts = urlsplit(sales.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as wire:
        for requests_at_once in (1, 1, 3):
            wire.sendall(one * requests_at_once)
            answer = b""
            while answer.count(b"HTTP/1.1 200 OK") < requests_at_once or not answer.endswith(b"}"):
                got = wire.recv(65536)
                assert got
                answer += got


def test_a_body_may_come_in_chunks(sales):
    def pieces():
        yield b'{"name": "chu'
        yield b'nked"}'

    answer = sales.session.post(
        sales.url + SALES + "accounts", data=pieces(), timeout=10,
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 204
    assert len(sales.rows("accounts?$filter=name eq 'chunked'")) == 1


def test_expect_100_continue_is_answered_before_the_body(sales):
    body = b'{"name": "expected"}'
    begin = head(
        sales, "POST", SALES + "accounts", "Content-Type: application/json", "Expect: 100-continue",
        f"Content-Length: {len(body)}",
    )  # fmt: skip
    parts = urlsplit(sales.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as wire:
        wire.sendall(begin)
        assert wire.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.sendall(body)
        assert wire.recv(65536).startswith(b"HTTP/1.1 204")


def test_a_body_that_ends_too_early_is_not_carried_out(sales):
    begin = head(sales, "POST", SALES + "accounts", "Content-Type: application/json", "Content-Length: 100")
    parts = urlsplit(sales.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as wire:
        wire.sendall(begin + b'{"name": "half"}')
        wire.shutdown(socket.SHUT_WR)
    assert sales.rows("accounts?$filter=name eq 'half'") == []


def test_a_large_body_is_taken_and_one_beyond_the_bound_is_413(sales):
    text = "x" * 30_000_000
    answer = sales.post("accounts", {"name": "large", "description": text})
    assert answer.status_code == 400  # too long for its column, and read to its end
    begin = head(sales, "POST", SALES + "accounts", f"Content-Length: {10**9}")
    assert raw(sales, begin).startswith(b"HTTP/1.1 413")


def test_a_path_may_encode_the_dollar_sign(sales, finops):
    assert sales.get("%24metadata").headers["Content-Type"].startswith("application/xml")
    assert finops.get("Currencies/%24count").status_code == 200


def test_gzip_is_a_setting(tmp_path, sales):
    assert "Content-Encoding" not in sales.get("$metadata").headers
    zipping = Sandbox(tmp_path, SANDBOX_GZIP="1")
    try:
        answer = zipping.sales.get("$metadata", Accept_Encoding="gzip, deflate")
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "<edmx:Edmx" in answer.text
        plain = zipping.sales.get("$metadata", Accept_Encoding="identity")
        assert "Content-Encoding" not in plain.headers
        assert plain.text == answer.text
        small = zipping.sales.get("WhoAmI", Accept_Encoding="gzip")
        assert "Content-Encoding" not in small.headers
        raw_answer = zipping.sales.session.get(
            zipping.sales.url + SALES + "$metadata",
            headers={"Accept-Encoding": "gzip"},
            stream=True,
            timeout=9,
        )
        assert gzip.decompress(raw_answer.raw.read()).decode() == plain.text
    finally:
        zipping.kill()


def test_every_answer_has_a_date_and_what_is_elsewhere_is_404(sales, finops):
    for client in (sales, finops):
        answer = requests.get(client.url + "/elsewhere", timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html")
        assert answer.headers["Date"].endswith("GMT")


@pytest.mark.parametrize("line", ["GET", "GET / HTTP/9.9", "\x00\x01", "GET " + FINOPS + "\u00e9 HTTP/1.1"])
def test_what_is_no_http_is_answered_with_a_client_error_or_not_at_all(finops, line):
    answer = raw(finops, line.encode("latin-1") + b"\r\nHost: x\r\n\r\n")
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 401", b"")
    assert finops.get("Currencies").status_code == 200


def test_json_bodies_are_bytes_of_utf_8(sales):
    row = sales.create("accounts", {"name": "日本 😀"})
    assert row["name"] == "日本 😀"
    assert "日本" in json.dumps(row, ensure_ascii=False)
