"""However wrong a request is, the sandbox answers it, and never with an error of its own."""

import http.client
import os
from urllib.parse import urlsplit

import pytest

from support.wire_fuzzing import FINOPS_PATHS, SALES_PATHS, Fuzz

MANY = int(os.environ.get("FUZZ_REQUESTS", "50000"))  # for each system


def answers(client, fuzz, count):
    """The requests with their status; a connection that the server ends is opened anew."""
    host = urlsplit(client.url).netloc
    wire = http.client.HTTPConnection(host, timeout=20)
    authorization = {"Authorization": client.session.headers["Authorization"]}
    for _ in range(count):
        method, path, headers, body = fuzz.request()
        status, content = 0, b""
        for _ in range(2):
            try:
                wire.request(method, path, body, {**authorization, **headers})
                answer = wire.getresponse()
                status, content = answer.status, answer.read()
                break
            except (http.client.RemoteDisconnected, ConnectionError):
                wire.close()
        yield (method, path, headers, body), status, content


def failures(client, fuzz, count):
    found = []
    for request, status, content in answers(client, fuzz, count):
        if status == 0 or (status >= 500 and status != 501):
            found.append((status, *request, content[:300]))
    return found


@pytest.mark.parametrize(("system", "paths"), [("sales", SALES_PATHS), ("finops", FINOPS_PATHS)])
def test_some_malformed_requests_are_refused_and_none_breaks_the_sandbox(running, request, system, paths):
    client = request.getfixturevalue(system)
    assert failures(client, Fuzz(1, client.root, paths), 400) == []
    assert running.process.poll() is None


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("system", "paths"), [("sales", SALES_PATHS), ("finops", FINOPS_PATHS)])
def test_a_hundred_thousand_malformed_requests_break_nothing(running, request, system, paths):
    client = request.getfixturevalue(system)
    assert failures(client, Fuzz(2, client.root, paths), MANY)[:5] == []
    assert client.get("").status_code == 200
    assert running.process.poll() is None
