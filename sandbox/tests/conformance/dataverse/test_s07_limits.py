"""Dataverse sheet, section 7: service protection limits."""

import socket
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from support.running import Sandbox, batch, part
from support.selling import error

BURST = "x-ms-ratelimit-burst-remaining-xrm-requests"
TIME = "x-ms-ratelimit-time-remaining-xrm-requests"


@contextmanager
def protected(folder, *arguments, **environment):
    sandbox = Sandbox(folder, *arguments, **environment)
    try:
        yield sandbox.sales
    finally:
        sandbox.kill()


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """A Sales that takes five requests of a user in five minutes."""
    with protected(tmp_path_factory.mktemp("few"), "--limit-requests", "5") as sales:
        yield sales


@pytest.fixture
def fresh(few):
    """The same with an empty window."""
    offset = fresh_offsets.pop()
    few.admin("POST", "clock", {"offset_seconds": offset})
    return few


fresh_offsets = list(range(100_000, 0, -1000))


def fill(sales, requests=5):
    for _ in range(requests):
        assert sales.get("WhoAmI").status_code == 200


def test_s07_more_requests_than_the_limit_are_429_with_code_and_message(fresh):
    fill(fresh)
    refused = fresh.get("WhoAmI")
    assert error(refused) == (429, "0x80072322")
    assert refused.json()["error"]["message"] == (
        "Number of requests exceeded the limit of 5 over time window of 300 seconds."
    )
    assert refused.headers["Content-Type"].startswith("application/json")


def test_s07_retry_after_is_a_whole_number_of_seconds_within_the_window(fresh):
    fill(fresh)
    assert 1 <= int(fresh.get("WhoAmI").headers["Retry-After"]) <= 300


def test_s07_the_window_slides(fresh):
    offset = fresh_offsets.pop()
    fresh.admin("POST", "clock", {"offset_seconds": offset})
    fill(fresh, 3)
    fresh.admin("POST", "clock", {"offset_seconds": offset + 200})
    fill(fresh, 2)
    assert fresh.get("WhoAmI").status_code == 429
    fresh.admin("POST", "clock", {"offset_seconds": offset + 301})
    fill(fresh, 2)
    assert fresh.get("WhoAmI").status_code == 429


def test_s07_the_wait_is_longer_the_more_one_pushes(fresh):
    offset = fresh_offsets.pop()
    fresh.admin("POST", "clock", {"offset_seconds": offset})
    fill(fresh)
    first = int(fresh.get("WhoAmI").headers["Retry-After"])
    fresh.admin("POST", "clock", {"offset_seconds": offset + 250})
    waits = [int(fresh.get("WhoAmI").headers["Retry-After"]) for _ in range(6)]
    assert waits[0] <= 50 < 290 <= waits[-1] <= 300
    assert first >= 290


def test_s07_a_failed_request_changes_no_data_and_can_be_resent(fresh):
    fill(fresh)
    path = "accounts(6a5b0c5e-0000-4000-8000-000000000001)"
    assert fresh.patch(path, {"name": "A"}).status_code == 429
    fresh.admin("POST", "clock", {"offset_seconds": fresh_offsets.pop()})
    assert fresh.get(path).status_code == 404
    assert fresh.patch(path, {"name": "A"}).status_code == 204
    fresh.delete(path)


def test_s07_a_batch_counts_as_one_request(fresh):
    for _ in range(5):
        answer = fresh.batch(batch(*[part("GET WhoAmI")] * 10))
        assert answer.text.count("200 OK") == 10
    assert fresh.get("WhoAmI").status_code == 429


def test_s07_tokens_and_the_admin_api_are_not_limited(fresh):
    fill(fresh)
    assert fresh.get("WhoAmI").status_code == 429
    assert fresh.ask_token().status_code == 200
    assert fresh.admin("GET", "counts").status_code == 200


def test_s07_a_new_token_is_the_same_user(fresh):
    fill(fresh)
    again = {"Authorization": f"Bearer {fresh.token()}"}
    assert fresh.get("WhoAmI", **again).status_code == 429


def test_s07_every_user_has_limits_of_his_own(tmp_path):
    with protected(tmp_path / "home", "--limit-requests", "2", SANDBOX_CLIENTS="other=secret-o") as sales:
        fill(sales, 2)
        assert sales.get("WhoAmI").status_code == 429
        token = sales.ask_token(client_id="other", client_secret="secret-o").json()["access_token"]
        assert sales.get("WhoAmI", Authorization=f"Bearer {token}").status_code == 200


