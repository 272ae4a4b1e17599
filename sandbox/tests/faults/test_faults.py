import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from support.running import batch, change_set, part


@pytest.fixture(autouse=True)
def _clean(sales, finops):
    yield
    for client in (sales, finops):
        client.admin("DELETE", "faults")


@pytest.fixture(scope="module")
def accounts(sales):
    rows = [{"accountid": f"{n:08x}-0000-4000-8000-000000000000", "name": f"A{n}"} for n in range(10)]
    sales.admin("PUT", "rows/accounts", rows)
    return sales


def status(number, **more):
    return {"kind": "status", "status": number, **more}


# ------------------------------------------------------------------------------------------------ rules


def test_without_a_rule_nothing_is_spoiled_and_rules_are_shown_with_their_counts(accounts):
    assert accounts.admin("GET", "faults").json() == {"rules": []}
    accounts.set_faults({"match": {"set": "accounts"}, "effect": status(503)})
    assert accounts.get("accounts").status_code == 503
    assert accounts.get("contacts").status_code == 200
    shown = accounts.admin("GET", "faults").json()["rules"][0]
    assert (shown["seen"], shown["struck"], shown["match"]) == (1, 1, {"set": "accounts"})


def test_a_rule_is_added_replaced_and_removed(accounts):
    first = accounts.set_faults({"effect": status(500)})[0]["id"]
    second = accounts.admin("POST", "faults", {"effect": status(502)}).json()["rules"][0]["id"]
    assert [r["id"] for r in accounts.admin("GET", "faults").json()["rules"]] == [first, second]
    assert accounts.get("accounts").status_code == 500
    assert accounts.admin("DELETE", f"faults/{first}").status_code == 204
    assert accounts.admin("DELETE", f"faults/{first}").status_code == 404
    assert accounts.get("accounts").status_code == 502
    assert accounts.admin("DELETE", "faults").status_code == 204
    assert accounts.get("accounts").status_code == 200


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"effect": {"kind": "nosuch"}}, "nosuch"),
        ({"match": {"methd": "GET"}, "effect": "reset"}, "methd"),
        ({"match": {"path": "("}, "effect": "reset"}, "match"),
        ({"match": {"where": "everywhere"}, "effect": "reset"}, "where"),
        ({"match": {}}, "effect"),
        ({"effect": {"kind": "status"}}, "status"),
        ({"effect": {"kind": "garbled", "style": "pretty"}}, "style"),
        ({"effect": {"kind": "drift", "set": "accounts", "retyped": {"name": "money"}}}, "money"),
        ("reset", "object"),
    ],
)
def test_a_wrong_rule_says_what_is_wrong_and_sets_nothing(accounts, rule, word):
    answer = accounts.admin("PUT", "faults", [{"effect": status(500)}, rule])
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert accounts.admin("GET", "faults").json()["rules"] == []


def statuses(client, times, path="accounts?$top=1"):
    return [client.get(path).status_code for _ in range(times)]


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"nth": 2}, [200, 503, 200, 200, 200, 200]),
        ({"nth": [1, 3]}, [503, 200, 503, 200, 200, 200]),
        ({"every": 3}, [200, 200, 503, 200, 200, 503]),
        ({"times": 2}, [503, 503, 200, 200, 200, 200]),
        ({"after": 4}, [200, 200, 200, 200, 503, 503]),
        ({"every": 2, "times": 1}, [200, 503, 200, 200, 200, 200]),
    ],
)
def test_a_rule_strikes_some_of_the_requests_that_fit(accounts, match, expected):
    accounts.set_faults({"match": match, "effect": status(503)})
    assert statuses(accounts, 6) == expected


def test_a_share_of_requests_is_drawn_from_a_seed(accounts):
    drawn = []
    for seed in (7, 7, 8):
        accounts.set_faults({"match": {"share": 0.5, "seed": seed}, "effect": status(503)})
        drawn.append(statuses(accounts, 30))
    assert drawn[0] == drawn[1] != drawn[2]
    assert 5 < drawn[0].count(503) < 25


def test_requests_are_told_apart_by_method_path_query_and_set(accounts):
    accounts.set_faults(
        {"match": {"method": ["PATCH", "DELETE"]}, "effect": status(412)},
        {"match": {"path": r"/\$count$"}, "effect": status(500)},
        {"match": {"query": r"\$skiptoken"}, "effect": status(502)},
        {"match": {"set": "contacts"}, "effect": status(403)},
    )
    key = "00000000-0000-4000-8000-000000000000"
    assert accounts.get("accounts").status_code == 200
    assert accounts.patch(f"accounts({key})", {"name": "x"}).status_code == 412
    assert accounts.get("accounts/$count").status_code == 500
    assert accounts.get("accounts?$skiptoken=x").status_code == 502
    assert accounts.get(f"contacts({key})").status_code == 403


