"""Dataverse sheet, section 5: the organisation's setting of expiry, and the privilege that a reader needs."""

import pytest

from support.running import Sandbox
from support.selling import error

TRACK = "odata.track-changes"
SETTING = "expirechangetrackingindays"
DAY = 86400


@pytest.fixture
def organization(sales):
    path = f"organizations({sales.get('WhoAmI').json()['OrganizationId']})"
    yield path
    sales.admin("POST", "clock", {"offset_seconds": 0})
    sales.patch(path, {SETTING: 7})


def test_s05_7_the_organisation_lets_tokens_expire_after_seven_days_by_default(sales, organization):
    assert sales.get(f"{organization}?$select={SETTING}").json()[SETTING] == 7


def test_s05_7_tokens_expire_after_as_many_days_as_the_organisation_says(sales, organization):
    assert sales.patch(organization, {SETTING: 2}).status_code == 204
    link = sales.get("accounts?$select=name", Prefer=TRACK).json()["@odata.deltaLink"]
    sales.admin("POST", "clock", {"offset_seconds": 2 * DAY - 60})
    assert sales.get(link).status_code == 200
    sales.admin("POST", "clock", {"offset_seconds": 2 * DAY + 60})
    assert error(sales.get(link)) == (400, "0x80044352")
    assert sales.patch(organization, {SETTING: 30}).status_code == 204
    assert sales.get(link).status_code == 200


def test_s05_8_a_caller_who_may_not_read_the_table_gets_a_privilege_error(tmp_path):
    sandbox = Sandbox(
        tmp_path / "home", SANDBOX_CLIENTS="reader=secret-r", SANDBOX_CLIENTS_WITHOUT_ROLES="reader"
    )
    try:
        sales = sandbox.sales
        link = sales.get("accounts?$select=name", Prefer=TRACK).json()["@odata.deltaLink"]
        token = sales.ask_token(client_id="reader", client_secret="secret-r").json()["access_token"]
        reader = {"Authorization": f"Bearer {token}"}
        for path in ("accounts?$select=name", link):
            assert error(sales.get(path, Prefer=TRACK, **reader)) == (403, "0x80040220")
    finally:
        sandbox.kill()
