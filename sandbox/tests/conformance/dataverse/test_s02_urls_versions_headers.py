"""Dataverse sheet, section 2: URL, versions, headers."""

import uuid

import pytest
import requests

from support.running import batch, part

OLD = "/api/data/v9.0/"
JSON = "application/json; odata.metadata=minimal"
FORMATTED = "OData.Community.Display.V1.FormattedValue"


@pytest.fixture(scope="module")
def account(sales, catalog):
    return sales.create(
        "accounts",
        {"name": "Contoso", "customertypecode": 3,
         "transactioncurrencyid@odata.bind": f"/transactioncurrencies({catalog.currency})"},
    )  # fmt: skip


def under(sales, version, path, **headers):
    return sales.get(f"{sales.url}/api/data/{version}/{path}", **headers)


@pytest.mark.parametrize("version", ["v9.0", "v9.1", "v9.2"])
def test_s02_the_versions_of_9_stand_beside_each_other(sales, account, version):
    body = under(sales, version, f"accounts({account['accountid']})?$select=name").json()
    assert body["name"] == "Contoso"
    assert body["@odata.context"].startswith(f"{sales.url}/api/data/{version}/$metadata#accounts(name)")


@pytest.mark.parametrize(
    "path", ["/api/data/v8.2/accounts", "/api/data/accounts", "/api/data/v10.0/accounts"]
)
def test_s02_another_version_is_not_there(sales, path):
    assert sales.get(sales.url + path).status_code == 404


def test_s02_next_links_stay_in_the_version_that_was_asked(sales, account):
    sales.create("accounts", {"name": "Fabrikam"})
    body = under(sales, "v9.1", "accounts?$select=name", Prefer="odata.maxpagesize=1").json()
    assert body["@odata.nextLink"].startswith(f"{sales.url}/api/data/v9.1/accounts?")
    following = sales.get(body["@odata.nextLink"], Prefer="odata.maxpagesize=1").json()
    assert following["value"][0]["accountid"] != body["value"][0]["accountid"]


def test_s02_a_new_row_is_named_in_the_version_that_was_asked(sales):
    answer = sales.post(f"{sales.url}{OLD}accounts", {"name": "Old"})
    assert answer.headers["OData-EntityId"].startswith(f"{sales.url}{OLD}accounts(")
    assert sales.get(answer.headers["OData-EntityId"]).json()["name"] == "Old"


def test_s02_a_batch_may_be_sent_to_an_earlier_version(sales, account):
    body = batch(part(f"GET {OLD}accounts({account['accountid']})?$select=name"), part("GET WhoAmI"))
    answer = sales.session.post(
        f"{sales.url}{OLD}$batch", data=body.encode(),
        headers={"Content-Type": "multipart/mixed; boundary=batch_x"}, timeout=30,
    )  # fmt: skip
    assert answer.status_code == 200
    assert f"{OLD}$metadata#accounts(name)/$entity" in answer.text
    assert "WhoAmIResponse" in answer.text


@pytest.mark.parametrize(
    "path", ["accounts", "WhoAmI", "", "EntityDefinitions?$select=LogicalName", "nosuch"]
)
def test_s02_answers_carry_the_protocol_version_and_json(sales, path):
    headers = sales.get(path, Accept="application/json", OData_MaxVersion="4.0", OData_Version="4.0").headers
    assert (headers["OData-Version"], headers["Content-Type"]) == ("4.0", JSON)


def test_s02_if_none_match_null_defeats_caching_only(sales, account):
    path = (
        f"accounts({account['accountid']})?$select=name&$expand=contact_customer_accounts($select=fullname)"
    )
    answer = sales.get(path, If_None_Match="null")
    assert (answer.status_code, answer.json()["contact_customer_accounts"]) == (200, [])


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("$skip=5", "Skip Clause is not supported in CRM"), ("$search=x", "$search is not supported"),
     ("$format=json", "$format is not supported")],
)  # fmt: skip
def test_s02_skip_search_and_format_are_not_supported(sales, option, sentence):
    answer = sales.get(f"accounts?{option}")
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "option", ["$Select=name", "$FILTER=name eq 'x'", "$orderBy=name", "$Top=1", "nosuch=1"]
)
def test_s02_query_option_names_are_case_sensitive(sales, option):
    answer = sales.get(f"accounts?{option}")
    assert answer.status_code == 400
    assert "is not supported" in answer.json()["error"]["message"]


def test_s02_a_plain_url_holds_32_kilobytes_and_a_url_in_a_batch_more(sales):
    longer = f"accounts?$select=name&$filter=name eq '{'x' * 40_000}'"
    assert sales.get(longer).status_code == 414
    answer = sales.batch(batch(part(f"GET {longer}")))
    assert "HTTP/1.1 200 OK" in answer.text


