"""Dataverse sheet, section 6 (and 3 where references are written): single writes."""

import uuid

import pytest

from support.running import Sandbox
from support.selling import error

REPRESENTATION = "return=representation"


def new_id():
    return str(uuid.uuid4())


def account(sales, **more):
    return sales.create("accounts", {"name": "A", **more})


def path_of(row):
    return f"accounts({row['accountid']})"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    sandbox = Sandbox(
        tmp_path_factory.mktemp("keyed"),
        "--alternate-key", "accounts=accountnumber",
        "--alternate-key", "contacts=firstname,emailaddress1",
        "--alternate-key", "accounts=name,_primarycontactid_value",
    )  # fmt: skip
    yield sandbox.sales
    sandbox.kill()


# create


def test_s06_create_answers_204_with_the_address_of_the_row(sales):
    answer = sales.post("accounts", {"name": "A"})
    assert (answer.status_code, answer.content) == (204, b"")
    uri = answer.headers["OData-EntityId"]
    assert uri.startswith(f"{sales.url}/api/data/v9.2/accounts(")
    assert answer.headers["Location"] == uri
    assert sales.get(uri).json()["name"] == "A"


def test_s06_create_with_representation_answers_201_with_a_body_and_no_entity_id(sales):
    answer = sales.post("accounts", {"name": "A"}, Prefer=REPRESENTATION)
    assert answer.status_code == 201
    assert answer.json()["name"] == "A"
    assert "OData-EntityId" not in answer.headers
    assert answer.headers["Preference-Applied"] == REPRESENTATION


def test_s06_a_representation_may_be_selected(sales):
    answer = sales.post("accounts?$select=name", {"name": "A"}, Prefer=REPRESENTATION)
    assert set(answer.json()) == {"@odata.context", "@odata.etag", "name", "accountid"}


def test_s06_create_with_an_id_of_ones_own_in_the_body(sales):
    row = new_id()
    answer = sales.post("accounts", {"accountid": row, "name": "A"})
    assert answer.headers["OData-EntityId"].endswith(f"accounts({row})")


def test_s06_create_with_an_id_that_exists_is_a_duplicate(sales):
    row = account(sales)
    refused = sales.post("accounts", {"accountid": row["accountid"], "name": "B"})
    assert error(refused) == (412, "0x80040237")
    assert refused.json()["error"]["message"] == "A record with matching key values already exists."


# update and upsert


def test_s06_update_changes_only_the_columns_sent(sales):
    row = account(sales, fax="1")
    answer = sales.patch(path_of(row), {"name": "B"})
    assert answer.status_code == 204
    now = sales.get(path_of(row)).json()
    assert (now["name"], now["fax"]) == ("B", "1")


def test_s06_update_with_representation_answers_200_with_a_body(sales):
    answer = sales.patch(path_of(account(sales)), {"name": "B"}, Prefer=REPRESENTATION)
    assert (answer.status_code, answer.json()["name"]) == (200, "B")


def test_s06_update_has_no_location(sales):
    answer = sales.patch(path_of(account(sales)), {"name": "B"})
    assert "Location" not in answer.headers
    assert "OData-EntityId" in answer.headers


def test_s06_patch_of_a_missing_id_creates_it(sales):
    row = new_id()
    assert sales.patch(f"accounts({row})", {"name": "A"}).status_code == 204
    assert sales.get(f"accounts({row})").json()["accountid"] == row


def test_s06_with_representation_201_means_created_and_200_updated(sales):
    path = f"accounts({new_id()})"
    statuses = [sales.patch(path, {"name": "A"}, Prefer=REPRESENTATION).status_code for _ in range(2)]
    assert statuses == [201, 200]


def test_s06_if_match_star_updates_only(sales):
    missing = f"accounts({new_id()})"
    assert error(sales.patch(missing, {"name": "A"}, If_Match="*")) == (404, "0x80040217")
    assert sales.get(missing).status_code == 404
    assert sales.patch(path_of(account(sales)), {"name": "B"}, If_Match="*").status_code == 204


def test_s06_if_none_match_star_creates_only(sales):
    row = account(sales)
    refused = sales.patch(path_of(row), {"name": "B"}, If_None_Match="*")
    assert error(refused) == (412, "0x80040237")
    assert refused.json()["error"]["message"] == "A record with matching key values already exists."
    assert sales.get(path_of(row)).json()["name"] == "A"
    assert sales.patch(f"accounts({new_id()})", {"name": "B"}, If_None_Match="*").status_code == 204