def test_s08_details_are_added_to_a_429_when_every_annotation_is_asked_for(fresh):
    fill(fresh)
    refused = fresh.get("WhoAmI", Prefer='odata.include-annotations="*"').json()["error"]
    assert refused["@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode"] == "-2147015902"
    assert set(fresh.get("WhoAmI").json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("path", ["WhoAmI", "nosuch", "accounts?$top=1"])
def test_s07_a_degree_of_parallelism_is_suggested(sales, path):
    assert int(sales.get(path).headers["x-ms-dop-hint"]) >= 1


def test_s07_what_is_left_is_told_on_every_answer(fresh):
    first, second = fresh.get("WhoAmI"), fresh.get("nosuch")
    assert (first.headers[BURST], second.headers[BURST]) == ("4", "3")
    assert float(second.headers[TIME].replace(",", "")) <= float(first.headers[TIME].replace(",", "")) <= 1200


def test_s07_refused_requests_are_in_the_request_log(fresh):
    fill(fresh)
    fresh.admin("DELETE", "requests")
    fresh.get("WhoAmI")
    (entry,) = fresh.admin("GET", "requests").json()["requests"]
    assert (entry["path"], entry["status"]) == ("/api/data/v9.2/WhoAmI", 429)


def test_s07_the_limits_are_off_by_default_but_counted_from_the_documented_ones(sales):
    before = int(sales.get("WhoAmI").headers[BURST])
    assert 5900 <= before < 6000
    assert int(sales.get("WhoAmI").headers[BURST]) == before - 1


def test_s07_execution_time_is_limited_with_its_own_code_and_message(tmp_path):
    with protected(tmp_path / "home", "--limit-execution-ms", "1") as sales:
        names = [{"@odata.type": "Microsoft.Dynamics.CRM.account", "name": "A"}] * 500
        assert sales.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": names}).ok
        refused = sales.get("WhoAmI")
        assert error(refused) == (429, "0x80072321")
        assert refused.json()["error"]["message"] == (
            "Combined execution time of incoming requests exceeded limit of 1 milliseconds over time window of 300 "
            "seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later."
        )
        assert 1 <= int(refused.headers["Retry-After"]) <= 300
        assert refused.headers[TIME] == "0.00"
        sales.admin("POST", "clock", {"offset_seconds": 301})
        assert sales.get("WhoAmI").status_code == 200


def test_s07_thousands_of_milliseconds_are_written_with_a_comma(tmp_path):
    with protected(tmp_path / "home", "--limit-execution-ms", "1000") as sales:
        sales.set_faults({"match": {"times": 1}, "effect": {"kind": "slow", "latency": 1.1}})
        assert sales.get("WhoAmI").status_code == 200
        refused = sales.get("WhoAmI").json()["error"]["message"]
        assert "exceeded limit of 1,000 milliseconds over time window of 300 seconds." in refused


def test_s07_52_concurrent_requests_are_the_limit_and_trip_at_once(tmp_path):
    with protected(tmp_path / "home", "--limit-concurrent") as sales:
        held = [hold(sales) for _ in range(52)]
        try:
            refused = sales.get("WhoAmI")
            assert error(refused) == (429, "0x80072326")
            assert (
                refused.json()["error"]["message"]
                == "Number of concurrent requests exceeded the limit of 52."
            )
            assert int(refused.headers["Retry-After"]) >= 1
            finish(held.pop())
            assert sales.get("WhoAmI").status_code == 200
        finally:
            for connection in held:
                connection.close()


def test_s07_the_documented_limits_are_the_defaults():
    from d365_sandbox.server.settings import read_settings

    limits = read_settings(
        ["--limit-requests", "--limit-execution-ms", "--limit-concurrent"], {}
    ).sales.limits
    found = (limits.requests, limits.execution_ms, limits.concurrent, limits.window_seconds)
    assert found == (6000, 1_200_000, 52, 300)


def hold(sales):
    """A request that has arrived, all but its body."""
    address = urlsplit(sales.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    lines = (
        "POST /api/data/v9.2/accounts HTTP/1.1",
        f"Host: {address.netloc}",
        f"Authorization: {sales.session.headers['Authorization']}",
        "Content-Type: application/json",
        "Content-Length: 12",
        "Expect: 100-continue",
    )
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    return connection


def finish(connection):
    connection.sendall(b'{"name":"A"}')
    assert connection.recv(1000).startswith(b"HTTP/1.1 204")
    connection.close()


def test_s07_limits_are_those_of_a_web_server_and_the_affinity_cookie_keeps_one(tmp_path):
    with protected(tmp_path / "home", "--limit-requests", "3", "--web-servers", "2") as sales:
        assert [sales.get("WhoAmI").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert sales.session.cookies.get("ARRAffinity") == "0"
        found = []
        for _ in range(4):
            sales.session.cookies.clear()
            found.append(sales.get("WhoAmI").status_code)
        assert sorted(found) == [200, 200, 429, 429]


def test_s07_a_single_server_sets_no_cookie(sales):
    assert "Set-Cookie" not in sales.get("WhoAmI").headers
