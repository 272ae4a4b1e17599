import uuid

import pytest

from support.selling import Shop, error, number

LOOKUP = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
ASK = f'odata.maxpagesize=2,odata.include-annotations="{LOOKUP}"'


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


@pytest.fixture
def account(sales):
    return sales.create("accounts", {"name": "Adatum"})["accountid"]


@pytest.fixture
def person(sales):
    return sales.create("contacts", {"firstname": "Ada", "lastname": "Smith"})["contactid"]


@pytest.fixture(scope="module")
def branch(sales):
    """A business unit below the root, with a user and its default team."""
    unit = sales.create("businessunits", {"name": number("B")})
    team = sales.rows(f"teams?$filter=_businessunitid_value eq {unit['businessunitid']}")[0]
    user = sales.create(
        "systemusers",
        {"firstname": "Bo", "lastname": "Berg", "domainname": number("u"),
         "businessunitid@odata.bind": f"/businessunits({unit['businessunitid']})"},
    )  # fmt: skip
    return {"unit": unit, "team": team, "user": user}


def of_account(account):
    return {"parentcustomerid_account@odata.bind": f"/accounts({account})"}


def of_contact(contact):
    return {"parentcustomerid_contact@odata.bind": f"/contacts({contact})"}


def parent(row):
    return row["_parentcustomerid_value"], row["_accountid_value"], row["_parentcontactid_value"]


def test_the_server_makes_the_full_name(sales):
    row = sales.create("contacts", {"firstname": "Ada", "middlename": "M.", "lastname": "Smith"})
    assert (row["fullname"], row["statecode"], row["statuscode"]) == ("Ada M. Smith", 0, 1)
    changed = {"firstname": None, "middlename": "", "lastname": "Jones"}
    sales.patch(f"contacts({row['contactid']})", changed)
    assert sales.get(f"contacts({row['contactid']})").json()["fullname"] == "Jones"
    assert error(sales.post("contacts", {"lastname": "A", "fullname": "B"})) == (400, "0x80040203")


def test_a_parent_shows_beside_the_lookup_as_account_or_contact(sales, account, person):
    row = sales.create("contacts", {"lastname": "A", **of_account(account)})
    assert parent(row) == (account, account, None)
    path = f"contacts({row['contactid']})"
    assert sales.patch(path, of_contact(person)).status_code == 204
    assert parent(sales.get(path).json()) == (person, None, person)
    select = (
        f"contacts?$select=_accountid_value,_parentcontactid_value&$filter=_parentcontactid_value eq {person}"
    )
    assert [r["_accountid_value"] for r in sales.rows(select)] == [None]


def test_a_parent_is_cleared_on_both_sides(sales, account, person):
    for clear in (
        lambda path: sales.patch(path, {"parentcustomerid_account@odata.bind": None}),
        lambda path: sales.delete(f"{path}/parentcustomerid_account/$ref"),
    ):
        row = sales.create("contacts", {"lastname": "A", **of_account(account)})
        assert clear(f"contacts({row['contactid']})").status_code == 204
        assert parent(sales.get(f"contacts({row['contactid']})").json()) == (None, None, None)
    both = {**of_contact(person), "parentcustomerid_account@odata.bind": None}
    assert parent(sales.create("contacts", {"lastname": "A", **both})) == (person, None, person)


def test_a_navigation_property_takes_rows_of_its_own_table_only(sales, account, person):
    for body in (
        {"parentcustomerid_account@odata.bind": f"/contacts({person})"},
        {"parentcustomerid@odata.bind": f"/accounts({account})"},
        {"accountid@odata.bind": f"/accounts({account})"},
        {"_accountid_value": account},
    ):
        assert error(sales.post("contacts", {"lastname": "A", **body})) == (400, "0x80048d19")