def test_s06_a_stale_etag_is_412_with_its_code_and_text(sales):
    row = account(sales)
    assert sales.patch(path_of(row), {"name": "B"}, If_Match=row["@odata.etag"]).status_code == 204
    refused = sales.patch(path_of(row), {"name": "C"}, If_Match=row["@odata.etag"])
    assert error(refused) == (412, "0x80060882")
    assert refused.json()["error"]["message"] == (
        "The version of the existing record doesn't match the RowVersion property provided."
    )


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
def test_s06_stale_etags_are_refused_by_other_writes_too(sales, method):
    row = account(sales)
    sales.patch(path_of(row), {"name": "B"})
    path = path_of(row) + ("/fax" if method == "PUT" else "")
    body = {"value": "1"} if method == "PUT" else None
    assert error(sales.call(method, path, body, If_Match=row["@odata.etag"])) == (412, "0x80060882")


def test_s06_one_of_several_etags_suffices(sales):
    row = account(sales)
    assert (
        sales.patch(path_of(row), {"name": "B"}, If_Match=f'W/"1", {row["@odata.etag"]}').status_code == 204
    )


def test_s08_a_table_without_optimistic_concurrency_says_so(sales):
    row = sales.rows("organizations")[0]
    path = f"organizations({row['organizationid']})"
    refused = sales.patch(path, {"discountcalculationmethod": 0}, If_Match=row["@odata.etag"])
    assert error(refused) == (400, "0x8006088d")


def test_s06_a_conditional_read_answers_304(sales):
    row = account(sales)
    answer = sales.get(path_of(row), If_None_Match=row["@odata.etag"])
    assert (answer.status_code, answer.content) == (304, b"")
    assert sales.get(path_of(row), If_None_Match='W/"1"').status_code == 200


def test_s06_sending_unchanged_values_still_counts_as_a_change(sales):
    row = account(sales)
    again = sales.patch(path_of(row), {"name": "A"}, Prefer=REPRESENTATION).json()
    assert again["versionnumber"] > row["versionnumber"]


def test_s06_versions_of_different_tables_interleave_and_are_the_etag(sales):
    first, other, second = account(sales), sales.create("contacts", {"lastname": "C"}), account(sales)
    assert first["versionnumber"] < other["versionnumber"] < second["versionnumber"]
    assert other["@odata.etag"] == f'W/"{other["versionnumber"]}"'


def test_s06_delete_answers_204_and_a_missing_row_404(sales):
    row = account(sales)
    assert sales.delete(path_of(row)).status_code == 204
    assert error(sales.delete(path_of(row))) == (404, "0x80040217")


# one value


def test_s03_one_property_is_put(sales):
    row = account(sales)
    assert sales.call("PUT", f"{path_of(row)}/fax", {"value": "12"}).status_code == 204
    assert sales.get(f"{path_of(row)}/fax").json()["value"] == "12"


def test_s03_delete_of_a_property_sets_null(sales):
    row = account(sales, fax="1")
    assert sales.delete(f"{path_of(row)}/fax").status_code == 204
    assert sales.get(path_of(row)).json()["fax"] is None


def test_s03_other_verbs_and_bodies_at_a_property_are_refused(sales):
    path = f"{path_of(account(sales))}/fax"
    assert sales.patch(path, {"value": "1"}).status_code == 405
    assert error(sales.call("PUT", path, {"fax": "1"})) == (400, "0x80048d19")
    assert sales.call("PUT", path + "es", {"value": "1"}).status_code == 404


# lookups


def bound(sales, catalog, reference):
    row = account(sales, **{"transactioncurrencyid@odata.bind": reference})
    return row["_transactioncurrencyid_value"] == catalog.currency


@pytest.mark.parametrize(
    "form", ["/{0}", "{0}", "{1}/api/data/v9.2/{0}", "{1}/api/data/v9.0/{0}", "/api/data/v9.2/{0}"]
)
def test_s03_a_bind_may_be_relative_with_or_without_slash_or_absolute(sales, catalog, form):
    assert bound(sales, catalog, form.format(f"transactioncurrencies({catalog.currency})", sales.url))


def test_s03_a_bind_may_name_the_primary_key(sales, catalog):
    assert bound(sales, catalog, f"/transactioncurrencies(transactioncurrencyid={catalog.currency.upper()})")


