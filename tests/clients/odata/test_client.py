"""Reading: waiting, repeating, paging, and where the token goes."""

import threading
import time

import orjson
import pytest

from prospect_to_cash.clients import Credentials, DataverseClient, FinOpsClient
from prospect_to_cash.errors import Misconfigured, Throttled, Unavailable

ACCOUNTS = "/api/data/v9.2/accounts"
GROUPS = "/data/CustomerGroups"


def rows(*values, **more):
    return 200, {"value": [{"n": value} for value in values], **more}, {}


def read(client, **more):
    return [orjson.loads(row)["n"] for page in client.pages("accounts", ["n"], **more) for row in page.rows]


def test_follows_the_links_with_the_same_page_size(server, sales):
    server.answer(
        ACCOUNTS,
        rows(
            1,
            2,
            **{"@odata.nextLink": f"{server.url}{ACCOUNTS}?$select=n&$skiptoken=%3Ccookie%20a=%22%26%22/%3E"},
        ),
        rows(3, **{"@odata.nextLink": "accounts?$filter=a eq 'b'&%24skiptoken=abc%24"}),
        rows(4),
    )
    assert read(sales, page_size=2) == [1, 2, 3, 4]
    asked = server.requests(ACCOUNTS)
    assert [seen.headers["Prefer"] for seen in asked] == ["odata.maxpagesize=2"] * 3
    assert asked[1].path == ACCOUNTS + "?$select=n&$skiptoken=%3Ccookie%20a=%22%26%22/%3E"
    assert asked[2].path == ACCOUNTS + "?$filter=a%20eq%20'b'&%24skiptoken=abc%24"


def test_a_page_has_the_time_when_its_request_began(server, sales):
    from datetime import UTC, datetime, timedelta

    server.answer(ACCOUNTS, (200, {"value": []}, {"x-ms-service-request-id": "r1"}))
    before = datetime.now(UTC)
    page = next(sales.pages("accounts", ["n"]))
    assert before <= page.observed_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert page.request_id == "r1"


def test_filter_and_order_are_encoded_once(server, sales):
    server.answer(ACCOUNTS, rows())
    literal = sales.literal("A&B +1%")
    list(sales.pages("accounts", ["n", "m"], f"name eq {literal}", ["modifiedon", "n"]))
    assert server.requests()[0].query == {
        "$select": "n,m",
        "$filter": "name eq 'A&B +1%'",
        "$orderby": "modifiedon,n",
    }


@pytest.mark.parametrize(
    "where",
    [
        "{other}/api/data/v9.2/accounts?p=2",
        "//{host}/api",
        "https://127.0.0.1/api/data/v9.2/accounts",
        "http://{host}\\@{own}/x",
        "http://{own}@{host}/x",
    ],
)
def test_a_next_link_to_another_origin_is_refused(server, other_server, sales, where):
    link = where.format(
        other=other_server.url, host=other_server.url.partition("//")[2], own=server.url.partition("//")[2]
    )
    server.answer(ACCOUNTS, rows(1, **{"@odata.nextLink": link}))
    with pytest.raises(Misconfigured, match="not followed"):
        read(sales)
    assert other_server.seen == []


def test_a_redirect_is_not_followed(server, other_server, sales):
    server.answer(ACCOUNTS, (302, "", {"Location": other_server.url + ACCOUNTS}))
    with pytest.raises(Misconfigured, match="another address"):
        read(sales)
    assert other_server.seen == []


def test_a_page_that_links_to_itself_ends_the_read(server, sales):
    server.answer(ACCOUNTS, rows(1, **{"@odata.nextLink": f"{ACCOUNTS}?p=2"}))
    with pytest.raises(Unavailable, match="links to a page that was read before"):
        read(sales)


@pytest.mark.parametrize(
    "url",
    [
        "http://org.crm4.dynamics.com",
        "https://a:b@org.crm4.dynamics.com",
        "https://org.crm4.dynamics.com/main.aspx",
        "org",
        "",
    ],
)
def test_a_token_only_goes_to_an_https_root(url):
    with pytest.raises(Misconfigured):
        DataverseClient(url, Credentials())