def test_the_table_of_a_lookup_is_told_only_to_those_who_ask(sales, account, person):
    lastname = number("L")
    for bind in (of_account(account), of_contact(person), {}):
        sales.create("contacts", {"lastname": lastname, **bind})
    path = f"contacts?$select=_parentcustomerid_value&$filter=lastname eq '{lastname}'"
    name = f"_parentcustomerid_value@{LOOKUP}"
    rows = [row for page in sales.pages(path, Prefer=ASK) for row in page]
    parents = {row["_parentcustomerid_value"]: row.get(name) for row in rows}
    assert parents == {account: "account", person: "contact", None: None}
    assert not any("@Microsoft" in key for row in sales.rows(path) for key in row)
    full = sales.rows(path, Prefer='odata.include-annotations="*"')
    found = {
        (row.get(f"_parentcustomerid_value@{NAVIGATION}"), row.get(f"_parentcustomerid_value@{FORMATTED}"))
        for row in full
    }
    assert found == {
        ("parentcustomerid_account", "Adatum"),
        ("parentcustomerid_contact", "Ada Smith"),
        (None, None),
    }


def test_an_id_that_an_account_and_a_contact_share_is_told_apart(sales, account):
    sales.patch(f"contacts({account})", {"lastname": "Twin"})
    row = sales.create("contacts", {"lastname": "A", **of_contact(account)})
    shown = sales.get(f"contacts({row['contactid']})", Prefer='odata.include-annotations="*"').json()
    assert shown[f"_parentcustomerid_value@{LOOKUP}"] == "contact"
    assert shown[f"_parentcustomerid_value@{FORMATTED}"] == "Twin"


def test_every_lookup_that_points_somewhere_says_where(sales, shop, account):
    contact = sales.create("contacts", {"lastname": "A", **of_account(account)})["contactid"]
    quote = shop.quote(**{"customerid_contact@odata.bind": f"/contacts({contact})"})
    line = shop.line(quote, shop.product(1))
    for path in (
        f"contacts({contact})",
        f"quotes({quote['quoteid']})",
        f"quotedetails({line['quotedetailid']})",
    ):
        row = sales.get(path, Prefer=ASK).json()
        lookups = [k for k, v in row.items() if k.startswith("_") and k.endswith("_value") and v is not None]
        assert len(lookups) > 4
        assert [name for name in lookups if f"{name}@{LOOKUP}" not in row] == []


def test_the_customer_of_a_document_is_an_account_or_a_contact(sales, shop, account, person):
    for headers in ("quotes", "salesorders", "invoices"):
        row = sales.create(headers, {"name": "A", "customerid_contact@odata.bind": f"/contacts({person})"})
        assert (row["_customerid_value"], row["_contactid_value"], row["_accountid_value"]) == (
            person,
            person,
            None,
        )
        path = f"{headers}({row[headers[:-1] + 'id']})"
        sales.patch(path, {"customerid_account@odata.bind": f"/accounts({account})"})
        row = sales.get(path, Prefer=ASK).json()
        assert (row["_customerid_value"], row["_contactid_value"]) == (account, None)
        assert row[f"_customerid_value@{LOOKUP}"] == "account"


def test_a_business_unit_brings_its_default_team(sales, branch):
    assert (branch["team"]["name"], branch["team"]["isdefault"]) == (branch["unit"]["name"], True)
    assert branch["unit"]["_parentbusinessunitid_value"] == sales.get("WhoAmI").json()["BusinessUnitId"]
    assert sales.get(f"teams(ownerid={branch['team']['teamid']})").status_code == 200
    assert sales.get(f"teams(teamid={branch['team']['teamid']})").status_code == 400