def test_s03_a_bind_may_name_an_alternate_key(keyed):
    parent = account(keyed, accountnumber="P 'Ø")
    child = account(keyed, **{"parentaccountid@odata.bind": "/accounts(accountnumber='P ''Ø')"})
    assert child["_parentaccountid_value"] == parent["accountid"]
    missing = {"name": "A", "parentaccountid@odata.bind": "/accounts(accountnumber='none')"}
    assert error(keyed.post("accounts", missing)) == (404, "0x80060891")


def test_s03_a_lookup_cannot_be_written_by_its_value(sales, catalog):
    refused = sales.post("accounts", {"name": "A", "_transactioncurrencyid_value": catalog.currency})
    assert error(refused) == (400, "0x80048d19")


def test_s03_a_lookup_is_cleared_by_a_null_bind(sales, catalog):
    row = account(
        sales, **{"transactioncurrencyid@odata.bind": f"/transactioncurrencies({catalog.currency})"}
    )
    assert sales.patch(path_of(row), {"transactioncurrencyid@odata.bind": None}).status_code == 204
    assert sales.get(path_of(row)).json()["_transactioncurrencyid_value"] is None


def test_s03_a_wrong_case_of_a_navigation_property_is_undeclared(sales, catalog):
    bind = {"TransactionCurrencyId@odata.bind": f"/transactioncurrencies({catalog.currency})"}
    refused = sales.post("accounts", {"name": "A", **bind})
    assert refused.status_code == 400
    assert "undeclared property" in refused.json()["error"]["message"]


@pytest.mark.parametrize(("target", "set_name"), [("account", "accounts"), ("contact", "contacts")])
def test_s03_a_multi_table_lookup_is_written_through_one_property_per_table(sales, target, set_name):
    name = {"account": "name", "contact": "lastname"}[target]
    row = sales.create(set_name, {name: "X"})[f"{target}id"]
    quote = sales.create("quotes", {"name": "Q", f"customerid_{target}@odata.bind": f"/{set_name}({row})"})
    assert quote["_customerid_value"] == row
    assert quote[f"_{target}id_value"] == row


def test_s03_a_multi_table_lookup_refuses_a_row_of_the_other_table(sales):
    contact = sales.create("contacts", {"lastname": "X"})["contactid"]
    refused = sales.post("quotes", {"name": "Q", "customerid_account@odata.bind": f"/contacts({contact})"})
    assert error(refused) == (400, "0x80048d19")


@pytest.mark.parametrize("kind", ["systemusers", "teams"])
def test_s06_the_owner_is_changed_by_a_bind_to_a_user_or_team(sales, kind):
    owner = (
        sales.get("WhoAmI").json()["UserId"] if kind == "systemusers" else sales.rows("teams")[0]["teamid"]
    )
    row = account(sales)
    assert sales.patch(path_of(row), {"ownerid@odata.bind": f"/{kind}({owner})"}).status_code == 204
    assert sales.get(path_of(row)).json()["_ownerid_value"] == owner


# $ref


def test_s03_put_of_a_reference_sets_a_lookup(sales):
    parent, child = account(sales), account(sales)
    for reference in (path_of(parent), f"{sales.url}/api/data/v9.2/{path_of(parent)}"):
        sales.delete(f"{path_of(child)}/parentaccountid/$ref")
        answer = sales.call("PUT", f"{path_of(child)}/parentaccountid/$ref", {"@odata.id": reference})
        assert answer.status_code == 204
        assert sales.get(path_of(child)).json()["_parentaccountid_value"] == parent["accountid"]


def test_s03_delete_of_a_reference_clears_a_lookup(sales):
    parent = account(sales)
    child = account(sales, **{"parentaccountid@odata.bind": f"/{path_of(parent)}"})
    assert sales.delete(f"{path_of(child)}/parentaccountid/$ref").status_code == 204
    assert sales.get(path_of(child)).json()["_parentaccountid_value"] is None


def test_s03_post_of_a_reference_adds_to_a_collection(sales):
    row, contact = account(sales), sales.create("contacts", {"lastname": "X"})["contactid"]
    path = f"{path_of(row)}/contact_customer_accounts/$ref"
    assert sales.post(path, {"@odata.id": f"contacts({contact})"}).status_code == 204
    assert sales.get(f"contacts({contact})").json()["_parentcustomerid_value"] == row["accountid"]


