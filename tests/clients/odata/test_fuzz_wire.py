"""Malformed HTTP on a real socket: every read soon ends with a page or a named error."""

import gzip
import random
import socket
import threading
import time
import zlib

import pytest

from prospect_to_cash.clients import Answer, Credentials, DataverseClient, Operation, RetryPolicy
from prospect_to_cash.errors import P2CError
from tests.clients.mess import Mess

GUID = "00000000-0000-0000-0000-000000000001"
CHANGE = Operation("PATCH", "accounts", GUID, b"{}")
TOKEN = b'{"token_type":"Bearer","expires_in":3599,"access_token":"t"}'
ROUNDS = 60
LINKS = ["accounts?p=1", "?p=1", "/api/data/v9.2/accounts?p=1", "http://other.example/", "http://[::1", "//evil.example/x",
         "https://127.0.0.1/", "ftp://127.0.0.1/", "\\\\x", "http://a@127.0.0.1/"]  # fmt: skip
SHORT = RetryPolicy(attempts=1, backoff=0.01, longest_wait=0.2)


class RawServer:
    """Sends the given bytes and closes the connection; token requests are answered correctly."""

    def __init__(self):
        self.answer = b""
        self.asked = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection:
            try:
                head = connection.recv(65_536)
                if b"/oauth2/" in head:
                    body = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                    connection.sendall(body % (len(TOKEN), TOKEN))
                    return
                self.asked.append(head.split(b"\r\n", 1)[0])
                connection.sendall(self.answer)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(1)
                while connection.recv(65_536):
                    pass
            except OSError:
                return

    def close(self):
        self._listener.close()


@pytest.fixture
def raw_server():
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def client(raw_server):
    credentials = Credentials(tenant_id="t", client_id="raw", secret="s", authority=raw_server.url)
    with DataverseClient(raw_server.url, credentials, deadline=3, retry=SHORT) as client:
        yield client


def framed(mess, body):
    """The body under a head that is right, slightly wrong, or entirely wrong."""
    pick = mess.random.choice
    head = pick([b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 503 Busy", b"HTTP/1.1 400 No",
                 b"HTTP/1.1 302 Found\r\nLocation: http://[::1", b"HTTP/9.9 999 X", b"GARBAGE", b"", b"HTTP/1.1 200 OK\r\n: x",
                 b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 -1 X",
                 b"HTTP/1.1 429 Slow\r\nRetry-After: " + pick([b"0", b"\xb2", b"-1", b"1e9", b"never"])])  # fmt: skip
    coding = b"\r\nContent-Encoding: "
    packed = pick([(b"", body)] * 4 + [(coding + b"gzip", gzip.compress(body)), (coding + b"gzip", body),
                   (coding + b"deflate", zlib.compress(body)), (coding + b"br", body)])  # fmt: skip
    length = b"%d" % len(packed[1])
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(packed[1]), packed[1])
    frame, sent = pick([
        (b"\r\nContent-Length: " + length, packed[1]), (b"\r\nContent-Length: " + length, packed[1]), (b"", packed[1]),
        (b"\r\nContent-Length: 9" + length, packed[1]), (b"\r\nContent-Length: 1", packed[1]),
        (b"\r\nContent-Length: x", packed[1]), (b"\r\nContent-Length: -5", packed[1]),
        (b"\r\nTransfer-Encoding: chunked", chunked), (b"\r\nTransfer-Encoding: chunked", packed[1]),
        (b"\r\nTransfer-Encoding: chunked", chunked[: len(chunked) // 2]),
    ])  # fmt: skip
    kind = pick(
        [
            b"application/json",
            b"application/json; odata.metadata=minimal; charset=utf-8",
            b"text/html",
            b"",
            b"\xff",
        ]
    )
    return head + b"\r\nContent-Type: " + kind + packed[0] + frame + b"\r\n\r\n" + sent


def no_longer_than(seconds, ask):
    started = time.monotonic()
    try:
        return ask()
    except P2CError as error:
        return error
    finally:
        assert time.monotonic() - started < seconds


@pytest.mark.parametrize("first", range(0, 600, ROUNDS))
def test_a_read_ends_in_whole_pages_or_a_named_error(raw_server, client, first):
    for seed in range(first, first + ROUNDS):
        mess = Mess(seed)
        client.clock.__init__("raw")  # what one case asked to wait is not for the next one
        raw_server.answer = framed(mess, mess.broken(mess.page()))
        found = no_longer_than(10, lambda: list(client.pages("accounts", ["name"])))
        assert isinstance(found, P2CError) or all(
            isinstance(row, bytes) for page in found for row in page.rows
        ), seed


@pytest.mark.parametrize("first", range(0, 300, ROUNDS))
@pytest.mark.parametrize("count", [1, 2])
def test_a_write_ends_in_an_answer_for_each_operation_or_a_named_error(raw_server, client, first, count):
    for seed in range(first, first + ROUNDS):
        mess = Mess(seed)
        client.clock.__init__("raw")
        raw_server.answer = framed(mess, mess.broken(mess.error()))
        found = no_longer_than(10, lambda: client.write([CHANGE] * count, 3))
        assert isinstance(found, P2CError) or [type(answer) for answer in found] == [Answer] * count, seed


@pytest.mark.parametrize("seed", range(40))
def test_links_that_lead_nowhere_end_the_read(raw_server, client, seed):
    """Links to the same page, in a circle, to another origin, to no valid address, and endless empty pages."""
    pick = random.Random(seed).choice
    link = pick([*LINKS, raw_server.url + "/x"])
    body = b'{"value":[],"@odata.nextLink":"%s"}' % link.replace("\\", "\\\\").encode()
    raw_server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    found = no_longer_than(10, lambda: list(client.pages("accounts", ["name"])))
    assert isinstance(found, P2CError)
    assert len(raw_server.asked) <= 3