def test_a_row_belongs_to_the_business_unit_of_its_owner(sales, branch):
    team, user = branch["team"]["teamid"], branch["user"]["systemuserid"]
    unit = branch["unit"]["businessunitid"]
    row = sales.create("contacts", {"lastname": "A", "ownerid@odata.bind": f"/teams({team})"})
    path = f"contacts({row['contactid']})"
    row = sales.get(path, Prefer=ASK).json()
    assert (row["_ownerid_value"], row["_owningteam_value"], row["_owninguser_value"]) == (team, team, None)
    assert (row["_owningbusinessunit_value"], row[f"_ownerid_value@{LOOKUP}"]) == (unit, "team")
    me = sales.get("WhoAmI").json()
    sales.patch(path, {"ownerid@odata.bind": f"/systemusers({me['UserId']})"})
    row = sales.get(path, Prefer=ASK).json()
    assert (row["_owningteam_value"], row["_owninguser_value"]) == (None, me["UserId"])
    assert (row["_owningbusinessunit_value"], row[f"_ownerid_value@{LOOKUP}"]) == (
        me["BusinessUnitId"],
        "systemuser",
    )
    row = sales.create("accounts", {"name": "A", "ownerid@odata.bind": f"/systemusers({user})"})
    assert (row["_owninguser_value"], row["_owningbusinessunit_value"]) == (user, unit)


def test_lines_belong_to_the_owner_of_their_quote(sales, shop, branch):
    team = branch["team"]["teamid"]
    quote = shop.quote()
    line = shop.write_in(quote, 1)
    sales.patch(f"quotes({quote['quoteid']})", {"ownerid@odata.bind": f"/teams({team})"})
    row = sales.get(f"quotedetails({line['quotedetailid']})").json()
    assert (row["_owningteam_value"], row["_owninguser_value"]) == (team, None)
    assert row["_owningbusinessunit_value"] == branch["unit"]["businessunitid"]
    assert shop.write_in(quote, 1)["_ownerid_value"] == team


def test_planted_rows_get_what_the_server_would_have_derived(sales, account, branch):
    row_id = str(uuid.uuid4())
    planted = {
        "contactid": row_id, "firstname": "Ada", "lastname": "Smith", "_parentcustomerid_value": account,
        "_ownerid_value": branch["team"]["teamid"],
    }  # fmt: skip
    sales.admin("PUT", "rows/contacts", [planted])
    row = sales.get(f"contacts({row_id})").json()
    assert (row["fullname"], parent(row)) == ("Ada Smith", (account, account, None))
    assert (row["_owningteam_value"], row["_owninguser_value"]) == (branch["team"]["teamid"], None)
    assert row["_owningbusinessunit_value"] == branch["unit"]["businessunitid"]


def test_a_date_without_time_stays_one(sales):
    row = sales.create("contacts", {"lastname": number("D"), "birthdate": "1990-02-03"})
    assert row["birthdate"] == "1990-02-03"
    for condition, count in (("eq 1990-02-03", 1), ("lt 1990-02-03", 0), ("ge 1990-02-03", 1)):
        query = f"contacts?$filter=lastname eq '{row['lastname']}' and birthdate {condition}"
        assert len(sales.rows(query)) == count
    shown = sales.get(f"contacts({row['contactid']})", Prefer='odata.include-annotations="*"').json()
    assert shown[f"birthdate@{FORMATTED}"] == "2/3/1990"


def test_an_account_takes_its_contacts_along_unless_it_is_a_customer(sales, shop, account):
    contact = sales.create("contacts", {"lastname": "A", **of_account(account)})["contactid"]
    assert error(sales.delete(f"accounts({shop.quote()['_customerid_value']})")) == (405, "0x80040227")
    assert sales.delete(f"accounts({account})").status_code == 204
    assert sales.get(f"contacts({contact})").status_code == 404


def test_contacts_are_read_in_windows_and_pages(sales, account):
    lastname = number("W")
    rows = [sales.create("contacts", {"lastname": lastname, **of_account(account)}) for _ in range(5)]
    window = f"modifiedon ge {rows[0]['modifiedon']} and modifiedon lt 2100-01-01T00:00:00Z"
    select = "$select=fullname,_accountid_value,modifiedon&$orderby=modifiedon desc,contactid&$count=true"
    query = f"contacts?{select}&$filter=_accountid_value eq {account} and {window}"
    pages = sales.pages(query, Prefer="odata.maxpagesize=2")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {r["contactid"] for page in pages for r in page} == {r["contactid"] for r in rows}
    assert sales.get(query).json()["@odata.count"] == 5
