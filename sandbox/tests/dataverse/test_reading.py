import uuid

import pytest

FORMATTED = "OData.Community.Display.V1.FormattedValue"
NAMES = ["Ærø Cykler", "beta 100%", "Beta O'Neil", "Gamma", "delta_x"]


@pytest.fixture(scope="module")
def accounts(sales, catalog):
    """Five accounts with known names; the number of employees is their position."""
    found = []
    for at, name in enumerate(NAMES):
        body = {"name": name, "numberofemployees": at, "customertypecode": 3 if at % 2 else 8}
        if at < 3:
            body["accountnumber"] = f"A-{at}"
            body["transactioncurrencyid@odata.bind"] = f"/transactioncurrencies({catalog.currency})"
            body["creditlimit"] = 10.5 * at
        found.append(sales.create("accounts", body))
    return found


def found(sales, text):
    return {row["name"] for row in sales.rows(f"accounts?$select=name&$filter={text}")}


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("name eq 'BETA o''neil'", [2]),
        ("accountnumber eq 'a-1' or accountnumber eq 'A-2'", [1, 2]),
        ("accountnumber eq null", [3, 4]),
        ("accountnumber ne null and numberofemployees gt 0", [1, 2]),
        ("accountnumber ne 'A-0'", [1, 2, 3, 4]),
        ("not (numberofemployees ge 2)", [0, 1]),
        ("not contains(name,'a')", [0]),
        ("(customertypecode eq 3 or numberofemployees eq 0) and numberofemployees le 1", [0, 1]),
        ("contains(name,'ET')", [1, 2]),
        ("startswith(name,'ærø')", [0]),
        ("endswith(name,'MA')", [3]),
        ("contains(name,'100[%]')", [1]),
        ("startswith(name,'b%25o')", [2]),
        ("startswith(name,'d_lta')", [4]),
        ("creditlimit eq 10.5", [1]),
        ("2 eq numberofemployees", [2]),
        ("donotemail eq false and numberofemployees lt 1", [0]),
        ("modifiedon ge 2020-01-01T00:00:00Z and createdon gt 2020-01-01", [0, 1, 2, 3, 4]),
        ("modifiedon lt 2020-01-01T00:00:00.5Z", []),
        ("createdon eq modifiedon", [0, 1, 2, 3, 4]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='accountnumber',PropertyValues=['A-0','A-2'])", [0, 2]),
        ("Microsoft.Dynamics.CRM.Between(PropertyName='numberofemployees',PropertyValues=['1','2'])", [1, 2]),
        ("@p eq numberofemployees&@p=3", [3]),
    ],
)
def test_a_filter_finds_exactly_its_rows(sales, accounts, text, positions):
    assert found(sales, text) == {NAMES[at] for at in positions}


