"""A write leaves before the second that its caller names, or not at all."""

import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients import Credentials, DataverseClient, Operation
from prospect_to_cash.clients.http.transport import AnswerLost, TooLate, Transport

API = "/api/data/v9.2/"
TOKEN = "/00000000-0000-0000-0000-00000000000a/oauth2/v2.0/token"
ID = "00000000-0000-0000-0000-000000000001"
CHANGE = Operation("PATCH", "accounts", ID, b'{"n":1}')
CREATE = Operation("POST", "accounts", None, b'{"n":1}')


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no /proc")
def test_seconds_are_those_of_the_whole_uptime():
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(boottime() - uptime) < 1


def kinds(answers):
    return [(answer.kind, answer.open_try) for answer in answers]


@pytest.mark.parametrize("operations", [[CHANGE], [CREATE], [CHANGE, CREATE]])
def test_after_that_second_nothing_leaves_and_every_write_is_not_run(server, sales, operations):
    answers = sales.write(operations, 10, valid_until=boottime() - 0.001)
    assert kinds(answers) == [("not_run", False)] * len(operations)
    assert "has passed" in answers[0].sentence
    assert server.requests() == []


def test_before_that_second_a_write_leaves(server, sales):
    server.answer(f"{API}accounts({ID})", (204, "", {}))
    assert kinds(sales.write([CHANGE], 10, valid_until=boottime() + 60)) == [("done", False)]


def test_a_token_that_came_late_does_not_let_the_write_leave(server, sales):
    token = server.answers[TOKEN][0]

    def slow(handler):
        time.sleep(0.5)
        return token(handler)

    server.answer(TOKEN, slow)
    assert kinds(sales.write([CHANGE], 10, valid_until=boottime() + 0.2)) == [("not_run", False)]
    assert server.requests() == []


def test_a_wait_of_the_service_does_not_let_the_write_leave_late(server, sales):
    server.answer(f"{API}accounts({ID})", (429, "", {"Retry-After": "1"}), (204, "", {}))
    assert kinds(sales.write([CHANGE], 10, valid_until=boottime() + 0.5)) == [("not_run", False)]
    assert len(server.requests()) == 1


def test_a_try_that_may_have_been_executed_stays_unknown_when_the_time_is_over(server, sales):
    def busy(handler):
        time.sleep(0.3)
        return 503, "<html>", {}

    server.answer(f"{API}accounts({ID})", busy, (204, "", {}))
    assert kinds(sales.write([CHANGE], 10, valid_until=boottime() + 0.2)) == [("unknown", True)]
    assert len(server.requests()) == 1


class Listener:
    """Accepts one connection, never answers, and keeps what arrives."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.received = b""
        self.done = threading.Event()
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/x"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        connection, _ = self.listener.accept()
        connection.settimeout(5)
        while data := connection.recv(65536):
            self.received += data
        self.done.set()


def send(transport, url, body, valid_until):
    return transport.send("POST", url, {"Content-Type": "application/json"}, body, "token", 5, valid_until)


def test_the_time_is_compared_when_the_connection_stands():
    other = Listener()
    transport = Transport()
    with pytest.raises(TooLate):
        send(transport, other.url, b"{}", boottime() - 1)
    transport.close()
    assert other.done.wait(5)
    assert other.received == b""


def test_a_name_that_resolves_slowly_does_not_let_the_write_leave(server, credentials, monkeypatch):
    looked_up = socket.getaddrinfo

    def slow(*args, **kwargs):
        time.sleep(0.3)
        return looked_up(*args, **kwargs)

    with DataverseClient(server.url, credentials, deadline=5) as client:
        client.tokens.token()
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        assert kinds(client.write([CHANGE], 10, valid_until=boottime() + 0.2)) == [("not_run", False)]
    assert server.requests() == []


def test_a_time_that_passes_between_head_and_body_leaves_the_write_in_doubt(monkeypatch):
    other = Listener()
    sent = socket.socket.sendall

    def slow(self, data, *args):
        sent(self, data, *args)
        time.sleep(0.3)

    transport = Transport()
    monkeypatch.setattr(socket.socket, "sendall", slow)
    with pytest.raises(AnswerLost):
        send(transport, other.url, b'{"body":1}', boottime() + 0.1)
    transport.close()
    assert other.done.wait(5)
    assert b"body" not in other.received


def test_the_time_is_compared_after_the_handshake_of_tls_too(d365_sandbox_factory, monkeypatch):
    sandbox = d365_sandbox_factory(environment={"SANDBOX_TLS": "1"})
    card = sandbox.card
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", card["ca_file"])
    credentials = Credentials(card["tenant_id"], "sandbox", "sandbox-secret", authority=card["sales_url"])
    change = Operation("PATCH", "accounts", ID, b'{"name":"A"}')
    with DataverseClient(card["sales_url"], credentials) as client:
        assert kinds(client.write([change], 10, valid_until=boottime() - 1)) == [("not_run", False)]
        assert sandbox.sales.admin.requests(path="accounts") == []
        assert kinds(client.write([change], 10, valid_until=boottime() + 60)) == [("done", False)]
    sandbox.stop()
