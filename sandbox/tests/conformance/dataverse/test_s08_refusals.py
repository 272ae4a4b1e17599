"""Dataverse sheet, section 8 (and 1 and 2 where they lead here): privileges, duplicates, failures of the server."""

import uuid

import pytest
import requests

from support.running import Sandbox, batch, part
from support.selling import error

DETECT = {"MSCRM.SuppressDuplicateDetection": "false"}
DENIED = (403, "0x80040220")
DUPLICATE = (412, "0x80040333")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """An organisation with a client without security roles and two rules of duplicate detection."""
    sandbox = Sandbox(
        tmp_path_factory.mktemp("strict"),
        "--duplicate-rule", "accounts=name,telephone1", "--duplicate-rule", "contacts=emailaddress1",
        SANDBOX_CLIENTS="reader=secret-r", SANDBOX_CLIENTS_WITHOUT_ROLES="reader",
    )  # fmt: skip
    yield sandbox
    sandbox.kill()


@pytest.fixture(scope="module")
def reader(sales):
    token = sales.ask_token(client_id="reader", client_secret="secret-r").json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def account(sales):
    return sales.create("accounts", {"name": "Kept", "accountnumber": "K-1"})


def code_and_number(refused):
    found = refused.json()["error"]
    return found["code"], found["@Microsoft.PowerApps.CDS.ErrorDetails.SubErrorCode"]


# privileges


@pytest.mark.parametrize(
    ("method", "path", "body", "privilege"),
    [
        ("GET", "accounts", None, "prvReadAccount"),
        ("GET", "accounts/$count", None, "prvReadAccount"),
        ("GET", "accounts({id})", None, "prvReadAccount"),
        ("GET", "accounts({id})/name", None, "prvReadAccount"),
        ("POST", "accounts", {"name": "A"}, "prvCreateAccount"),
        ("PATCH", "accounts({id})", {"name": "A"}, "prvWriteAccount"),
        ("PUT", "accounts({id})/fax", {"value": "1"}, "prvWriteAccount"),
        ("DELETE", "accounts({id})", None, "prvDeleteAccount"),
        ("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": []}, "prvCreateAccount"),
        ("POST", "LockInvoicePricing", {"InvoiceId": str(uuid.UUID(int=7))}, "prvWriteInvoice"),
    ],
)
def test_s01_an_application_user_without_security_roles_is_refused(
    sales, reader, account, method, path, body, privilege
):
    refused = sales.call(method, path.format(id=account["accountid"]), body, **reader)
    assert error(refused) == DENIED
    assert privilege in refused.json()["error"]["message"]
    assert sales.get(f"accounts({account['accountid']})").json()["name"] == "Kept"


def test_s01_an_application_user_without_security_roles_is_refused_in_batches_too(sales, reader):
    answer = sales.batch(batch(part("GET accounts")), **reader)
    assert answer.status_code == 403
    assert DENIED[1] in answer.text


def test_s01_an_application_user_without_security_roles_is_still_somebody(sales, reader):
    user = sales.get("WhoAmI", **reader).json()["UserId"]
    assert sales.get(f"systemusers({user})").json()["lastname"] == "reader"


# duplicate detection


def test_s02_duplicate_rules_are_off_by_default_on_writes(sales):
    body = {"name": "Twin", "telephone1": "1"}
    assert [sales.post("accounts", body).status_code for _ in range(2)] == [204, 204]
    suppressed = {"MSCRM.SuppressDuplicateDetection": "true"}
    assert sales.post("accounts", body, **suppressed).status_code == 204


@pytest.mark.parametrize("name", ["Double", "DOUBLE"])
def test_s08_a_hit_of_duplicate_detection_is_412_with_its_code(sales, name):
    phone = str(uuid.uuid4())
    sales.create("accounts", {"name": "Double", "telephone1": phone})
    path = f"accounts?$filter=telephone1 eq '{phone}'"
    refused = sales.post("accounts", {"name": name, "telephone1": phone}, **DETECT)
    assert error(refused) == DUPLICATE
    assert len(sales.rows(path)) == 1


