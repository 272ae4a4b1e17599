"""Requests that are carried out after their caller was cut off."""

import time
from uuid import uuid4

import pytest
import requests

from support.running import batch, change_set, part


@pytest.fixture(autouse=True)
def _clean(sales, finops):
    yield
    for client in (sales, finops):
        client.admin("DELETE", "faults")
        client.admin("DELETE", "late")


def late(client, match=None, **effect):
    client.set_faults({"match": match or {"nth": 1}, "effect": {"kind": "late", **effect}})


def is_cut_off(send):
    started = time.monotonic()
    with pytest.raises(requests.ConnectionError):
        send()
    assert time.monotonic() - started < 2


def stored(client, name):
    return len(client.rows(f"accounts?$select=name&$filter=name eq '{name}'"))


def execute(client):
    return client.admin("POST", "late").json()["executed"]


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_a_late_request_is_carried_out_when_the_admin_says_so(sales, method, reset):
    name = uuid4().hex
    late(sales, reset=reset)
    path = "accounts" if method == "POST" else f"accounts({uuid4()})"
    is_cut_off(lambda: sales.call(method, path, {"name": name}))
    assert stored(sales, name) == 0
    assert sales.admin("GET", "late").json() == {
        "late": [{"method": method, "path": f"/api/data/v9.2/{path}"}]
    }
    assert (execute(sales), execute(sales)) == (1, 0)
    assert stored(sales, name) == 1


def test_a_late_request_is_carried_out_after_its_seconds(sales):
    name = uuid4().hex
    late(sales, seconds=0.5)
    is_cut_off(lambda: sales.post("accounts", {"name": name}))
    assert stored(sales, name) == 0
    time.sleep(0.8)
    assert stored(sales, name) == 1
    assert execute(sales) == 0


def test_what_is_carried_out_early_does_not_run_again_at_its_time(sales):
    name = uuid4().hex
    late(sales, seconds=0.3)
    is_cut_off(lambda: sales.post("accounts", {"name": name}))
    assert execute(sales) == 1
    time.sleep(0.5)
    assert stored(sales, name) == 1


def test_late_requests_outlive_their_rule_and_run_in_the_order_in_which_they_came(sales):
    row = sales.create("accounts", {"name": "first"})
    path = f"accounts({row['accountid']})"
    late(sales, {"times": 2})
    for name in ("second", "third"):
        is_cut_off(lambda name=name: sales.patch(path, {"name": name}))
    sales.admin("DELETE", "faults")
    sales.patch(path, {"name": "in between"})
    assert execute(sales) == 2
    assert sales.get(path).json()["name"] == "third"


def test_a_forgotten_late_request_never_runs(sales):
    name = uuid4().hex
    late(sales, {"times": 2}, seconds=0.3)
    is_cut_off(lambda: sales.post("accounts", {"name": name}))
    assert sales.admin("DELETE", "late").status_code == 204
    assert execute(sales) == 0
    time.sleep(0.5)
    sales.admin("DELETE", "faults")
    assert stored(sales, name) == 0


def test_a_late_change_set_is_stored_whole_or_refused_late(sales, finops):
    name = uuid4().hex
    late(sales, {"path": "batch"})
    whole = [part("POST accounts", {"name": name}, str(n)) for n in (1, 2)]
    broken = [part("POST accounts", {"name": name}, "1"), part("POST accounts", {"nosuch": 1}, "2")]
    for parts in (whole, broken):
        late(sales, {"path": "batch"})
        is_cut_off(lambda parts=parts: sales.batch(batch(change_set(*parts))))
    assert execute(sales) == 2
    sales.admin("DELETE", "faults")
    assert stored(sales, name) == 2

    codes = [uuid4().hex[:3].upper() for _ in range(2)]
    late(finops, {"path": "batch"})
    parts = [part("POST Currencies", {"CurrencyCode": code}, str(n)) for n, code in enumerate(codes)]
    is_cut_off(lambda: finops.batch(batch(change_set(*parts))))
    finops.admin("DELETE", "faults")
    assert not {*codes} & {row["CurrencyCode"] for row in finops.rows("Currencies")}
    assert execute(finops) == 1
    assert {*codes} <= {row["CurrencyCode"] for row in finops.rows("Currencies")}


def test_a_late_request_is_judged_by_what_is_stored_when_it_runs(sales):
    row = sales.create("accounts", {"name": "before"})
    path = f"accounts({row['accountid']})"
    late(sales)
    is_cut_off(lambda: sales.patch(path, {"name": "late"}, If_Match=row["@odata.etag"]))
    sales.admin("DELETE", "faults")
    sales.patch(path, {"name": "newer"})
    sales.admin("DELETE", "requests")
    execute(sales)
    assert sales.get(path).json()["name"] == "newer"
    log = sales.admin("GET", "requests?fault=late").json()["requests"]
    assert [entry["status"] for entry in log] == [412]


def test_the_log_shows_a_late_request_when_it_comes_and_when_it_runs(sales):
    sales.admin("DELETE", "requests")
    late(sales)
    is_cut_off(lambda: sales.post("accounts", {"name": "logged"}))
    execute(sales)
    log = sales.admin("GET", "requests?fault=late").json()["requests"]
    assert [(entry["status"], entry["fields"]) for entry in log] == [(0, []), (204, ["name"])]


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({"match": {"where": "parts"}, "effect": "late"}, "part of a batch"),
        ({"match": {"where": "both"}, "effect": "late"}, "part of a batch"),
        ({"effect": {"kind": "late", "seconds": -1}}, "negative"),
        ({"effect": {"kind": "late", "second": 1}}, "second"),
    ],
)
def test_a_wrong_rule_is_refused(sales, rule, word):
    answer = sales.admin("PUT", "faults", [rule])
    assert (answer.status_code, word in answer.json()["error"]) == (400, True)
