"""Dataverse sheet, section 3: names and addressing."""

import csv
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest

from d365_sandbox.schemas.lists import SCHEMAS
from support.running import Sandbox

ANY = 'odata.include-annotations="*"'
NOT_A_KEY = "The key in the request URI is not valid for resource"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    sandbox = Sandbox(
        tmp_path_factory.mktemp("keyed"),
        "--alternate-key", "accounts=accountnumber",
        "--alternate-key", "contacts=firstname,emailaddress1",
        "--alternate-key", "accounts=_primarycontactid_value",
        "--alternate-key", "accounts=name,_primarycontactid_value,numberofemployees",
    )  # fmt: skip
    yield sandbox
    sandbox.kill()


@pytest.fixture(scope="module")
def contact(sales):
    return sales.create("contacts", {"firstname": "Jo", "lastname": "O'Neil", "emailaddress1": "a@b.c"})


@pytest.fixture(scope="module")
def account(sales, contact):
    found = sales.create(
        "accounts",
        {"name": "O'Neil Ltd", "accountnumber": "O'Neil", "numberofemployees": 12,
         "primarycontactid@odata.bind": f"/contacts({contact['contactid']})"},
    )  # fmt: skip
    sales.patch(
        f"contacts({contact['contactid']})",
        {"parentcustomerid_account@odata.bind": f"/accounts({found['accountid']})"},
    )
    return found


def error(answer):
    return answer.json()["error"]


def rows_of(path: Path):
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.mark.parametrize(
    "name", [row["entity_set"] for row in rows_of(SCHEMAS / "sales" / "entity_sets.csv")]
)
def test_s03_every_described_set_is_there_under_its_irregular_plural(sales, name):
    assert sales.get(f"{name}?$top=1").status_code == 200


@pytest.mark.parametrize("name", ["account", "Accounts", "transactioncurrencys", "uom"])
def test_s03_no_other_name_is_a_set(sales, name):
    answer = sales.get(name)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        f"Resource not found for the segment '{name}'.",
    )


@pytest.mark.parametrize("column", ["Name", "AccountNumber", "primarycontactid/FullName"])
def test_s03_properties_are_lower_case_logical_names(sales, account, column):
    answer = sales.get(f"accounts?$filter={column} eq 'x'")
    assert answer.status_code == 400
    assert "Could not find a property named" in error(answer)["message"]


@pytest.mark.parametrize("name", ["PrimaryContactId", "primaryContactid", "PRIMARYCONTACTID"])
def test_s03_a_navigation_property_in_another_case_is_an_undeclared_property(sales, contact, name):
    bind = {f"{name}@odata.bind": f"/contacts({contact['contactid']})"}
    answer = sales.post("accounts", {"name": "A", **bind})
    assert answer.status_code == 400
    assert f"undeclared property '{name}'" in error(answer)["message"]


@pytest.mark.parametrize("shape", ["{0}", "accountid={0}", "{1}"])
def test_s03_primary_keys_are_guids_without_quotes(sales, account, shape):
    key = shape.format(account["accountid"], account["accountid"].upper())
    assert sales.get(f"accounts({key})?$select=name").json()["name"] == "O'Neil Ltd"


@pytest.mark.parametrize(
    "shape", ["'{0}'", "{{{0}}}", "accountid='{0}'", "accountid={{{0}}}", "contactid={0}"]
)
def test_s03_quotes_braces_and_other_names_are_no_primary_key(sales, account, shape):
    assert sales.get(f"accounts({shape.format(account['accountid'])})").status_code == 400


@pytest.mark.parametrize("name", ["systemuser", "team"])
def test_s03_users_and_teams_are_keyed_as_owners(sales, name):
    row = sales.rows(f"{name}s?$select={name}id,ownerid&$top=1")[0]
    assert row["ownerid"] == row[f"{name}id"]
    assert sales.get(f"{name}s(ownerid={row['ownerid']})").status_code == 200
    assert sales.get(f"{name}s({row['ownerid']})").status_code == 200
    assert NOT_A_KEY in error(sales.get(f"{name}s({name}id={row['ownerid']})"))["message"]


def test_s03_lookups_are_read_as_value_columns(sales, account, contact):
    row = sales.get(f"accounts({account['accountid']})?$select=_primarycontactid_value").json()
    assert row["_primarycontactid_value"] == contact["contactid"]
    assert "primarycontactid" not in row