@pytest.mark.parametrize("form", ["(%s)/$ref", "/$ref?$id=contacts(%s)"])
def test_s03_delete_of_a_reference_takes_out_of_a_collection(sales, form):
    row = account(sales)
    bind = {"parentcustomerid_account@odata.bind": f"/{path_of(row)}"}
    contact = sales.create("contacts", {"lastname": "X", **bind})["contactid"]
    path = f"{path_of(row)}/contact_customer_accounts{form % contact}"
    assert sales.delete(path).status_code == 204
    assert sales.get(f"contacts({contact})").json()["_parentcustomerid_value"] is None
    assert sales.delete(path).status_code == 404


def test_s03_references_refuse_what_does_not_fit(sales):
    row, other = account(sales), account(sales)
    lookup, collection = (f"{path_of(row)}/{name}/$ref" for name in
                          ("parentaccountid", "contact_customer_accounts"))  # fmt: skip
    assert sales.post(lookup, {"@odata.id": path_of(other)}).status_code == 405
    assert sales.call("PUT", collection, {"@odata.id": path_of(other)}).status_code == 405
    assert error(sales.post(collection, {"@odata.id": path_of(other)})) == (400, "0x80048d19")
    assert error(sales.call("PUT", lookup, {"@odata.id": f"accounts({new_id()})"})) == (404, "0x80040217")
    assert error(sales.call("PUT", lookup, {"name": "A"})) == (400, "0x80048d19")
    assert sales.call("PUT", f"{path_of(row)}/nosuch/$ref", {"@odata.id": path_of(other)}).status_code == 404


def test_s03_a_new_row_may_be_posted_to_a_collection(sales):
    row = account(sales)
    answer = sales.post(f"{path_of(row)}/contact_customer_accounts", {"lastname": "X"}, Prefer=REPRESENTATION)
    assert (answer.status_code, answer.json()["_parentcustomerid_value"]) == (201, row["accountid"])


# deep insert


def test_s06_a_nested_object_is_created_and_pointed_at(sales):
    row = account(sales, primarycontactid={"lastname": "N", "firstname": "F"})
    contact = sales.get(f"contacts({row['_primarycontactid_value']})").json()
    assert contact["fullname"] == "F N"


def test_s06_nested_rows_of_a_collection_are_created_and_point_back(sales):
    row = account(sales, contact_customer_accounts=[{"lastname": "1"}, {"lastname": "2"}])
    where = f"contacts?$filter=_parentcustomerid_value eq {row['accountid']}&$orderby=lastname"
    assert [contact["lastname"] for contact in sales.rows(where)] == ["1", "2"]


def test_s06_a_quote_is_inserted_with_its_lines_and_priced(sales, catalog):
    line = {"isproductoverridden": True, "productdescription": "W", "quantity": 2, "priceperunit": 5}
    bind = {"pricelevelid@odata.bind": f"/pricelevels({catalog.price_list})"}
    quote = sales.create("quotes", {"name": "Q", **bind, "quote_details": [line, line]})
    assert quote["totalamount"] == 20


def test_s06_objects_nest_in_nested_objects(sales):
    inner = {"lastname": "N", "parentcustomerid_account": {"name": "Deep"}}
    row = account(sales, primarycontactid=inner)
    contact = sales.get(f"contacts({row['_primarycontactid_value']})").json()
    assert sales.get(f"accounts({contact['_parentcustomerid_value']})").json()["name"] == "Deep"


def test_s06_a_deep_insert_is_one_transaction(sales):
    mark = new_id()
    refused = sales.post(
        "accounts",
        {"name": mark, "primarycontactid": {"lastname": mark},
         "contact_customer_accounts": [{"lastname": mark}, {"nosuch": 1}]},
    )  # fmt: skip
    assert error(refused) == (400, "0x80048d19")
    assert sales.rows(f"accounts?$filter=name eq '{mark}'") == []
    assert sales.rows(f"contacts?$filter=lastname eq '{mark}'") == []


def test_s06_rows_may_be_bound_to_a_collection_when_a_row_is_created(sales):
    contact = sales.create("contacts", {"lastname": "X"})["contactid"]
    row = account(sales, **{"contact_customer_accounts@odata.bind": [f"/contacts({contact})"]})
    assert sales.get(f"contacts({contact})").json()["_parentcustomerid_value"] == row["accountid"]


def test_s06_nested_objects_in_an_update_are_refused(sales):
    row = account(sales)
    refused = sales.patch(path_of(row), {"primarycontactid": {"lastname": "N"}})
    assert error(refused) == (400, "0x80048d19")
    assert sales.patch(f"accounts({new_id()})", {"name": "A", "primarycontactid": {"lastname": "N"}}).ok


