"""Dataverse sheet, section 6: CreateMultiple, UpdateMultiple and UpsertMultiple."""

import uuid

import pytest

from support.running import Sandbox, batch, change_set, part
from support.selling import error

TYPE = "Microsoft.Dynamics.CRM.account"


def new_id():
    return str(uuid.uuid4())


def target(**columns):
    return {"@odata.type": TYPE, **columns}


def keyed_target(row, **columns):
    return target(**{"@odata.id": f"accounts({row})"}, **columns)


def call(sales, action, *targets, set_name="accounts"):
    return sales.post(f"{set_name}/Microsoft.Dynamics.CRM.{action}", {"Targets": list(targets)})


def name_of(sales, row):
    answer = sales.get(f"accounts({row})?$select=name")
    return answer.json()["name"] if answer.ok else None


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    sandbox = Sandbox(
        tmp_path_factory.mktemp("keyed"),
        "--alternate-key",
        "accounts=accountnumber",
        "--without-bulk",
        "contacts",
    )
    yield sandbox.sales
    sandbox.kill()


def test_s06_create_multiple_answers_with_the_ids_in_order(sales):
    answer = call(sales, "CreateMultiple", target(name="A"), target(name="B"))
    assert answer.status_code == 200
    assert answer.json()["@odata.context"] == (
        f"{sales.url}/api/data/v9.2/$metadata#Microsoft.Dynamics.CRM.CreateMultipleResponse"
    )
    assert [name_of(sales, row) for row in answer.json()["Ids"]] == ["A", "B"]


def test_s06_update_multiple_takes_targets_with_their_primary_key(sales):
    first, second = call(sales, "CreateMultiple", target(name="A"), target(name="B")).json()["Ids"]
    answer = call(
        sales, "UpdateMultiple", target(accountid=first, name="C"), target(accountid=second.upper(), name="D")
    )
    assert (answer.status_code, answer.content) == (204, b"")
    assert (name_of(sales, first), name_of(sales, second)) == ("C", "D")


def test_s06_update_multiple_of_a_missing_row_is_404_and_nothing_is_kept(sales):
    (row,) = call(sales, "CreateMultiple", target(name="A")).json()["Ids"]
    refused = call(
        sales, "UpdateMultiple", target(accountid=row, name="B"), target(accountid=new_id(), name="B")
    )
    assert error(refused) == (404, "0x80040217")
    assert name_of(sales, row) == "A"


@pytest.mark.parametrize("form", ["accounts({0})", "/accounts({0})", "{1}/api/data/v9.2/accounts({0})",
                                  "accounts(accountid={0})"])  # fmt: skip
def test_s06_upsert_multiple_creates_and_updates_by_odata_id(sales, form):
    row = new_id()
    reference = {"@odata.id": form.format(row, sales.url)}
    for name in ("A", "B"):
        answer = call(sales, "UpsertMultiple", target(name=name, **reference))
        assert (answer.status_code, answer.content) == (204, b"")
        assert name_of(sales, row) == name


def test_s06_upsert_multiple_takes_the_primary_key_of_the_body_too(sales):
    row = new_id()
    assert call(sales, "UpsertMultiple", target(accountid=row, name="A")).status_code == 204
    assert name_of(sales, row) == "A"


def test_s06_upsert_multiple_by_an_alternate_key(keyed):
    reference = {"@odata.id": "accounts(accountnumber='U-1')"}
    for name in ("A", "B"):
        assert call(keyed, "UpsertMultiple", target(name=name, **reference)).status_code == 204
    (row,) = keyed.rows("accounts?$filter=accountnumber eq 'U-1'")
    assert row["name"] == "B"
    differs = call(keyed, "UpsertMultiple", target(accountnumber="U-2", **reference))
    assert error(differs) == (400, "0x80040203")


def test_s06_the_answer_tells_neither_ids_nor_what_was_created(sales):
    answer = call(sales, "UpsertMultiple", keyed_target(new_id(), name="A"))
    assert (answer.content, answer.headers.get("OData-EntityId")) == (b"", None)