def test_s02_a_change_is_looked_at_for_duplicates_too_and_a_row_is_none_of_itself(sales):
    mail = [f"{uuid.uuid4()}@example.com" for _ in range(2)]
    first, second = (
        sales.create("contacts", {"lastname": "D", "emailaddress1": m})["contactid"] for m in mail
    )
    assert sales.patch(f"contacts({first})", {"emailaddress1": mail[0]}, **DETECT).status_code == 204
    assert error(sales.patch(f"contacts({second})", {"emailaddress1": mail[0]}, **DETECT)) == DUPLICATE
    assert sales.get(f"contacts({second})").json()["emailaddress1"] == mail[1]


def test_s02_rows_that_differ_or_lack_a_value_are_no_duplicates(sales):
    body = {"name": "Alone", "telephone1": "7"}
    sales.create("accounts", body)
    for other in ({**body, "telephone1": "8"}, {"name": "Alone"}, {"name": "Alone"}):
        assert sales.post("accounts", other, **DETECT).status_code == 204


@pytest.mark.parametrize(("set_name", "enabled"), [("account", True), ("quote", False)])
def test_s10_a_table_says_whether_duplicates_are_detected(sales, set_name, enabled):
    path = f"EntityDefinitions(LogicalName='{set_name}')?$select=IsDuplicateDetectionEnabled"
    assert sales.get(path).json()["IsDuplicateDetectionEnabled"]["Value"] is enabled


# failures of the server


def test_s08_what_is_documented_but_not_simulated_says_so(sales):
    assert sales.get("accounts?savedQuery=00000000-0000-0000-0000-000000000000").status_code == 501


@pytest.mark.parametrize("status", [502, 503])
def test_s08_a_proxy_answers_html_in_place_of_json(sales, status):
    sales.set_faults({"match": {"set": "accounts"}, "effect": {"kind": "status", "status": status}})
    try:
        answer = sales.get("accounts", Accept="application/json")
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    finally:
        sales.set_faults()


def test_s08_a_body_that_is_too_large_is_413(sales):
    request = requests.Request("POST", f"{sales.url}{sales.root}accounts").prepare()
    request.headers = {"Authorization": sales.session.headers["Authorization"], "Content-Length": str(10**9)}
    with requests.Session() as session:
        assert session.send(request, timeout=10).status_code == 413


@pytest.mark.parametrize(
    ("given", "code"),
    [({}, "0x80040216"), ({"code": "0x80044150"}, "0x80044150"), ({"code": "0x80044151"}, "0x80044151")],
)
def test_s08_a_failure_of_the_server_is_500_with_its_code(sales, given, code):
    sales.set_faults({"match": {"set": "accounts"}, "effect": {"kind": "status", "status": 500, **given}})
    try:
        assert error(sales.get("accounts")) == (500, code)
    finally:
        sales.set_faults()


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("GET", "accounts({id})", None, {}, ("0x80040217", "-2147220969")),
        ("GET", "accounts(fax='1')", None, {}, ("0x8006088f", "-2147088241")),
        ("PATCH", "accounts({id})", {"name": "A"}, {"If_Match": 'W/"1"'}, ("0x80040217", "-2147220969")),
        ("PATCH", "accounts({id})", {"statecode": 1, "statuscode": 1}, {}, ("0x80048408", "-2147187704")),
        ("POST", "accounts", {"customertypecode": 99}, {}, ("0x8004431a", "-2147204326")),
        ("POST", "accounts", {"name": "x" * 161}, {}, ("0x80044331", "-2147204303")),
        ("POST", "pricelevels", {}, {}, ("0x80040203", "-2147220989")),
    ],
)
def test_s08_the_decimal_number_of_a_code_is_among_the_details(sales, method, path, body, headers, expected):
    path = path.format(id=uuid.uuid4())
    refused = sales.call(method, path, body, Prefer='odata.include-annotations="*"', **headers)
    assert code_and_number(refused) == expected