@pytest.mark.parametrize(
    "fault",
    [
        (503, "<html>", {}),
        (502, "", {}),
        (500, {"error": {"code": "0x80044151", "message": "timeout"}}, {}),
        (200, "<html><title>Sign in</title></html>", {"Content-Type": "text/html"}),
        (200, '{"value":[{"n":1},{"n"', {}),
        (200, "", {}),
        "dropped",
        "cut",
    ],
)
def test_a_read_is_retried_after_a_fault(server, sales, fault):
    fault = (
        {"dropped": server.dropped, "cut": server.cut(b'{"value":[{"n":1}', 500)}.get(fault, fault)
        if isinstance(fault, str)
        else fault
    )
    server.answer(ACCOUNTS, fault, rows(1))
    assert read(sales) == [1]
    assert len(server.requests()) == 2


def test_a_read_gives_up_after_its_attempts(server, sales):
    server.answer(ACCOUNTS, (503, "<html><title>Sorry</title>", {}))
    with pytest.raises(Unavailable, match="Sorry"):
        read(sales)
    assert len(server.requests()) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_a_read_that_is_refused_stops_at_once_with_the_reason(server, sales, status):
    server.answer(
        ACCOUNTS, (status, {"error": {"code": "0x1", "message": "Could not find a property named 'x'"}}, {})
    )
    error = Unavailable if status == 501 else Misconfigured
    with pytest.raises(error, match="property named 'x'"):
        read(sales)
    assert len(server.requests()) == 1


@pytest.mark.parametrize("form", ["trickling", "trickling_headers"])
def test_a_server_that_trickles_is_left_at_the_deadline(server, credentials, form):
    from prospect_to_cash.clients import RetryPolicy

    server.answer(ACCOUNTS, getattr(server, form))
    client = DataverseClient(server.url, credentials, deadline=0.5, retry=RetryPolicy(attempts=1))
    client.tokens.token()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer within"):
        read(client)
    assert time.monotonic() - started < 1


def test_a_server_that_falls_silent_is_left_at_the_same_deadline(server, credentials):
    from prospect_to_cash.clients import RetryPolicy

    def fall_silent(handler):
        time.sleep(0.4)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        time.sleep(3)
        handler.close_connection = True

    server.answer(ACCOUNTS, fall_silent)
    client = DataverseClient(server.url, credentials, deadline=0.5, retry=RetryPolicy(attempts=1))
    client.tokens.token()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer within"):
        read(client)
    assert time.monotonic() - started < 0.8


def test_a_server_that_hangs_is_left_at_the_deadline(server, credentials):
    from prospect_to_cash.clients import RetryPolicy

    server.answer(ACCOUNTS, lambda _: time.sleep(3))
    client = DataverseClient(server.url, credentials, deadline=0.5, retry=RetryPolicy(attempts=1))
    client.tokens.token()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer within"):
        read(client)
    assert time.monotonic() - started < 1


def test_a_host_that_is_not_there_is_named(credentials):
    client = DataverseClient("http://127.0.0.1:1", credentials)
    client.retry = type(client.retry)(attempts=1)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 cannot be reached"):
        read(client)


def test_two_threads_wait_together_when_one_is_throttled(server, sales):
    barrier = threading.Barrier(2)
    server.answer(ACCOUNTS, (429, "{}", {"Retry-After": "1"}), rows(1))
    server.answer("/api/data/v9.2/products", rows(2))

    def first():
        barrier.wait()
        read(sales)

    def second():
        barrier.wait()
        time.sleep(0.3)
        list(sales.pages("products", ["n"]))

    sales.tokens.token()
    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    throttled_at = server.requests(ACCOUNTS)[0].at
    others = [seen.at for seen in server.requests() if seen.at > throttled_at]
    assert len(others) == 2
    assert min(others) - throttled_at >= 1
    assert max(others) - throttled_at < 2
    assert sales.clock.waits.asked == 1
    assert sales.clock.waits.seconds > 1