def test_s03_a_lookup_cannot_be_changed_by_its_value(sales, account, contact):
    path, name = f"accounts({account['accountid']})", "_primarycontactid_value"
    for answer in (
        sales.patch(path, {name: None}),
        sales.call("PUT", f"{path}/{name}", {"value": contact["contactid"]}),
        sales.delete(f"{path}/{name}"),
    ):
        assert answer.status_code == 400
    assert sales.get(path).json()[name] == contact["contactid"]


def test_s03_a_lookup_of_several_tables_is_one_column_and_says_what_it_points_at_when_asked(
    sales, contact, account
):
    row = sales.get(f"contacts({contact['contactid']})?$select=_parentcustomerid_value", Prefer=ANY).json()
    assert row["_parentcustomerid_value"] == account["accountid"]
    about = {name.partition("@")[2]: value for name, value in row.items() if name.startswith("_parent")}
    assert about["Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    assert about["Microsoft.Dynamics.CRM.associatednavigationproperty"] == "parentcustomerid_account"
    assert about["OData.Community.Display.V1.FormattedValue"] == "O'Neil Ltd"


def test_s03_what_a_lookup_points_at_is_not_told_unasked(sales, contact, account):
    row = sales.get(f"contacts({contact['contactid']})?$select=_parentcustomerid_value").json()
    assert [name for name in row if "@" in name] == ["@odata.context", "@odata.etag"]


def test_s03_there_is_one_navigation_property_for_each_table(sales, contact, account):
    path = (
        f"contacts({contact['contactid']})?$select=contactid&$expand=parentcustomerid_account($select=name)"
    )
    assert sales.get(path).json()["parentcustomerid_account"]["name"] == "O'Neil Ltd"
    other = path.replace("_account($select=name", "_contact($select=fullname")
    assert sales.get(other).json()["parentcustomerid_contact"] is None
    assert sales.get("contacts?$expand=parentcustomerid").status_code == 400


@pytest.mark.parametrize(
    ("set_name", "key"),
    [("accounts", "accountnumber='O''Neil'"), ("accounts", "accountnumber='o''neil'"),
     ("contacts", "firstname='Jo',emailaddress1='a@b.c'"), ("contacts", "emailaddress1='A@B.C',firstname='jo'")],
)  # fmt: skip
def test_s03_declared_alternate_keys_address_a_row(sales, account, contact, set_name, key):
    assert sales.get(f"{set_name}({key})").status_code == 200
    assert sales.get(f"{set_name}({quote(key)})").status_code == 200


def test_s03_the_lookup_part_of_a_key_is_written_as_its_value(sales, account, contact):
    found = sales.get(f"accounts(_primarycontactid_value={contact['contactid']})?$select=name")
    assert found.json()["name"] == "O'Neil Ltd"
    three = f"numberofemployees=12,_primarycontactid_value={contact['contactid'].upper()},name='o''neil ltd'"
    assert sales.get(f"accounts({three})?$select=name").json()["accountid"] == account["accountid"]


@pytest.mark.parametrize(
    "key", ["name='x'", "accountnumber='x',name='y'", "nosuch='x'", "emailaddress1='a@b.c'"]
)
def test_s03_an_undeclared_key_is_400(sales, key):
    answer = sales.get(f"accounts({key})")
    assert answer.status_code == 400
    assert error(answer)["code"] == "0x8006088f"
    assert f"{NOT_A_KEY} 'Microsoft.Dynamics.CRM.account'" in error(answer)["message"]


def test_s03_a_key_without_a_row_is_404_with_its_code(sales):
    answer = sales.get("accounts(accountnumber='nobody')")
    assert (answer.status_code, error(answer)["code"]) == (404, "0x80060891")


@pytest.mark.parametrize("key", ["accountnumber=x", "accountnumber=12", "_primarycontactid_value='x'",
                                 "_primarycontactid_value=12", "accountnumber=", "accountnumber='x"])  # fmt: skip
def test_s03_values_of_keys_have_quotes_when_they_are_texts_and_only_then(sales, key):
    assert sales.get(f"accounts({key})").status_code == 400


@pytest.mark.parametrize("letter", list("/<>*%&:\\?+"))
def test_s03_some_characters_make_a_key_value_unusable(sales, letter):
    assert sales.get(f"accounts(accountnumber='a{quote(letter, safe='')}b')").status_code == 400


def test_s03_count_of_a_set_is_plain_text(sales, account):
    answer = sales.get("accounts/$count")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.content.decode() == str(len(sales.rows("accounts?$select=name")))
    filtered = sales.get("accounts/$count?$filter=name eq 'nobody'")
    assert filtered.content.decode("utf-8-sig") == "0"


def test_s03_one_property_is_read_as_value(sales, account):
    body = sales.get(f"accounts({account['accountid']})/name").json()
    assert body["value"] == "O'Neil Ltd"
    assert body["@odata.context"].endswith(f"$metadata#accounts({account['accountid']})/name")


def test_s03_the_raw_value_of_a_property_is_plain_text(sales, account):
    path = f"accounts({account['accountid']})"
    assert sales.get(f"{path}/name/$value").text == "O'Neil Ltd"
    assert sales.get(f"{path}/donotemail/$value").text == "false"
    assert sales.get(f"{path}/numberofemployees/$value").text == "12"


def test_s03_an_empty_property_is_204(sales, account):
    assert sales.get(f"accounts({account['accountid']})/fax").status_code == 204
    assert sales.get(f"accounts({account['accountid']})/fax/$value").status_code == 204


@pytest.mark.parametrize(
    "tail", ["nosuch", "name/nosuch", "name/$value/x", "primarycontactid/nosuch", "$nosuch"]
)
def test_s03_an_unknown_property_path_is_404(sales, account, tail):
    assert sales.get(f"accounts({account['accountid']})/{tail}").status_code == 404


def test_s03_a_lookup_leads_to_its_row(sales, account, contact):
    path = f"accounts({account['accountid']})/primarycontactid"
    body = sales.get(f"{path}?$select=fullname").json()
    assert (body["contactid"], body["fullname"]) == (contact["contactid"], "Jo O'Neil")
    assert body["@odata.context"].endswith("$metadata#contacts(fullname)/$entity")
    assert sales.get(f"{path}/fullname").json()["value"] == "Jo O'Neil"


def test_s03_an_empty_lookup_leads_to_nothing(sales, account):
    assert sales.get(f"accounts({account['accountid']})/parentaccountid").status_code == 204


def test_s03_a_reference_is_an_address(sales, account, contact):
    body = sales.get(f"accounts({account['accountid']})/primarycontactid/$ref").json()
    assert body["@odata.id"] == f"{sales.url}{sales.root}contacts({contact['contactid']})"
    assert sales.get(body["@odata.id"]).json()["fullname"] == "Jo O'Neil"


def test_s03_an_owner_is_a_user_or_a_team(sales, account):
    user = sales.get("WhoAmI").json()["UserId"]
    assert sales.get(f"accounts({account['accountid']})/ownerid").json()["systemuserid"] == user


def test_s03_a_collection_is_read_from_its_row(sales, account, contact):
    path = f"accounts({account['accountid']})/contact_customer_accounts"
    assert [row["contactid"] for row in sales.rows(f"{path}?$select=fullname")] == [contact["contactid"]]
    assert sales.rows(f"{path}?$filter=lastname eq 'x'") == []
    assert sales.get(f"{path}/$count").content.decode("utf-8-sig") == "1"
    assert sales.get(f"{path}({contact['contactid']})?$select=fullname").json()["fullname"] == "Jo O'Neil"
    assert sales.get(f"{path}({uuid.uuid4()})").status_code == 404
    links = sales.get(f"{path}/$ref").json()["value"]
    assert links == [{"@odata.id": f"{sales.url}{sales.root}contacts({contact['contactid']})"}]


def test_s03_a_path_goes_on_over_several_navigation_properties(sales, account, contact):
    path = f"contacts({contact['contactid']})/parentcustomerid_account/contact_customer_accounts"
    assert [row["lastname"] for row in sales.rows(path)] == ["O'Neil"]


def test_s03_a_collection_is_paged_like_a_set(sales, account):
    parent = f"/accounts({account['accountid']})"
    for n in range(5):
        sales.create("accounts", {"name": f"Branch {n}", "parentaccountid@odata.bind": parent})
    path = f"accounts({account['accountid']})/account_parent_account?$select=name&$orderby=name desc"
    pages = sales.pages(path, Prefer="odata.maxpagesize=2")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row["name"][-1] for page in pages for row in page] == list("43210")