def test_each_system_has_its_own_rules(accounts, finops):
    accounts.set_faults({"effect": status(503)})
    assert finops.get("Currencies").status_code == 200
    assert finops.admin("GET", "faults").json()["rules"] == []


def test_the_log_names_the_faults_and_is_filtered(accounts):
    accounts.admin("DELETE", "requests")
    accounts.set_faults({"name": "bad day", "match": {"nth": 2}, "effect": status(503)})
    statuses(accounts, 3)
    accounts.set_faults({"match": {"method": "POST"}, "effect": "lost"})
    with pytest.raises(requests.ConnectionError):
        accounts.post("accounts", {"name": "kept"})

    def log(**wanted):
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        return accounts.admin("GET", f"requests?{query}").json()["requests"]

    assert [entry.get("faults") for entry in log()] == [None, ["bad day"], None, ["lost"]]
    assert [entry["status"] for entry in log(fault="any")] == [503, 204]
    assert [entry["n"] for entry in log(fault="bad day")] == [entry["n"] for entry in log(status=503)]
    assert len(log(fault="none")) == 2
    assert [entry["method"] for entry in log(method="post")] == ["POST"]
    assert log(path="contacts") == []


# ---------------------------------------------------------------------------------------------- statuses


def test_429_comes_with_the_documented_body_and_retry_after_in_seconds_as_a_date_or_not_at_all(
    accounts, finops
):
    accounts.set_faults({"effect": status(429, retry_after=17)})
    answer = accounts.get("accounts")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "17")
    assert answer.json()["error"]["code"] == "0x80072322"
    accounts.set_faults({"effect": status(429, retry_after=60, retry_after_date=True)})
    until = parsedate_to_datetime(accounts.get("accounts").headers["Retry-After"])
    assert 50 < (until - datetime.now(UTC)).total_seconds() <= 61
    accounts.set_faults({"effect": status(429)})
    assert "Retry-After" not in accounts.get("accounts").headers
    finops.set_faults({"effect": status(429, retry_after=1)})
    assert "high resource utilization" in finops.get("Currencies").text


@pytest.mark.parametrize("code", [502, 503, 504, 408])
def test_a_gateway_answers_html(accounts, finops, code):
    for client in (accounts, finops):
        client.set_faults({"effect": status(code)})
        answer = client.get("x")
        assert (answer.status_code, answer.headers["Content-Type"]) == (code, "text/html; charset=utf-8")
        assert str(code) in answer.text


@pytest.mark.parametrize("code", [400, 403, 404, 412, 428, 500])
def test_an_error_of_the_system_has_its_envelope(accounts, finops, code):
    accounts.set_faults({"effect": status(code)})
    assert set(accounts.get("accounts").json()["error"]) == {"code", "message"}
    finops.set_faults({"effect": status(code)})
    answer = finops.get("Currencies")
    assert answer.status_code == code
    assert answer.json()["error"]["innererror"]["message"]


def test_401_challenges_as_a_stale_token_does(accounts):
    accounts.set_faults({"effect": status(401)})
    answer = accounts.get("accounts")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_a_body_code_and_headers_can_be_given(accounts):
    expired = "Version stamp associated with the client has expired. Please perform a full sync."
    accounts.set_faults({"effect": status(410, code="0x80044352", message=expired, headers={"x-hint": "1"})})
    answer = accounts.get("accounts")
    assert (answer.status_code, answer.headers["x-hint"]) == (410, "1")
    assert answer.json() == {"error": {"code": "0x80044352", "message": expired}}
    accounts.set_faults({"effect": status(500, body="plain words", content_type="text/plain")})
    assert accounts.get("accounts").text == "plain words"
    accounts.set_faults({"effect": status(500, body={"odd": [1]})})
    assert accounts.get("accounts").json() == {"odd": [1]}


def test_a_status_may_come_before_or_after_the_work_is_done(accounts):
    accounts.set_faults({"match": {"method": "POST"}, "effect": status(504)})
    assert accounts.post("accounts", {"name": "not done"}).status_code == 504
    assert accounts.rows("accounts?$filter=name eq 'not done'") == []
    accounts.set_faults({"match": {"method": "POST"}, "effect": status(504, executes=True)})
    assert accounts.post("accounts", {"name": "done"}).status_code == 504
    assert len(accounts.rows("accounts?$filter=name eq 'done'")) == 1