@pytest.mark.parametrize("nested", [{"primarycontactid": [1]}, {"contact_customer_accounts": {"lastname": "N"}},
                                    {"contact_customer_accounts": ["x"]}])  # fmt: skip
def test_s06_nested_values_of_the_wrong_shape_are_refused(sales, nested):
    assert error(sales.post("accounts", {"name": "A", **nested})) == (400, "0x80048d19")


def test_s06_objects_nested_without_end_are_refused(sales):
    body = {"lastname": "N"}
    for _ in range(30):
        body = {"lastname": "N", "parentcustomerid_account": {"name": "A", "primarycontactid": body}}
    assert error(sales.post("contacts", body)) == (400, "0x80048d19")


# alternate keys


def test_s03_an_alternate_key_upserts_and_sets_its_columns(keyed):
    number = new_id()[:20]
    statuses = [
        keyed.patch(f"accounts(accountnumber='{number}')", {"name": "A"}, Prefer=REPRESENTATION).status_code
        for _ in range(2)
    ]
    assert statuses == [201, 200]
    assert keyed.get(f"accounts(accountnumber='{number}')").json()["accountnumber"] == number


def test_s03_an_alternate_key_of_several_columns(keyed):
    path = "contacts(firstname='Jo',emailaddress1='a@b.c')"
    assert keyed.patch(path, {"lastname": "X"}).status_code == 204
    row = keyed.get("contacts(emailaddress1='A@B.C',firstname='jo')").json()
    assert (row["firstname"], row["emailaddress1"], row["lastname"]) == ("Jo", "a@b.c", "X")
    assert keyed.delete(path).status_code == 204
    assert error(keyed.get(path)) == (404, "0x80060891")


def test_s03_an_alternate_key_with_a_lookup_part(keyed):
    contact = keyed.create("contacts", {"lastname": "X"})["contactid"]
    path = f"accounts(name='K',_primarycontactid_value={contact.upper()})"
    assert keyed.patch(path, {"fax": "1"}).status_code == 204
    row = keyed.get(path).json()
    assert (row["name"], row["_primarycontactid_value"], row["fax"]) == ("K", contact, "1")
    gone = keyed.patch(f"accounts(name='K',_primarycontactid_value={new_id()})", {"fax": "1"})
    assert error(gone) == (404, "0x80040217")


def test_s03_an_undeclared_key_is_refused(keyed):
    refused = keyed.patch("accounts(fax='1')", {"name": "A"})
    assert error(refused) == (400, "0x8006088f")
    assert "The key in the request URI is not valid for resource" in refused.json()["error"]["message"]


def test_s06_key_columns_in_the_body_may_be_repeated_but_not_differ(keyed):
    path = "accounts(accountnumber='R-1')"
    assert keyed.patch(path, {"accountnumber": "R-1", "name": "A"}).status_code == 204
    assert keyed.patch(path, {"accountnumber": "R-1", "name": "B"}).status_code == 204
    assert error(keyed.patch(path, {"accountnumber": "R-2"})) == (400, "0x80040203")
    assert error(keyed.patch("accounts(accountnumber='R-3')", {"accountnumber": "R-4"})) == (
        400,
        "0x80040203",
    )


def test_s06_the_primary_key_in_the_body_must_not_differ(sales):
    row = account(sales)
    assert error(sales.patch(path_of(row), {"accountid": new_id()})) == (400, "0x80040203")
    assert error(sales.patch(f"accounts({new_id()})", {"accountid": new_id()})) == (400, "0x80040203")


def test_s08_a_violated_alternate_key_is_412_with_its_code_and_text(keyed):
    account(keyed, accountnumber="D-1")
    refused = keyed.post("accounts", {"name": "B", "accountnumber": "d-1"})
    assert error(refused) == (412, "0x80060892")
    assert refused.json()["error"]["message"].startswith(
        "Entity Key accountnumber violated. A record with the same value for accountnumber already exists."
    )


# headers, annotations, values


@pytest.mark.parametrize(
    "header",
    [
        {"MSCRM.SuppressDuplicateDetection": "false"},
        {"MSCRM.BypassCustomPluginExecution": "true"},
        {"MSCRM.SolutionUniqueName": "Default"},
        {"CallerObjectId": "6a5b0c5e-0000-4000-8000-000000000001"},
        {"MSCRMCallerID": "6a5b0c5e-0000-4000-8000-000000000001"},
    ],
)
def test_s02_documented_request_headers_are_accepted(sales, header):
    assert sales.post("accounts", {"name": "A"}, **header).status_code == 204


