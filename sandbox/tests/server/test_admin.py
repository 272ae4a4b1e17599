import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
import requests

from support.running import Sandbox, batch, change_set, part


@pytest.fixture(autouse=True)
def _empty_log(sales, finops):
    for client in (sales, finops):
        assert client.admin("DELETE", "requests").status_code == 204


def log(client, since=0):
    return client.admin("GET", f"requests?since={since}").json()["requests"]


def test_without_the_right_header_or_token_the_admin_api_is_closed(sales, tmp_path):
    assert requests.get(f"{sales.url}/_sandbox/counts", timeout=10).status_code == 403
    closed = Sandbox(tmp_path, SANDBOX_ADMIN_TOKEN="")
    try:
        answer = requests.get(
            f"{closed.sales.url}/_sandbox/counts", headers={"X-Sandbox-Admin": ""}, timeout=10
        )
        assert answer.status_code == 403
    finally:
        closed.kill()


def test_the_log_names_method_path_query_status_and_fields_but_no_values(sales):
    sales.post("accounts", {"name": "Secret Ltd", "fax": "4711"})
    sales.get("accounts?$select=name&$top=1")
    post, get = log(sales)
    assert (post["method"], post["path"], post["status"]) == ("POST", "/api/data/v9.2/accounts", 204)
    assert post["fields"] == ["name", "fax"]
    assert (get["query"], get["fields"]) == ("$select=name&$top=1", [])
    assert "Secret" not in json.dumps(log(sales))


def test_the_log_lists_the_operations_of_a_batch(sales):
    sales.batch(
        batch(
            part("GET accounts?$top=1"),
            change_set(
                part("POST accounts", {"name": "A"}, "1"), part("POST accounts", {"nosuch": "A"}, "2")
            ),
            part("POST accounts", {"name": "A", "fax": "1"}),
        ),
        Prefer="odata.continue-on-error",
    )
    operations = log(sales)[0]["operations"]
    assert [(o["method"], o["path"], o["status"], o["fields"]) for o in operations] == [
        ("GET", "accounts", 200, []),
        ("POST", "accounts", 400, ["name"]),
        ("POST", "accounts", 400, ["nosuch"]),
        ("POST", "accounts", 204, ["name", "fax"]),
    ]


def test_the_log_is_read_from_a_number_on(sales):
    sales.get("accounts?$top=1")
    first = log(sales)[0]["n"]
    sales.get("products?$top=1")
    assert [entry["path"] for entry in log(sales, first)] == ["/api/data/v9.2/products"]


def test_each_system_has_its_own_log(sales, finops):
    finops.get("Currencies")
    assert log(sales) == []
    assert len(log(finops)) == 1


def test_planted_rows_are_served_as_they_are(sales, finops):
    rows = [
        {"accountid": "00000000-0000-4000-8000-000000000001", "name": "nul \u0000 inside"},
        {"accountid": "00000000-0000-4000-8000-000000000002", "name": "lone \ud800 surrogate"},
        {"accountid": "00000000-0000-4000-8000-000000000003", "name": "x", "numberofemployees": "12x"},
    ]
    assert sales.admin("PUT", "rows/accounts", rows).json() == {"planted": 3}
    answer = sales.get("accounts?$select=name,numberofemployees")
    assert b"\\u0000" in answer.content
    assert b"\\ud800" in answer.content.lower()
    assert [row["name"] for row in answer.json()["value"]][:2] == [rows[0]["name"], rows[1]["name"]]
    assert answer.json()["value"][2]["numberofemployees"] == "12x"
    assert (
        len(sales.rows("accounts?$select=name&$filter=numberofemployees gt 3&$orderby=numberofemployees"))
        == 0
    )
    finops.admin("PUT", "rows/CustomerGroups", {"dataAreaId": "usmf", "CustomerGroupId": "99999999999999"})
    assert finops.get("CustomerGroups(dataAreaId='usmf',CustomerGroupId='99999999999999')").status_code == 200


def test_a_planted_row_changes_what_stands_and_counts_as_a_change(sales):
    row = sales.create("accounts", {"name": "before", "fax": "1"})
    sales.admin("PUT", "rows/accounts", [{"accountid": row["accountid"], "name": "after"}])
    now = sales.get(f"accounts({row['accountid']})").json()
    assert (now["name"], now["fax"]) == ("after", "1")
    assert now["versionnumber"] > row["versionnumber"]


def test_a_planted_row_survives_a_restart(tmp_path):
    sandbox = Sandbox(tmp_path)
    row_id = "00000000-0000-4000-8000-000000000009"
    try:
        sandbox.sales.admin("PUT", "rows/accounts", [{"accountid": row_id, "name": "lone \udc00"}])
        sandbox.kill()
        sandbox.start()
        assert sandbox.sales.get(f"accounts({row_id})").json()["name"] == "lone \udc00"
    finally:
        sandbox.kill()


def test_the_clock_moves_stamps_and_the_date_header(sales):
    try:
        sales.admin("POST", "clock", {"offset_seconds": 86_400})
        row = sales.create("accounts", {"name": "tomorrow"})
        date = parsedate_to_datetime(sales.get("WhoAmI").headers["Date"])
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert abs(date - tomorrow) < timedelta(seconds=20)
        assert abs(datetime.fromisoformat(row["modifiedon"]) - tomorrow) < timedelta(seconds=20)
    finally:
        sales.admin("POST", "clock", {"offset_seconds": 0})


def test_counts_name_every_set(sales, finops):
    assert sales.admin("GET", "counts").json()["organizations"] == 1
    assert finops.admin("GET", "counts").json()["LegalEntities"] == 2


def test_a_wrong_admin_request_says_what_is_wrong(sales):
    assert sales.admin("PUT", "rows/nosuch", []).status_code == 404
    assert sales.admin("POST", "clock", {}).status_code == 400
    assert sales.admin("GET", "nosuch").status_code == 404
