"""Dataverse sheet, section 6: versions in conditions, and what counts as a change."""

import pytest

from support.selling import Shop, error


@pytest.fixture
def account(sales):
    return sales.create("accounts", {"name": "A"})


def path_of(row):
    return f"accounts({row['accountid']})"


def test_s06_a_conditional_read_needs_optimistic_concurrency(sales):
    row = sales.rows("organizations")[0]
    answer = sales.get(f"organizations({row['organizationid']})", If_None_Match=row["@odata.etag"])
    assert (answer.status_code, answer.json()["name"]) == (200, row["name"])


def test_s06_unchanged_values_count_as_a_change_for_modifiedon_and_for_change_tracking(sales, account):
    link = sales.get("accounts?$select=name", Prefer="odata.track-changes").json()["@odata.deltaLink"]
    sales.admin("POST", "clock", {"offset_seconds": 60})
    try:
        assert sales.patch(path_of(account), {"name": account["name"]}).status_code == 204
        assert sales.get(path_of(account)).json()["modifiedon"] > account["modifiedon"]
        assert [row["accountid"] for row in sales.rows(link)] == [account["accountid"]]
    finally:
        sales.admin("POST", "clock", {"offset_seconds": 0})


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("etag", ['W/""', '""', "W/"])
def test_s08_an_if_match_that_holds_no_version_is_400_with_its_code(sales, account, method, etag):
    body = {"name": "B"} if method == "PATCH" else None
    assert error(sales.call(method, path_of(account), body, If_Match=etag)) == (400, "0x80060883")
    assert sales.get(path_of(account)).json()["name"] == "A"


def test_s06_a_write_of_the_server_itself_makes_a_version_stale_too(sales, catalog, new_product):
    shop = Shop(sales, catalog, new_product)
    draft = shop.quote()
    shop.write_in(draft, 1)
    refused = sales.patch(f"quotes({draft['quoteid']})", {"name": "B"}, If_Match=draft["@odata.etag"])
    assert error(refused) == (412, "0x80060882")