def test_all_tokens_expire_at_a_request_or_by_the_admin_api(running, accounts):
    accounts.set_faults({"match": {"nth": 2}, "effect": "tokens_expire"})
    assert statuses(accounts, 3) == [200, 401, 401]
    accounts.session.headers["Authorization"] = f"Bearer {accounts.token()}"
    running.finops.session.headers["Authorization"] = f"Bearer {running.finops.token()}"
    assert statuses(accounts, 1) == [200]
    assert accounts.admin("POST", "tokens", {"expire": True}).json()["expired"] == 2
    assert statuses(accounts, 1) == [401]
    accounts.admin("POST", "tokens", {"seconds": 7})
    assert accounts.ask_token().json()["expires_in"] == 7
    accounts.admin("POST", "tokens", {"seconds": 3599})
    for client in (accounts, running.finops):
        client.session.headers["Authorization"] = f"Bearer {client.token()}"


def test_the_token_endpoint_is_spoiled_too(accounts):
    accounts.set_faults({"match": {"path": "/oauth2/"}, "effect": status(503)})
    assert accounts.ask_token().status_code == 503
    assert accounts.get("accounts").status_code == 200


# ------------------------------------------------------------------------------------------ parts of batches


def test_a_part_of_a_batch_fails_and_the_others_do_not(accounts):
    accounts.set_faults({"match": {"where": "parts", "nth": 2}, "effect": status(429, retry_after=1)})
    text = batch(*[part("POST accounts", {"name": f"part {n}"}) for n in range(3)])
    answer = accounts.batch(text, Prefer="odata.continue-on-error")
    assert answer.text.count("HTTP/1.1 204") == 2
    assert answer.text.count("HTTP/1.1 429") == 1
    assert "Retry-After: 1" in answer.text
    kept = accounts.rows("accounts?$filter=startswith(name,'part ')")
    assert [row["name"] for row in kept] == ["part 0", "part 2"] or len(kept) == 2
    assert accounts.admin("GET", "requests?fault=status").json()["requests"][-1]["path"].endswith("$batch")


def test_a_failing_part_of_a_change_set_undoes_it(accounts, finops):
    accounts.set_faults({"match": {"where": "parts", "nth": 2}, "effect": status(500)})
    parts = [part("POST accounts", {"name": "undone"}, str(n)) for n in range(3)]
    assert "HTTP/1.1 500" in accounts.batch(batch(change_set(*parts))).text
    assert accounts.rows("accounts?$filter=name eq 'undone'") == []
    finops.set_faults({"match": {"where": "parts", "nth": 2}, "effect": status(500)})
    parts = [part("POST Currencies", {"CurrencyCode": f"X{n}"}, str(n)) for n in range(3)]
    assert "HTTP/1.1 500" in finops.batch(batch(change_set(*parts))).text
    assert [row["CurrencyCode"] for row in finops.rows("Currencies")] == ["USD"]


def test_a_rule_for_both_counts_requests_and_parts(accounts):
    accounts.set_faults({"match": {"where": "both", "set": "accounts"}, "effect": status(503)})
    assert accounts.get("accounts").status_code == 503
    answer = accounts.batch(
        batch(part("GET accounts"), part("GET contacts")), Prefer="odata.continue-on-error"
    )
    assert (answer.text.count("HTTP/1.1 503"), answer.text.count("HTTP/1.1 200")) == (1, 1)


def test_headers_of_parts_may_be_lower_case(accounts):
    text = batch(change_set(part("POST accounts", {"name": "Lower"}, "1")), part("GET accounts?$top=1"))
    accounts.set_faults({"effect": "lower_case_parts"})
    answer = accounts.batch(text)
    assert (
        "content-type: application/http\r\ncontent-transfer-encoding: binary\r\ncontent-id: 1" in answer.text
    )
    assert "odata-entityid: http" in answer.text
    assert "Content-Type" not in answer.text
    assert '"value":[{"@odata.etag"' in answer.text


# ----------------------------------------------------------------------------------------- on the wire


