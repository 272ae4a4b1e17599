"""A programmable HTTP server on a real socket, and clients that talk to it."""

import json
import threading
import time
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote

import pytest

from prospect_to_cash.clients import Credentials, DataverseClient, FinOpsClient, RetryPolicy

TENANT = "00000000-0000-0000-0000-00000000000a"


@dataclass
class Seen:
    method: str
    path: str
    headers: dict
    body: bytes
    at: float

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(self.path.partition("?")[2]).items()}


def dropped(handler):
    """The server dies without an answer."""
    handler.close_connection = True
    handler.connection.close()


def cut(body, whole):
    """The body ends before its announced length."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(whole))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


def trickling(handler):
    """Headers at once, then a space every tenth of a second, far longer than anyone should wait."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    drip(handler, b" ")


def trickling_headers(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    drip(handler, b"x")


def drip(handler, byte):
    try:
        for _ in range(600):
            handler.wfile.write(byte)
            handler.wfile.flush()
            time.sleep(0.1)
    except OSError:
        handler.close_connection = True


class Server:
    """Answers each path (without query) with what was set for it, in turn; the last answer stays.

    An answer is (status, body, headers), or a function of the handler that writes to the socket itself.
    """

    dropped, cut = staticmethod(dropped), staticmethod(cut)
    trickling, trickling_headers = staticmethod(trickling), staticmethod(trickling_headers)

    def __init__(self):
        self.seen, self.answers, self.lock = [], {}, threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with server.lock:
                    seen = Seen(self.command, self.path, dict(self.headers), body, time.monotonic())
                    server.seen.append(seen)
                    turns = server.answers.get(unquote(self.path.partition("?")[0]), [(404, "", {})])
                    answer = turns.pop(0) if len(turns) > 1 else turns[0]
                if callable(answer):
                    answer = answer(self)
                if answer:
                    self.reply(*answer)

            def reply(self, status, body=b"", headers=None):
                body = body if isinstance(body, bytes | str) else json.dumps(body, separators=(",", ":"))
                body = body.encode() if isinstance(body, str) else body
                self.send_response_only(status)
                usual = {"Content-Type": "application/json", "Date": formatdate(usegmt=True)}
                for name, value in {**usual, **(headers or {})}.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_one

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.tokens = 0
        self.answer(f"/{TENANT}/oauth2/v2.0/token", self.token)

    def answer(self, path, *answers):
        self.answers[path] = list(answers)

    def token(self, _handler):
        with self.lock:
            self.tokens += 1
            return (
                200,
                {"token_type": "Bearer", "expires_in": 3599, "access_token": f"token-{self.tokens}"},
                {},
            )

    def requests(self, path=""):
        """The requests so far, without those for tokens."""
        return [seen for seen in self.seen if "/oauth2/" not in seen.path and path in seen.path]


@pytest.fixture
def server():
    started = Server()
    yield started
    started.http.shutdown()
    started.http.server_close()


@pytest.fixture
def other_server():
    started = Server()
    yield started
    started.http.shutdown()
    started.http.server_close()


@pytest.fixture
def credentials(server):
    return Credentials(tenant_id=TENANT, client_id="app", secret="s3cret", authority=server.url)


QUICK = RetryPolicy(attempts=3, backoff=0.01, longest_wait=30)


@pytest.fixture
def sales(server, credentials):
    with DataverseClient(server.url, credentials, deadline=5, retry=QUICK) as client:
        yield client


@pytest.fixture
def finops(server, credentials):
    with FinOpsClient(server.url, credentials, ("usmf",), deadline=5, retry=QUICK) as client:
        yield client


@pytest.fixture(scope="session")
def sandbox(d365_sandbox):
    """Both stand-ins; the content of sandbox.json."""
    return d365_sandbox.card


def sandbox_credentials(sandbox, url, secret="sandbox-secret"):
    return Credentials(sandbox["tenant_id"], sandbox["client_id"], secret, authority=url)


@pytest.fixture
def sandbox_sales(sandbox):
    url = sandbox["sales_url"]
    with DataverseClient(url, sandbox_credentials(sandbox, url)) as client:
        yield client


@pytest.fixture
def sandbox_finops(sandbox):
    url = sandbox["finops_url"]
    with FinOpsClient(url, sandbox_credentials(sandbox, url), ("usmf",)) as client:
        yield client