def test_s02_an_impersonated_user_is_named_as_creator_and_the_caller_beside_him(sales):
    unit, caller = (sales.get("WhoAmI").json()[name] for name in ("BusinessUnitId", "UserId"))
    entra = new_id()
    user = sales.create(
        "systemusers",
        {"domainname": "x@y.example", "firstname": "X", "lastname": "Y", "azureactivedirectoryobjectid": entra,
         "businessunitid@odata.bind": f"/businessunits({unit})"},
    )["systemuserid"]  # fmt: skip
    for header in ({"MSCRMCallerID": user}, {"CallerObjectId": entra}):
        row = sales.post("accounts", {"name": "A"}, Prefer=REPRESENTATION, **header).json()
        assert (row["_createdby_value"], row["_ownerid_value"]) == (user, user)
        assert row["_createdonbehalfby_value"] == caller


def test_s06_annotations_are_accepted_and_a_foreign_type_refused(sales):
    kind = "Microsoft.Dynamics.CRM.account"
    for given in (kind, f"#{kind}"):
        body = {"@odata.type": given, "name": "A", "name@OData.Community.Display.V1.FormattedValue": "A"}
        assert sales.post("accounts", body).status_code == 204
    assert (
        sales.post("accounts", {"@odata.type": "Microsoft.Dynamics.CRM.contact", "name": "A"}).status_code
        == 400
    )


@pytest.mark.parametrize("value", [None, ""])
def test_s04_null_and_empty_text_are_stored_as_null(sales, value):
    row = account(sales, fax="1")
    sales.patch(path_of(row), {"fax": value})
    assert sales.get(path_of(row)).json()["fax"] is None


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("customertypecode", 99, "0x8004431a"),
        ("customertypecode", "3", "0x80048d19"),
        ("name", "x" * 161, "0x80044331"),
        ("name", 1, "0x80048d19"),
        ("numberofemployees", -1, "0x80044330"),
        ("numberofemployees", 1.5, "0x80048d19"),
        ("revenue", "1", "0x80048d19"),
        ("creditonhold", "true", "0x80048d19"),
        ("lastonholdtime", "yesterday", "0x80048d19"),
        ("processid", "x", "0x80048d19"),
        ("nosuch", 1, "0x80048d19"),
        ("createdon", "2026-01-01T00:00:00Z", "0x80040203"),
    ],
)
def test_s08_values_that_do_not_fit_their_column_are_refused_with_their_code(sales, column, value, code):
    assert error(sales.post("accounts", {"name": "A", column: value})) == (400, code)
    assert error(sales.patch(path_of(account(sales)), {column: value})) == (400, code)


def test_s08_a_table_or_verb_that_is_not_there(sales):
    assert sales.post("nosuch", {"name": "A"}).status_code == 404
    assert sales.patch("accounts", {"name": "A"}).status_code == 405
    assert sales.delete("accounts").status_code == 405
    assert sales.post(path_of(account(sales)), {"name": "A"}).status_code == 405


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_s08_a_malformed_body_is_400(sales, body):
    for method, path in (("POST", "accounts"), ("PATCH", f"accounts({new_id()})")):
        answer = sales.session.request(method, sales.url + sales.root + path, data=body, timeout=10)
        assert error(answer) == (400, "0x80048d19")


def test_s09_state_and_status_are_set_together(sales):
    row = account(sales)
    assert sales.patch(path_of(row), {"statecode": 1, "statuscode": 2}).status_code == 204
    assert error(sales.patch(path_of(row), {"statecode": 0, "statuscode": 2})) == (400, "0x80048408")


def test_s01_each_client_writes_as_its_own_application_user(tmp_path):
    sandbox = Sandbox(tmp_path / "home", SANDBOX_CLIENTS="other=other-secret")
    try:
        sales = sandbox.sales
        mine = sales.create("accounts", {"name": "A"})
        token = sales.ask_token(client_id="other", client_secret="other-secret").json()["access_token"]
        other = {"Authorization": f"Bearer {token}", "Prefer": REPRESENTATION}
        theirs = sales.post("accounts", {"name": "B"}, **other).json()
        user = sales.get("WhoAmI", **other).json()["UserId"]
        assert mine["_createdby_value"] == sales.get("WhoAmI").json()["UserId"] != user
        assert (theirs["_createdby_value"], theirs["_modifiedby_value"], theirs["_ownerid_value"]) == (
            user,
        ) * 3
        assert theirs["_createdonbehalfby_value"] is None
    finally:
        sandbox.kill()