def test_a_wait_may_be_named_by_a_date(server, sales):
    when = {"Date": "Sat, 31 Jan 2026 09:00:00 GMT", "Retry-After": "Sat, 31 Jan 2026 09:00:01 GMT"}
    server.answer(ACCOUNTS, (429, "{}", when), rows(1))
    started = time.monotonic()
    assert read(sales) == [1]
    assert 1 <= time.monotonic() - started < 3


def test_waits_do_not_count_as_failed_attempts(server, sales):
    server.answer(ACCOUNTS, *[(429, "{}", {"Retry-After": "0"})] * 8, rows(1))
    assert read(sales) == [1]
    assert len(server.requests()) == 9


def test_cookies_are_not_kept(server, sales):
    server.answer(ACCOUNTS, (200, {"value": []}, {"Set-Cookie": "ARRAffinity=x; Path=/"}))
    read(sales)
    read(sales)
    assert "Cookie" not in server.requests()[1].headers


def test_a_wait_that_is_too_long_is_raised(server, sales):
    server.answer(ACCOUNTS, (429, "{}", {"Retry-After": "3600"}))
    with pytest.raises(Throttled) as asked:
        read(sales)
    assert 3590 < asked.value.retry_after <= 3600
    assert len(server.requests()) == 1


def test_a_wait_without_a_length_is_thirty_seconds_in_finops_and_grows_in_sales(server, sales, credentials):
    finops = FinOpsClient(server.url, credentials)
    finops.retry = type(finops.retry)(longest_wait=5)
    server.answer(ACCOUNTS, (429, "{}", {}), (429, "{}", {}), rows(1))
    assert read(sales) == [1]
    server.answer(GROUPS, (429, "{}", {}))
    with pytest.raises(Throttled) as asked:
        list(finops.pages("CustomerGroups", ["n"], orderby=["n"]))
    assert 29 < asked.value.retry_after <= 30


def test_eight_threads_refresh_a_refused_token_once(server, sales):
    def guarded(handler):
        if handler.headers["Authorization"] == "Bearer token-1":
            time.sleep(0.05)
            return 401, "", {"WWW-Authenticate": "Bearer"}
        return rows(1)

    server.answer(ACCOUNTS, guarded)
    got = []
    threads = [threading.Thread(target=lambda: got.extend(read(sales))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [1] * 8
    assert server.tokens == 2


def test_a_token_that_is_refused_twice_is_a_configuration_error(server, sales):
    server.answer(ACCOUNTS, (401, "", {}))
    with pytest.raises(Misconfigured, match="register the application there as a user"):
        read(sales)
    assert len(server.requests()) == 2


def test_a_netrc_does_not_replace_the_token(server, sales, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.answer(ACCOUNTS, rows(1))
    read(sales)
    assert server.requests()[0].headers["Authorization"] == "Bearer token-1"


def test_compressed_pages_are_read(server, sales):
    import gzip

    body = gzip.compress(b'{"value":[{"n":1}]}')
    server.answer(ACCOUNTS, (200, body, {"Content-Encoding": "gzip"}))
    assert read(sales) == [1]
    assert server.requests()[0].headers["Accept-Encoding"] == "gzip, deflate"


def test_many_keys_are_looked_up_in_urls_that_servers_take(server, sales):
    wanted = [{"name": f"O'Neil & Sons {n:04d} " + "x" * 60} for n in range(500)]
    server.answer(ACCOUNTS, rows(1))
    found = list(sales.lookup("accounts", wanted, ["name"]))
    asked = server.requests(ACCOUNTS)
    assert len(found) == len(asked) > 5
    assert max(len(seen.path) for seen in asked) < 8000
    assert sum(seen.query["$filter"].count(" eq ") for seen in asked) == 500
    assert list(sales.lookup("accounts", [], ["name"])) == []


def test_the_clock_is_the_sources_own(server, sales):
    html = (200, "<html>", {"Content-Type": "text/html", "Date": "Sat, 31 Jan 2026 09:00:00 GMT"})
    server.answer("/api/data/v9.2/WhoAmI", html, (200, {}, {}))
    from datetime import UTC, datetime

    assert abs((sales.now() - datetime.now(UTC)).total_seconds()) < 2