def test_a_read_is_cut_in_mid_body(accounts):
    for how in (False, True):
        accounts.set_faults({"effect": {"kind": "cut", "at": 0.5, "reset": how}})
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            accounts.get("accounts")
    accounts.set_faults({"effect": {"kind": "cut", "at": 40}})
    answer = accounts.session.get(accounts.url + accounts.root + "accounts", stream=True, timeout=10)
    assert len(answer.raw.read(40)) == 40
    assert int(answer.headers["Content-Length"]) > 40


def test_a_batch_is_carried_out_and_its_answer_cut_within_a_part(accounts):
    accounts.set_faults({"match": {"path": "batch"}, "effect": {"kind": "cut", "in_part": 2}})
    text = batch(*[part("POST accounts", {"name": "cut batch"}) for n in range(3)])
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        accounts.batch(text)
    assert len(accounts.rows("accounts?$filter=name eq 'cut batch'")) == 3


def test_a_reset_comes_before_the_work_and_a_lost_answer_after_it(accounts):
    for kind, kept in (("reset", 0), ("lost", 1)):
        accounts.set_faults({"match": {"method": "POST"}, "effect": kind})
        with pytest.raises(requests.ConnectionError):
            accounts.post("accounts", {"name": f"by {kind}"})
        assert len(accounts.rows(f"accounts?$filter=name eq 'by {kind}'")) == kept


@pytest.mark.parametrize("effect", [{}, {"seconds": 30}, {"executes": True}, {"in_body": True}])
def test_a_hanging_request_is_answered_by_nobody_and_holds_nobody_else_up(accounts, effect):
    accounts.set_faults({"match": {"nth": 1}, "effect": {"kind": "hang", **effect}})
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        accounts.session.get(accounts.url + accounts.root + "accounts", timeout=0.3)
    assert accounts.get("accounts").status_code == 200


def test_a_hang_ends_after_its_seconds(accounts):
    accounts.set_faults({"effect": {"kind": "hang", "seconds": 0.1}})
    began = time.monotonic()
    assert accounts.get("accounts").status_code == 200
    assert time.monotonic() - began >= 0.1


def test_an_answer_is_late_and_slow(accounts):
    size = len(accounts.get("accounts").content)
    accounts.set_faults({"effect": {"kind": "slow", "latency": 0.1, "bytes_per_second": size * 4}})
    began = time.monotonic()
    assert len(accounts.get("accounts").content) == size
    assert time.monotonic() - began >= 0.25


def test_an_answer_comes_in_chunks(accounts):
    plain = accounts.get("accounts").content
    accounts.set_faults({"effect": {"kind": "chunked", "size": 100}})
    answer = accounts.get("accounts")
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in answer.headers
    assert answer.content == plain


def test_a_content_length_is_wrong(accounts):
    accounts.set_faults({"effect": {"kind": "wrong_length", "by": 10}})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        accounts.get("accounts")
    accounts.set_faults({"effect": {"kind": "wrong_length", "by": -10}})
    with pytest.raises(ValueError, match=r"."):
        json.loads(accounts.get("accounts").content)


# -------------------------------------------------------------------------------------------- bodies


def test_html_comes_with_status_200(accounts):
    accounts.set_faults({"effect": "html"})
    answer = accounts.get("accounts")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize("style", ["truncated", "noise", "empty"])
def test_json_is_garbled(accounts, style):
    accounts.set_faults({"effect": {"kind": "garbled", "style": style}})
    answer = accounts.get("accounts")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        json.loads(answer.content)


def test_a_byte_order_mark_stands_before_json(accounts):
    accounts.set_faults({"effect": "bom"})
    assert accounts.get("accounts").content.startswith(b'\xef\xbb\xbf{"@odata.context"')


def test_a_body_is_zipped(accounts):
    accounts.set_faults({"effect": "gzip"})
    answer = accounts.get("accounts")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.json()["value"]) >= 10


def test_links_are_relative_or_encoded(accounts):
    page = {"Prefer": "odata.maxpagesize=4"}
    for effect, beginning in (
        ("relative_links", "accounts?$"),
        ({"kind": "relative_links", "rooted": True}, "/api/data/v9.2/accounts?$"),
        ("encoded_links", accounts.url + "/api/data/v9.2/accounts?%24"),
    ):
        accounts.set_faults({"effect": effect})
        link = accounts.get("accounts?$select=name", **page).json()["@odata.nextLink"]
        assert link.startswith(beginning)
        assert ("%24skiptoken=" in link) == (effect == "encoded_links")
    assert len(accounts.get(link, **page).json()["value"]) == 4


