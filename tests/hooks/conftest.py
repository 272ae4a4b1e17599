"""Connections from environment variables, and a small server for the hooks."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

TENANT = "00000000-0000-0000-0000-00000000000a"


@pytest.fixture
def connect(monkeypatch):
    """Defines a connection as AIRFLOW_CONN_<ID>."""

    def define(conn_id, **parts):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(parts))

    return define


@pytest.fixture
def system():
    """A server that gives a token and answers every path with what `system.answers` has for it."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = {"token_type": "Bearer", "expires_in": 3599, "access_token": "t"}
            path = self.path.partition("?")[0]
            status, body = answers.get(path, (200, token) if path.endswith("/token") else (404, {}))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.answers, http.url = answers, f"http://127.0.0.1:{http.server_port}"
    http.token_path = f"/{TENANT}/oauth2/v2.0/token"
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield http
    http.shutdown()
    http.server_close()


@pytest.fixture
def sales_connection(connect, system):
    """Defines d365_sales for the small server; keyword arguments change parts of it."""

    def define(**parts):
        extra = {"tenant_id": TENANT, "authority": system.url, **parts.pop("extra", {})}
        usual = {"conn_type": "d365_sales", "host": system.url, "login": "app", "password": "s3cret"}
        connect("d365_sales", **{**usual, **parts}, extra=extra)

    return define