@pytest.mark.parametrize("action", ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"])
def test_s06_the_type_is_mandatory_per_target(sales, action):
    row = sales.create("accounts", {"name": "A"})["accountid"]
    bare = {"name": "B"} if action == "CreateMultiple" else {"accountid": row, "name": "B"}
    assert error(call(sales, action, {**bare, "@odata.type": TYPE}, bare)) == (400, "0x80048d19")
    assert error(call(sales, action, {**bare, "@odata.type": "Microsoft.Dynamics.CRM.contact"})) == (
        400,
        "0x80048d19",
    )
    assert name_of(sales, row) == "A"


@pytest.mark.parametrize("action", ["CreateMultiple", "UpsertMultiple"])
def test_s06_a_bad_target_fails_the_whole_call_without_saying_which(sales, action):
    rows = [new_id() for _ in range(3)]
    bodies = [target(accountid=row, name="A") for row in rows]
    bodies[1]["customertypecode"] = 99
    refused = call(sales, action, *bodies)
    assert error(refused) == (400, "0x8004431a")
    assert set(refused.json()["error"]) == {"code", "message"}
    assert [name_of(sales, row) for row in rows] == [None] * 3


def test_s06_duplicate_keys_within_one_upsert_fail_the_whole_call(sales):
    row, other = new_id(), new_id()
    refused = call(
        sales, "UpsertMultiple", keyed_target(other, name="O"), keyed_target(row, name="A"),
        keyed_target(row, name="B"),
    )  # fmt: skip
    assert error(refused) == (412, "0x80040237")
    assert (name_of(sales, row), name_of(sales, other)) == (None, None)


def test_s06_a_target_without_any_key_is_refused(sales):
    assert error(call(sales, "UpsertMultiple", target(name="A"))) == (400, "0x80048d19")
    assert error(call(sales, "UpdateMultiple", target(name="A"))) == (400, "0x80048d19")


@pytest.mark.parametrize("reference", ["contacts(6a5b0c5e-0000-4000-8000-000000000001)", "accounts", 7, "(("])
def test_s06_an_odata_id_that_names_no_row_of_the_table_is_refused(sales, reference):
    assert error(call(sales, "UpsertMultiple", target(name="A", **{"@odata.id": reference}))) == (
        400,
        "0x80048d19",
    )


@pytest.mark.parametrize("body", [{}, {"Targets": []}, {"Targets": {}}, {"Targets": [1]}, {"targets": []}, [],
                                  {"Targets": [{"@odata.type": TYPE, "name": "A"}], "More": 1}])  # fmt: skip
def test_s06_other_bodies_are_refused(sales, body):
    assert error(sales.post("accounts/Microsoft.Dynamics.CRM.CreateMultiple", body)) == (400, "0x80048d19")


def test_s06_lookups_are_bound_in_targets(sales):
    parent = sales.create("accounts", {"name": "P"})["accountid"]
    bind = {"parentaccountid@odata.bind": f"/accounts({parent})"}
    (row,) = call(sales, "CreateMultiple", target(name="C", **bind)).json()["Ids"]
    assert sales.get(f"accounts({row})").json()["_parentaccountid_value"] == parent


def test_s06_there_is_no_delete_multiple_on_standard_tables(sales):
    row = sales.create("accounts", {"name": "A"})["accountid"]
    assert call(sales, "DeleteMultiple", target(accountid=row)).status_code == 404
    assert name_of(sales, row) == "A"


def test_s06_not_every_table_supports_them(sales, keyed):
    assert call(sales, "CreateMultiple", {"@odata.type": "x"}, set_name="organizations").status_code == 404
    contact = {"@odata.type": "Microsoft.Dynamics.CRM.contact", "lastname": "A"}
    assert call(sales, "CreateMultiple", contact, set_name="contacts").status_code == 200
    assert call(keyed, "CreateMultiple", contact, set_name="contacts").status_code == 404


def test_s06_they_are_posted_to_the_set(sales):
    path = "accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert sales.patch(path, {"Targets": []}).status_code == 405
    row = sales.create("accounts", {"name": "A"})["accountid"]
    assert sales.post(path.replace("accounts", f"accounts({row})"), {"Targets": []}).status_code == 404


def test_s06_a_thousand_rows_go_in_one_call(sales):
    rows = [new_id() for _ in range(1000)]
    assert call(sales, "UpsertMultiple", *[keyed_target(row, name="M") for row in rows]).status_code == 204
    assert name_of(sales, rows[0]) == name_of(sales, rows[-1]) == "M"


def test_s06_bulk_actions_run_in_batches_and_change_sets(sales):
    first, second, third = new_id(), new_id(), new_id()
    path = "POST accounts/Microsoft.Dynamics.CRM.UpsertMultiple"
    upsert = {row: {"Targets": [keyed_target(row, name="A")]} for row in (first, second, third)}
    answer = sales.batch(
        batch(
            part(path, upsert[first]),
            change_set(part(path, upsert[second], "1"), part("POST accounts", {"name": "B"}, "2")),
            change_set(part(path, upsert[third], "1"), part("POST accounts", {"nosuch": "B"}, "2")),
        ),
        Prefer="odata.continue-on-error",
    )
    assert answer.text.count("HTTP/1.1 204") == 3
    assert [name_of(sales, row) for row in (first, second, third)] == ["A", "A", None]


def test_s06_bulk_changes_are_tracked(sales):
    link = sales.get("accounts?$select=name", Prefer="odata.track-changes").json()["@odata.deltaLink"]
    row = new_id()
    call(sales, "UpsertMultiple", keyed_target(row, name="A"))
    assert [entry["accountid"] for entry in sales.rows(link)] == [row]