def test_a_lookup_is_filtered_by_its_value_without_quotes(sales, accounts, catalog):
    assert len(found(sales, f"_transactioncurrencyid_value eq {catalog.currency}")) == 3
    assert found(sales, f"accountid eq {accounts[4]['accountid']}") == {NAMES[4]}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            "$filter=nosuch eq 1",
            "Could not find a property named 'nosuch' on type 'Microsoft.Dynamics.CRM.account'.",
        ),
        ("$select=nosuch", "Could not find a property named 'nosuch'"),
        ("$orderby=nosuch", "Could not find a property named 'nosuch'"),
        ("$filter=name eq 5", "incompatible types"),
        ("$filter=statecode eq 'Active'", "incompatible types"),
        ("$filter=accountid eq '6f2c0000-0000-4000-8000-000000000000'", "incompatible types"),
        ("$filter=name eq", "Syntax error"),
        ("$filter=numberofemployees add 1 eq 2", "Arithmetic"),
        ("$filter=length(name) eq 2", "Syntax error"),
        ("$filter=substringof('a',name)", "unknown function"),
        ("$skip=1", "Skip Clause is not supported in CRM"),
        ("$search=x", "not supported"),
        ("$format=json", "not supported"),
        ("$Filter=name eq 'x'", "not supported"),
        ("$top=x", "whole number"),
        ("$filter=name eq 'x'&$filter=name eq 'y'", "more than once"),
    ],
)
def test_a_query_that_the_service_does_not_understand_is_400(sales, query, sentence):
    answer = sales.get(f"accounts?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "0x80060888"
    assert sentence in answer.json()["error"]["message"]


def test_selected_columns_come_with_key_and_etag_and_nulls(sales, accounts):
    row = sales.rows("accounts?$select=fax,name&$filter=numberofemployees eq 4")[0]
    assert row == {
        "@odata.etag": accounts[4]["@odata.etag"],
        "fax": None,
        "name": "delta_x",
        "accountid": accounts[4]["accountid"],
    }
    assert row["@odata.etag"] == f'W/"{accounts[4]["versionnumber"]}"'


def test_without_select_every_column_comes(sales, accounts):
    row = sales.rows("accounts?$top=1")[0]
    assert {"address1_line1", "_ownerid_value", "statuscode", "revenue_base"} <= set(row)
    assert row["_ownerid_value"] == sales.get("WhoAmI").json()["UserId"]


def test_orderby_sorts_text_without_case_and_nulls_first(sales, accounts):
    names = [r["name"] for r in sales.rows("accounts?$select=name&$orderby=name desc")]
    assert names == ["Ærø Cykler", "Gamma", "delta_x", "Beta O'Neil", "beta 100%"]
    numbers = [
        r["accountnumber"] for r in sales.rows("accounts?$select=accountnumber&$orderby=accountnumber")
    ]
    assert numbers == [None, None, "A-0", "A-1", "A-2"]


def test_the_default_order_is_the_primary_key(sales, accounts):
    ids = [row["accountid"] for row in sales.rows("accounts?$select=accountid")]
    assert ids == sorted(ids)


def test_top_limits_and_count_counts_all(sales, accounts):
    body = sales.get("accounts?$select=name&$top=2&$count=true").json()
    assert (len(body["value"]), body["@odata.count"], "@odata.nextLink" in body) == (2, 5, False)
    assert sales.get("accounts/$count").content.decode("utf-8-sig") == "5"


def test_annotations_come_only_when_asked_for(sales, accounts, catalog):
    select = "$select=customertypecode,creditlimit,_transactioncurrencyid_value"
    path = f"accounts({accounts[1]['accountid']})?{select}"
    plain = sales.get(path).json()
    assert not [name for name in plain if "@" in name.lstrip("@")]
    shown = sales.get(path, Prefer=f'odata.include-annotations="{FORMATTED}"').json()
    assert shown[f"customertypecode@{FORMATTED}"] == "Customer"
    assert shown[f"_transactioncurrencyid_value@{FORMATTED}"] == "US Dollar"
    assert "_transactioncurrencyid_value@Microsoft.Dynamics.CRM.lookuplogicalname" not in shown
    everything = sales.get(path, Prefer='odata.include-annotations="*"')
    body = everything.json()
    assert (
        body["_transactioncurrencyid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "transactioncurrency"
    )
    name = "_transactioncurrencyid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"
    assert body[name] == "transactioncurrencyid"
    assert everything.headers["Preference-Applied"] == 'odata.include-annotations="*"'


def test_a_row_is_read_by_id_and_by_its_named_key(sales, accounts):
    row_id = accounts[0]["accountid"]
    for key in (row_id, row_id.upper(), f"accountid={row_id}"):
        answer = sales.get(f"accounts({key})?$select=name")
        assert answer.json()["name"] == NAMES[0]
        assert answer.json()["@odata.context"].endswith("$metadata#accounts(name)/$entity")


def test_an_unknown_row_is_404_with_its_code(sales):
    nobody = str(uuid.uuid4())
    answer = sales.get(f"accounts({nobody})")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "code": "0x80040217",
        "message": f"Entity 'account' With Id = {nobody} Does Not Exist",
    }


def test_an_unknown_set_is_404(sales):
    answer = sales.get("nosuchthings")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "Resource not found for the segment 'nosuchthings'.",
    )