@pytest.mark.parametrize("path", ["WhoAmI", "WhoAmI()"])
def test_s02_who_am_i_names_business_unit_user_and_organization(sales, path):
    body = sales.get(path).json()
    assert {"BusinessUnitId", "UserId", "OrganizationId"} < set(body)
    assert [str(uuid.UUID(body[name])) == body[name] for name in ("UserId", "OrganizationId")] == [True, True]
    assert body["@odata.context"].endswith("$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse")


def test_s02_who_am_i_takes_no_parameters_and_no_other_method(sales):
    assert sales.get("WhoAmI(User='x')").status_code == 400
    assert sales.post("WhoAmI", {}).status_code == 405


def test_s02_the_service_document_lists_the_entity_sets(sales):
    body = sales.get("").json()
    assert body["@odata.context"] == f"{sales.url}/api/data/v9.2/$metadata"
    assert {"name": "accounts", "kind": "EntitySet", "url": "accounts"} in body["value"]
    assert {"quotedetails", "uoms", "sdkmessagefilters"} <= {row["name"] for row in body["value"]}


def test_s02_impersonation_headers_are_taken(sales, account):
    user = sales.get("WhoAmI").json()["UserId"]
    assert sales.get("accounts?$top=1", MSCRMCallerID=user).status_code == 200


def test_s02_other_request_headers_change_nothing(sales):
    answer = sales.get(
        "accounts?$top=1", **{"MSCRM.SuppressDuplicateDetection": "false", "MSCRM.SolutionUniqueName": "x"}
    )
    assert answer.status_code == 200


def test_s02_maxpagesize_is_applied_and_echoed(sales, account):
    answer = sales.get("accounts?$select=name", Prefer="odata.maxpagesize=1")
    assert len(answer.json()["value"]) == 1
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=1"


def test_s02_no_preference_no_echo(sales, account):
    assert "Preference-Applied" not in sales.get("accounts?$select=name").headers


def test_s02_return_representation_makes_a_post_201_and_a_patch_200(sales, account):
    made = sales.post("accounts?$select=name", {"name": "New"}, Prefer="return=representation")
    assert (made.status_code, made.json()["name"]) == (201, "New")
    assert made.headers["Preference-Applied"] == "return=representation"
    path = f"accounts({made.json()['accountid']})?$select=name"
    changed = sales.patch(path, {"name": "Newer"}, Prefer="return=representation")
    assert (changed.status_code, changed.json()["name"]) == (200, "Newer")


@pytest.mark.parametrize(
    ("wanted", "some", "others"),
    [
        (FORMATTED, {FORMATTED}, {"Microsoft.Dynamics.CRM.lookuplogicalname"}),
        ("*", {FORMATTED, "Microsoft.Dynamics.CRM.lookuplogicalname"}, set()),
        ("OData.Community.Display.V1.*", {FORMATTED}, {"Microsoft.Dynamics.CRM.lookuplogicalname"}),
        ("Microsoft.Dynamics.CRM.*", {"Microsoft.Dynamics.CRM.lookuplogicalname"}, {FORMATTED}),
        (f"Microsoft.Dynamics.CRM.lookuplogicalname,{FORMATTED}",
         {FORMATTED, "Microsoft.Dynamics.CRM.lookuplogicalname"},
         {"Microsoft.Dynamics.CRM.associatednavigationproperty"}),
    ],
)  # fmt: skip
def test_s02_include_annotations_adds_those_that_it_names(sales, account, wanted, some, others):
    path = f"accounts({account['accountid']})?$select=name,_transactioncurrencyid_value"
    answer = sales.get(path, Prefer=f'odata.include-annotations="{wanted}"')
    found = {name.split("@")[1] for name in answer.json() if "@" in name[1:]}
    assert some <= found
    assert not others & found
    assert answer.headers["Preference-Applied"] == f'odata.include-annotations="{wanted}"'


def test_s02_several_preferences_stand_in_one_header(sales, account):
    answer = sales.get(
        "accounts?$select=customertypecode",
        Prefer=f'odata.maxpagesize=2,odata.include-annotations="{FORMATTED}"',
    )
    assert answer.headers["Preference-Applied"] == (
        f'odata.maxpagesize=2,odata.include-annotations="{FORMATTED}"'
    )
    assert len(answer.json()["value"]) == 2


def test_s02_preferences_in_two_headers_count_as_one(sales, account):
    raw = requests.Request("GET", f"{sales.url}{sales.root}accounts?$select=name").prepare()
    raw.headers = {"Authorization": sales.session.headers["Authorization"]}
    raw.headers["Prefer"] = "odata.maxpagesize=1, odata.include-annotations=*"
    with requests.Session() as session:
        applied = session.send(raw, timeout=30).headers["Preference-Applied"]
    assert applied == 'odata.maxpagesize=1,odata.include-annotations="*"'
