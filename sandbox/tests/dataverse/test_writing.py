import uuid

import pytest

from support.running import Sandbox


def new_id():
    return str(uuid.uuid4())


def error(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_a_create_answers_204_and_names_the_row(sales):
    answer = sales.post("accounts", {"name": "Adatum"})
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["Location"] == answer.headers["OData-EntityId"]
    assert sales.get(answer.headers["OData-EntityId"]).json()["name"] == "Adatum"


def test_a_create_can_answer_with_the_row_and_then_has_no_entity_id_header(sales):
    answer = sales.post("accounts?$select=name", {"name": "Adatum"}, Prefer="return=representation")
    assert answer.status_code == 201
    assert answer.headers["Preference-Applied"] == "return=representation"
    assert "OData-EntityId" not in answer.headers
    assert {k for k in answer.json() if not k.startswith("@")} == {"name", "accountid"}


def test_the_server_fills_its_own_columns(sales):
    row = sales.create("accounts", {"name": "Adatum"})
    me = sales.get("WhoAmI").json()
    assert (row["statecode"], row["statuscode"], row["donotemail"]) == (0, 1, False)
    assert row["createdon"] == row["modifiedon"]
    assert row["createdon"].endswith("Z")
    assert (row["_createdby_value"], row["_owningbusinessunit_value"]) == (me["UserId"], me["BusinessUnitId"])


def test_a_create_may_bring_its_id_and_a_second_one_is_412(sales):
    row_id = new_id()
    assert sales.post("accounts", {"accountid": row_id, "name": "A"}).status_code == 204
    assert error(sales.post("accounts", {"accountid": row_id, "name": "B"})) == (412, "0x80040237")


def test_patch_is_an_upsert(sales):
    row_id = new_id()
    made = sales.patch(f"accounts({row_id})", {"name": "A"})
    assert (made.status_code, made.headers["OData-EntityId"].endswith(f"accounts({row_id})")) == (204, True)
    changed = sales.patch(f"accounts({row_id})", {"fax": "1"}, Prefer="return=representation")
    assert (changed.status_code, changed.json()["name"], changed.json()["fax"]) == (200, "A", "1")
    assert (
        sales.patch(f"accounts({new_id()})", {"name": "A"}, Prefer="return=representation").status_code == 201
    )


def test_if_match_star_only_updates_and_if_none_match_star_only_creates(sales):
    row_id = new_id()
    assert error(sales.patch(f"accounts({row_id})", {"name": "A"}, If_Match="*")) == (404, "0x80040217")
    assert sales.patch(f"accounts({row_id})", {"name": "A"}, If_None_Match="*").status_code == 204
    assert error(sales.patch(f"accounts({row_id})", {"name": "B"}, If_None_Match="*")) == (412, "0x80040237")
    assert sales.patch(f"accounts({row_id})", {"name": "B"}, If_Match="*").status_code == 204


def test_a_stale_etag_is_412_and_changes_nothing(sales):
    row = sales.create("accounts", {"name": "A"})
    path = f"accounts({row['accountid']})"
    assert sales.patch(path, {"name": "B"}, If_Match=row["@odata.etag"]).status_code == 204
    assert error(sales.patch(path, {"name": "C"}, If_Match=row["@odata.etag"])) == (412, "0x80060882")
    assert error(sales.delete(path, If_Match=row["@odata.etag"])) == (412, "0x80060882")
    assert sales.get(path).json()["name"] == "B"


def test_versions_grow_across_tables_and_an_unchanged_value_is_a_change(sales, catalog):
    one = sales.create("accounts", {"name": "A"})["versionnumber"]
    two = sales.create("pricelevels", {"name": new_id()})["versionnumber"]
    row = sales.create("accounts", {"name": "A"})
    same = sales.patch(f"accounts({row['accountid']})", {"name": "A"}, Prefer="return=representation").json()
    assert one < two < row["versionnumber"] < same["versionnumber"]


def test_delete_removes_and_a_second_one_is_404(sales):
    path = f"accounts({sales.create('accounts', {'name': 'A'})['accountid']})"
    assert sales.delete(path).status_code == 204
    assert error(sales.delete(path)) == (404, "0x80040217")


def test_an_unknown_property_is_refused_by_name(sales):
    answer = sales.post("accounts", {"name": "A", "nosuch": 1})
    assert error(answer) == (400, "0x80048d19")
    assert "The property 'nosuch' does not exist on type 'Microsoft.Dynamics.CRM.account'" in answer.text


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("name", "x" * 161, "0x80044331"),
        ("accountnumber", "x" * 21, "0x80044331"),
        ("customertypecode", 99, "0x8004431a"),
        ("numberofemployees", -1, "0x80044330"),
        ("numberofemployees", "7", "0x80048d19"),
        ("name", 7, "0x80048d19"),
        ("donotemail", 1, "0x80048d19"),
        ("lastusedincampaign", "yesterday", "0x80048d19"),
        ("createdon", "2026-01-01T00:00:00Z", "0x80040203"),
        ("exchangerate", 2, "0x80040203"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_code(sales, column, value, code):
    assert error(sales.post("accounts", {"name": "A", column: value})) == (400, code)


def test_the_longest_text_is_kept_whole(sales):
    assert sales.create("accounts", {"name": "x" * 160})["name"] == "x" * 160


def test_a_create_only_column_is_refused_on_update(sales):
    row = sales.create("accounts", {"name": "A", "overriddencreatedon": "2020-02-03T00:00:00Z"})
    assert row["createdon"] == "2020-02-03T00:00:00Z"
    answer = sales.patch(f"accounts({row['accountid']})", {"overriddencreatedon": "2021-01-01T00:00:00Z"})
    assert error(answer) == (400, "0x80040203")


def test_an_empty_text_is_stored_as_null(sales):
    assert sales.create("accounts", {"name": "A", "fax": ""})["fax"] is None


def test_a_lookup_is_written_through_its_navigation_property_only(sales, catalog):
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({catalog.currency})"}
    row = sales.create("accounts", {"name": "A", "creditlimit": 10, **bind})
    assert row["_transactioncurrencyid_value"] == catalog.currency
    assert (row["exchangerate"], row["creditlimit_base"]) == (1, 10)
    refused = sales.post("accounts", {"name": "A", "_transactioncurrencyid_value": catalog.currency})
    assert error(refused) == (400, "0x80048d19")
    assert "Use Navigation properties instead" in refused.text
    cleared = sales.patch(
        f"accounts({row['accountid']})",
        {"transactioncurrencyid@odata.bind": None},
        Prefer="return=representation",
    )
    assert cleared.json()["_transactioncurrencyid_value"] is None


def test_a_reference_may_be_relative_with_or_without_slash_or_absolute(sales, catalog):
    end = f"transactioncurrencies({catalog.currency})"
    for reference in (f"/{end}", end, f"{sales.url}/api/data/v9.2/{end}"):
        row = sales.create("accounts", {"name": "A", "transactioncurrencyid@odata.bind": reference})
        assert row["_transactioncurrencyid_value"] == catalog.currency


def test_a_reference_to_nothing_is_refused(sales):
    bind = "transactioncurrencyid@odata.bind"
    missing = sales.post("accounts", {"name": "A", bind: f"/transactioncurrencies({new_id()})"})
    assert error(missing) == (404, "0x80040217")
    wrong = sales.create("pricelevels", {"name": new_id()})["pricelevelid"]
    assert error(sales.post("accounts", {"name": "A", bind: f"/pricelevels({wrong})"})) == (400, "0x80048d19")
    assert error(sales.post("accounts", {"name": "A", "NoSuch@odata.bind": "/x(1)"})) == (400, "0x80048d19")


def test_a_lookup_is_cleared_by_deleting_its_reference(sales):
    parent = sales.create("accounts", {"name": "P"})["accountid"]
    child = sales.create("accounts", {"name": "C", "parentaccountid@odata.bind": f"/accounts({parent})"})
    path = f"accounts({child['accountid']})"
    assert sales.delete(f"{path}/parentaccountid/$ref").status_code == 204
    assert sales.get(path).json()["_parentaccountid_value"] is None


def test_one_value_is_put_and_deleted(sales):
    path = f"accounts({sales.create('accounts', {'name': 'A'})['accountid']})"
    assert sales.call("PUT", f"{path}/fax", {"value": "12"}).status_code == 204
    assert sales.get(path).json()["fax"] == "12"
    assert sales.delete(f"{path}/fax").status_code == 204
    assert sales.get(path).json()["fax"] is None


def test_state_and_status_must_belong_together(sales):
    path = f"accounts({sales.create('accounts', {'name': 'A'})['accountid']})"
    assert error(sales.patch(path, {"statecode": 1, "statuscode": 1})) == (400, "0x80048408")
    assert error(sales.patch(path, {"statuscode": 2})) == (400, "0x80048408")
    assert sales.patch(path, {"statecode": 1, "statuscode": 2}).status_code == 204
    assert sales.patch(path, {"statecode": 0}).status_code == 204
    assert sales.get(path).json()["statuscode"] == 1


def test_a_row_that_others_need_cannot_be_deleted(sales, catalog):
    bind = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({catalog.currency})"}
    sales.create("accounts", {"name": "A", **bind})
    assert error(sales.delete(f"transactioncurrencies({catalog.currency})")) == (405, "0x80040227")


def test_a_required_column_may_not_be_missing(sales):
    assert error(sales.post("pricelevels", {"description": "no name"})) == (400, "0x80040203")


def test_a_body_that_is_no_object_is_refused(sales):
    assert error(sales.post("accounts", ["A"])) == (400, "0x80048d19")


def test_verbs_that_do_not_fit_the_address_are_405(sales):
    assert sales.patch("accounts", {"name": "A"}).status_code == 405
    assert sales.delete("accounts").status_code == 405


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("keyed"), "--alternate-key", "accounts=accountnumber")
    yield sandbox.sales
    sandbox.kill()


def test_a_declared_alternate_key_reads_and_upserts(keyed):
    assert keyed.patch("accounts(accountnumber='O''Neil')", {"name": "A"}).status_code == 204
    row = keyed.get("accounts(accountnumber='o''neil')").json()
    assert (row["name"], row["accountnumber"]) == ("A", "O'Neil")
    assert keyed.patch("accounts(accountnumber='O''Neil')", {"name": "B"}).status_code == 204
    assert [r["name"] for r in keyed.rows("accounts?$select=name")] == ["B"]
    assert error(keyed.get("accounts(accountnumber='none')")) == (404, "0x80060891")
    differs = keyed.patch("accounts(accountnumber='O''Neil')", {"accountnumber": "other"})
    assert error(differs) == (400, "0x80040203")


def test_a_declared_alternate_key_is_unique(keyed):
    keyed.create("accounts", {"name": "A", "accountnumber": "K-1"})
    assert error(keyed.post("accounts", {"name": "B", "accountnumber": "k-1"})) == (412, "0x80060892")
    assert keyed.post("accounts", {"name": "no number"}).status_code == 204
    assert keyed.post("accounts", {"name": "no number either"}).status_code == 204


def test_key_values_with_reserved_characters_are_unusable(keyed):
    assert keyed.get("accounts(accountnumber='A%2FB')").status_code == 400