def test_headers_and_statuses_are_restated(accounts):
    accounts.set_faults(
        {
            "match": {"method": "POST"},
            "effect": {"kind": "headers", "remove": ["OData-EntityId"], "status": 200, "set": {"x-a": "b"}},
        }
    )
    answer = accounts.post("accounts", {"name": "restated"})
    assert (answer.status_code, answer.headers["x-a"]) == (200, "b")
    assert "OData-EntityId" not in answer.headers
    assert answer.headers["Location"]


# ---------------------------------------------------------------------------------------------- paging


def names(pages):
    return [[row["name"] for row in page] for page in pages]


def test_a_page_repeats_the_last_rows_of_the_one_before(accounts):
    path = "accounts?$select=name&$orderby=name&$filter=startswith(name,'A') and name lt 'A9'"
    accounts.set_faults({"effect": {"kind": "overlap", "rows": 2}})
    for _ in range(2):
        assert names(accounts.pages(path, Prefer="odata.maxpagesize=4")) == [
            ["A0", "A1", "A2", "A3"],
            ["A2", "A3", "A4", "A5", "A6", "A7"],
            ["A6", "A7", "A8"],
        ]


def test_offset_pages_overlap_too(finops):
    finops.admin("PUT", "rows/UnitsOfMeasure", [{"UnitSymbol": f"u{n}"} for n in range(5)])
    finops.set_faults({"effect": {"kind": "overlap", "rows": 1}})
    pages = finops.pages("UnitsOfMeasure?$select=UnitSymbol", Prefer="odata.maxpagesize=3")
    assert [len(page) for page in pages] == [3, 4]


def test_a_page_is_delivered_twice(accounts):
    path = "accounts?$select=name&$orderby=name&$filter=startswith(name,'A') and name lt 'A5'"
    accounts.set_faults({"effect": "duplicate"})
    pages = [["A0", "A1", "A2"], ["A0", "A1", "A2"], ["A3", "A4"]]
    assert names(accounts.pages(path, Prefer="odata.maxpagesize=3")) == pages
    assert names(accounts.pages(path, Prefer="odata.maxpagesize=3")) == pages


# ------------------------------------------------------------------------------------------ schema drift


def test_columns_appear_vanish_and_change_their_type(accounts):
    drift = {
        "kind": "drift", "set": "accounts", "added": {"new_rating": 3}, "dropped": ["fax"],
        "retyped": {"numberofemployees": "string"},
    }  # fmt: skip
    row = accounts.create("accounts", {"name": "Drifting", "fax": "1", "numberofemployees": 5})
    accounts.set_faults({"match": {"where": "both"}, "effect": drift})
    shown = accounts.get(f"accounts({row['accountid']})").json()
    assert (shown["new_rating"], shown["numberofemployees"], "fax" in shown) == (3, "5", False)
    chosen = accounts.rows("accounts?$select=name,new_rating&$filter=name eq 'Drifting'")[0]
    assert (chosen["name"], chosen["new_rating"], "numberofemployees" in chosen) == ("Drifting", 3, False)
    refused = accounts.get("accounts?$select=name,fax")
    assert refused.status_code == 400
    assert "Could not find a property named 'fax' on type 'Microsoft.Dynamics.CRM.account'" in refused.text
    assert accounts.get("accounts?$filter=fax eq '1'").status_code == 400
    assert accounts.get("accounts?$filter=name eq 'fax'").status_code == 200
    assert accounts.post("accounts", {"name": "x", "fax": "2"}).status_code == 400
    assert "HTTP/1.1 400" in accounts.batch(batch(part("GET accounts?$select=fax"))).text
    assert accounts.get("contacts?$select=fax").status_code == 200


def test_metadata_tells_of_the_drift(accounts, finops):
    drift = {"kind": "drift", "set": "accounts", "added": {"new_a": True}, "dropped": ["fax"],
             "retyped": {"name": "integer"}}  # fmt: skip
    accounts.set_faults({"effect": drift})
    text = accounts.get("$metadata").text
    account = text[text.index('<EntityType Name="account"') :].partition("</EntityType>")[0]
    assert '<Property Name="new_a" Type="Edm.Boolean"' in account
    assert '<Property Name="name" Type="Edm.Int32"' in account
    assert 'Name="fax"' not in account
    assert 'Name="fax"' in text
    finops.set_faults({"effect": {"kind": "drift", "set": "Currencies", "dropped": ["Name"]}})
    assert finops.get("Currencies?$select=Name").status_code == 400
    assert "Name" not in finops.rows("Currencies")[0]