def test_a_key_that_is_not_declared_is_400(sales, accounts):
    answer = sales.get("accounts(accountnumber='A-0')")
    assert answer.status_code == 400
    assert "The key in the request URI is not valid for resource" in answer.json()["error"]["message"]


def test_one_value_is_read_and_an_empty_one_is_204(sales, accounts):
    path = f"accounts({accounts[0]['accountid']})"
    assert sales.get(f"{path}/name").json()["value"] == NAMES[0]
    assert sales.get(f"{path}/name/$value").text == NAMES[0]
    assert sales.get(f"{path}/fax").status_code == 204


def test_a_reader_that_has_the_newest_version_gets_304(sales, accounts):
    path = f"accounts({accounts[0]['accountid']})?$select=name"
    assert sales.get(path, If_None_Match=accounts[0]["@odata.etag"]).status_code == 304
    assert sales.get(path, If_None_Match='W/"1"').status_code == 200


def test_who_am_i_names_user_business_unit_and_organization(sales):
    body = sales.get("WhoAmI").json()
    assert (
        sales.get(f"systemusers({body['UserId']})").json()["_businessunitid_value"] == body["BusinessUnitId"]
    )
    assert sales.get(f"organizations({body['OrganizationId']})").status_code == 200


def test_a_user_is_not_addressed_by_the_name_of_its_primary_key(sales):
    user = sales.get("WhoAmI").json()["UserId"]
    assert sales.get(f"systemusers(systemuserid={user})").status_code == 400
    assert sales.get(f"systemusers(ownerid={user})").status_code == 200


def test_the_root_lists_the_sets_and_metadata_describes_them(sales):
    assert {"accounts", "products", "transactioncurrencies"} <= {r["name"] for r in sales.rows("")}
    text = sales.get("$metadata").text
    assert '<Property Name="accountnumber" Type="Edm.String" MaxLength="20" />' in text
    assert (
        '<NavigationProperty Name="transactioncurrencyid" Type="mscrm.transactioncurrency" Partner=' in text
    )


def test_an_url_holds_at_most_32_kilobytes(sales):
    assert sales.get(f"accounts?$filter=name eq '{'x' * 30_000}'").status_code == 200
    assert sales.get(f"accounts?$filter=name eq '{'x' * 33_000}'").status_code == 414


def test_answers_carry_the_protocol_version_and_the_servers_time(sales):
    headers = sales.get("accounts?$top=1").headers
    assert headers["OData-Version"] == "4.0"
    assert headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert headers["Date"].endswith("GMT")


def test_every_user_has_settings_with_a_time_zone(sales):
    me = sales.get("WhoAmI").json()
    users = {row["systemuserid"] for row in sales.rows("systemusers?$select=systemuserid")}

    settings = sales.rows("usersettingscollection?$select=systemuserid,timezonecode")
    sales.patch(f"usersettingscollection({me['UserId']})", {"timezonecode": 110})

    assert {row["systemuserid"] for row in settings} == users
    assert all(isinstance(row["timezonecode"], int) for row in settings)
    changed = sales.get(f"usersettingscollection({me['UserId']})").json()
    assert (changed["timezonecode"], changed["businessunitid"]) == (110, me["BusinessUnitId"])


def test_a_new_user_gets_settings(sales):
    unit = sales.get("WhoAmI").json()["BusinessUnitId"]
    body = {
        "lastname": "New",
        "domainname": "new@sandbox.example",
        "businessunitid@odata.bind": f"/businessunits({unit})",
    }
    user = sales.create("systemusers", body)

    settings = sales.get(f"usersettingscollection({user['systemuserid']})").json()
    assert settings["businessunitid"] == unit
