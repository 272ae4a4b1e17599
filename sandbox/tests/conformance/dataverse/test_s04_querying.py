"""Dataverse sheet, section 4: querying."""

import uuid
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

NAMES = ["Ærø Cykler", "beta 100%", "Beta O'Neil", "Gamma", "delta_x", "[brackets]"]
FORMATTED = "OData.Community.Display.V1.FormattedValue"


@pytest.fixture(scope="module")
def world(sales, catalog):
    """Six accounts under a parent; the first two have a contact each, the first contact is two people's colleague."""
    now = datetime.now(UTC)
    accounts, contacts = [], []
    for at, name in enumerate(NAMES):
        body = {
            "name": name,
            "numberofemployees": at,
            "customertypecode": 3 if at % 2 else 8,
            "creditlimit": 10.5 * at,
            "lastonholdtime": (now - timedelta(days=at * 10, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if accounts:
            body["parentaccountid@odata.bind"] = f"/accounts({accounts[-1]['accountid']})"
        if at < 3:
            body["accountnumber"] = f"A-{at}"
            body["transactioncurrencyid@odata.bind"] = f"/transactioncurrencies({catalog.currency})"
        accounts.append(sales.create("accounts", body))
    for at, (first, last) in enumerate([("Ann", "Lee"), ("Bob", "Ray"), ("Cy", "Lee"), ("Dee", "Moe")]):
        body = {
            "firstname": first,
            "lastname": last,
            "birthdate": f"198{at}-02-0{at + 1}",
            "numberofchildren": at,
        }
        if at < 3:
            body["parentcustomerid_account@odata.bind"] = f"/accounts({accounts[at // 2]['accountid']})"
        contacts.append(sales.create("contacts", body))
    for at in (0, 1):
        bind = {"primarycontactid@odata.bind": f"/contacts({contacts[at * 2]['contactid']})"}
        sales.patch(f"accounts({accounts[at]['accountid']})", bind)
    return accounts, contacts


def found(sales, text, set_name="accounts", column="name"):
    return [row[column] for row in sales.rows(f"{set_name}?$select={column}&$filter={quote(text)}")]


def positions(sales, text):
    return sorted(NAMES.index(name) for name in found(sales, text))


def refused(sales, query):
    answer = sales.get(query)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["message"]


# $select


def test_s04_select_returns_key_and_etag_unasked(sales, world):
    assert set(sales.rows("accounts?$select=name")[0]) == {"@odata.etag", "name", "accountid"}


def test_s04_without_select_all_columns_come(sales, world):
    assert len(sales.rows("accounts?$top=1")[0]) > 120


def test_s04_missing_values_are_null_and_present(sales, world):
    assert sales.rows("accounts?$select=fax&$top=1")[0]["fax"] is None


@pytest.mark.parametrize("column", ["nosuch", "Name", "primarycontactid", "name,", "*,name"])
def test_s04_an_unknown_column_is_refused(sales, column):
    assert "Could not find a property named" in refused(sales, f"accounts?$select={column}")


# $filter: comparisons, booleans, functions


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numberofemployees eq 3", [3]),
        ("numberofemployees ne 3", [0, 1, 2, 4, 5]),
        ("numberofemployees gt 3", [4, 5]),
        ("numberofemployees ge 3", [3, 4, 5]),
        ("numberofemployees lt 1", [0]),
        ("numberofemployees le 1", [0, 1]),
        ("3 lt numberofemployees", [4, 5]),
        ("creditlimit gt 10.4 and creditlimit lt 21.1", [1, 2]),
        ("numberofemployees eq 0 or numberofemployees eq 1 and name eq 'x'", [0]),
        ("(numberofemployees eq 0 or numberofemployees eq 1) and name eq 'x'", []),
        ("not numberofemployees gt 0", [0]),
        ("not (numberofemployees gt 0 or numberofemployees lt 0)", [0]),
        ("not contains(name,'a') and not startswith(name,'[[]')", [0]),
        ("contains(name,'eta') eq true", [1, 2]),
        ("contains(name,'eta') eq false and numberofemployees lt 4", [0, 3]),
        ("donotemail eq false and numberofemployees eq 0", [0]),
        ("customertypecode eq 3", [1, 3, 5]),
        ("((((numberofemployees eq 2))))", [2]),
    ],
)
def test_s04_comparisons_and_booleans(sales, world, text, expected):
    assert positions(sales, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("name eq 'BETA o''neil'", [2]), ("name eq 'ÆRØ cykler'", [0]), ("contains(name,'BETA')", [1, 2]),
     ("startswith(name,'æRØ')", [0]), ("endswith(name,'MA')", [3]), ("accountnumber eq 'a-1'", [1]),
     ("Microsoft.Dynamics.CRM.In(PropertyName='accountnumber',PropertyValues=['a-1'])", [1])],
)  # fmt: skip
def test_s04_strings_compare_without_case(sales, world, text, expected):
    assert positions(sales, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("startswith(name,'b%o')", [2]), ("contains(name,'100[%]')", [1]), ("startswith(name,'d_lta')", [4]),
     ("contains(name,'[ae]lta')", [4]), ("contains(name,'[[]b')", [5]), ("endswith(name,'[^a-n]')", [0, 1, 4, 5]),
     ("contains(name,'%%%%%%%%%%%%%%%%%%%%%%%%zz')", [])],
)  # fmt: skip
def test_s04_wildcards_work_inside_string_functions(sales, world, text, expected):
    assert positions(sales, text) == expected


def test_s04_wildcards_are_letters_outside_of_string_functions(sales, world):
    assert positions(sales, "name eq 'b%'") == []


@pytest.mark.parametrize(("text", "expected"), [("accountnumber eq null", [3, 4, 5]),
                                                ("accountnumber ne null", [0, 1, 2]),
                                                ("_primarycontactid_value eq null", [2, 3, 4, 5])])  # fmt: skip
def test_s04_null_is_tested_with_eq_and_ne(sales, world, text, expected):
    assert positions(sales, text) == expected
    assert "null" in refused(sales, "accounts?$filter=accountnumber gt null")


def test_s04_a_lookup_is_compared_with_a_guid_without_quotes(sales, world, catalog):
    assert positions(sales, f"_transactioncurrencyid_value eq {catalog.currency}") == [0, 1, 2]
    text = f"_transactioncurrencyid_value eq '{catalog.currency}'"
    assert "incompatible types" in refused(sales, f"accounts?$filter={text}")


def test_s04_two_columns_of_a_row_are_compared(sales, world):
    assert positions(sales, "createdon eq overriddencreatedon") == []
    assert len(found(sales, "createdon le modifiedon")) == 6
    assert "cannot be compared" in refused(sales, "accounts?$filter=name eq numberofemployees")


@pytest.mark.parametrize("operator", ["add", "sub", "mul", "div", "mod"])
def test_s04_there_is_no_arithmetic(sales, operator):
    text = f"accounts?$filter=numberofemployees {operator} 1 eq 2"
    assert "Arithmetic operators are not supported" in refused(sales, text)


@pytest.mark.parametrize(
    "text",
    ["name eq", "name", "eq 'x'", "name eq 'x", "(name eq 'x'", "name eq 'x')", "name eq 'x' and", "and",
     "name eq 'x' name eq 'y'", "length(name) eq 2", "tolower(name) eq 'x'", "contains(name)", "contains('x',name)",
     "contains(numberofemployees,'x')", "substringof('x',name)", "name in ('x','y')", "has(name,'x')",
     "name eq @p", "nosuch eq 1", "primarycontactid eq null", "nosuch/name eq 'x'", "name/name eq 'x'",
     "contact_customer_accounts/fullname eq 'x'", "contact_customer_accounts/all()", "name eq 'x' or",
     "contact_customer_accounts/any(c:fullname eq 'x')", "contact_customer_accounts/any(c:d/fullname eq 'x')",
     "primarycontactid/any(c:c/fullname eq 'x')", "numberofemployees eq '1'", "name eq 1", "statecode eq 'Active'",
     "createdon gt 'x'", "createdon gt 2026-13-45", "numberofemployees eq " + "9" * 5000,
     "(" * 200 + "name eq 'x'" + ")" * 200, "not " * 200 + "name eq 'x'"],
)  # fmt: skip
def test_s04_what_is_no_filter_is_400(sales, world, text):
    assert sales.get(f"accounts?$filter={quote(text)}").status_code == 400


# $filter: related rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("primarycontactid/fullname eq 'ann lee'", [0]),
        ("primarycontactid/lastname eq 'Lee'", [0, 1]),
        ("primarycontactid/lastname eq null", [2, 3, 4, 5]),
        ("primarycontactid/contactid ne null and name ne 'x'", [0, 1]),
        ("parentaccountid/name eq 'Gamma'", [4]),
        ("parentaccountid/parentaccountid/name eq 'Gamma'", [5]),
        ("startswith(parentaccountid/name,'be')", [2, 3]),
        ("primarycontactid/createdby/fullname ne null and primarycontactid/numberofchildren eq 0", [0]),
        ("parentaccountid/numberofemployees lt numberofemployees", [1, 2, 3, 4, 5]),
        ("Microsoft.Dynamics.CRM.In(PropertyName='primarycontactid/firstname',PropertyValues=['cy'])", [1]),
    ],
)
def test_s04_a_filter_goes_over_lookups(sales, world, text, expected):
    assert positions(sales, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("contact_customer_accounts/any()", [0, 1]),
        ("not contact_customer_accounts/any()", [2, 3, 4, 5]),
        ("contact_customer_accounts/any(c:c/lastname eq 'Ray')", [0]),
        ("contact_customer_accounts/any(c:c/lastname eq 'Lee' and c/firstname eq 'Bob')", []),
        ("contact_customer_accounts/all(c:c/lastname eq 'Lee') and contact_customer_accounts/any()", [1]),
        ("contact_customer_accounts/all(c:c/lastname eq 'nobody')", [2, 3, 4, 5]),
        ("contact_customer_accounts/any(c:contains(c/fullname,'ann') or c/numberofchildren gt 5)", [0]),
        ("account_parent_account/any(a:a/contact_customer_accounts/any(c:c/firstname eq 'Cy'))", [0]),
        ("account_parent_account/any(a:a/parentaccountid/name eq 'Gamma')", [3]),
        ("parentaccountid/contact_customer_accounts/any(c:c/firstname eq 'Cy')", [2]),
    ],
)
def test_s04_any_and_all_look_at_related_rows(sales, world, text, expected):
    assert positions(sales, text) == expected


def test_s04_a_filter_over_related_rows_sees_their_newest_values(sales, world):
    contact = world[1][1]["contactid"]
    assert positions(sales, "contact_customer_accounts/any(c:c/nickname eq 'new')") == []
    sales.patch(f"contacts({contact})", {"nickname": "new"})
    assert positions(sales, "contact_customer_accounts/any(c:c/nickname eq 'new')") == [0]


# $filter: query functions


def crm(name, column, *values, several=False):
    listed = "[" + ",".join(f"'{v}'" for v in values) + "]"
    given = f",PropertyValues={listed}" if several else (f",PropertyValue={values[0]}" if values else "")
    return f"Microsoft.Dynamics.CRM.{name}(PropertyName='{column}'{given})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (crm("In", "accountnumber", "A-0", "A-2", several=True), [0, 2]),
        (crm("NotIn", "accountnumber", "A-0", "A-2", several=True), [1, 3, 4, 5]),
        (crm("In", "numberofemployees", "1", "5", several=True), [1, 5]),
        (crm("Between", "numberofemployees", "1", "3", several=True), [1, 2, 3]),
        (crm("NotBetween", "numberofemployees", "1", "3", several=True), [0, 4, 5]),
        (crm("Between", "lastonholdtime", "2001-01-01", "2002-01-01", several=True), []),
        (crm("LastXDays", "lastonholdtime", 15), [0, 1]),
        (crm("LastXHours", "lastonholdtime", 2), [0]),
        (crm("LastXWeeks", "lastonholdtime", 3), [0, 1, 2]),
        (crm("LastXMonths", "lastonholdtime", 12), [0, 1, 2, 3, 4, 5]),
        (crm("LastXYears", "lastonholdtime", 1), [0, 1, 2, 3, 4, 5]),
        (crm("OlderThanXDays", "lastonholdtime", 35), [4, 5]),
        (crm("OlderThanXHours", "lastonholdtime", 2), [1, 2, 3, 4, 5]),
        (crm("NextXDays", "lastonholdtime", 5), []),
        (crm("NextXHours", "lastonholdtime", 5), []),
        (crm("Last7Days", "lastonholdtime"), [0]),
        (crm("Next7Days", "lastonholdtime"), []),
        (crm("Tomorrow", "lastonholdtime"), []),
        (crm("OnOrAfter", "lastonholdtime", "2000-01-01"), [0, 1, 2, 3, 4, 5]),
        (crm("OnOrBefore", "lastonholdtime", "2000-01-01"), []),
        (crm("Contains", "name", "'eta'"), [1, 2]),
        (crm("EqualUserId", "ownerid").replace("ownerid", "_ownerid_value"), [0, 1, 2, 3, 4, 5]),
        (crm("NotEqualUserId", "_ownerid_value"), []),
        (crm("EqualBusinessId", "_owningbusinessunit_value"), [0, 1, 2, 3, 4, 5]),
        (crm("EqualUserOrUserTeams", "_ownerid_value"), [0, 1, 2, 3, 4, 5]),
        ("Microsoft.Dynamics.CRM.In(PropertyName=@p,PropertyValues=@v)&@p='accountnumber'&@v=['A-1']", [1]),
        ("Microsoft.Dynamics.CRM.In(PropertyName=@p,PropertyValues=@v)&@p='accountnumber'&@v=[\"A-1\"]", [1]),
    ],
)
def test_s04_query_functions(sales, world, text, expected):
    condition, mark, rest = text.partition("&")
    rows = sales.rows(f"accounts?$select=name&$filter={quote(condition)}{mark}{quote(rest, safe='@=&')}")
    assert sorted(NAMES.index(row["name"]) for row in rows) == expected


@pytest.mark.parametrize(
    "name", ["Today", "ThisWeek", "ThisMonth", "ThisYear", "ThisFiscalPeriod", "ThisFiscalYear"]
)
def test_s04_what_was_made_now_was_made_in_this_span(sales, world, name):
    assert len(found(sales, crm(name, "createdon"))) == 6
    assert found(sales, crm(name.replace("This", "Last").replace("Today", "Yesterday"), "createdon")) == []
    assert found(sales, crm(name.replace("This", "Next").replace("Today", "Tomorrow"), "createdon")) == []


def test_s04_on_is_a_day(sales, world):
    contacts = found(sales, crm("On", "birthdate", "1982-02-03"), "contacts", "firstname")
    assert contacts == ["Cy"]
    year = datetime.now(UTC).year
    assert len(found(sales, crm("InFiscalYear", "createdon", year))) == 6


@pytest.mark.parametrize(("name", "expected"), [("Under", [3, 4, 5]), ("UnderOrEqual", [2, 3, 4, 5]),
                                                ("Above", [0, 1]), ("AboveOrEqual", [0, 1, 2]),
                                                ("NotUnder", [0, 1, 2])])  # fmt: skip
def test_s04_hierarchy_functions_follow_the_parent_lookup(sales, world, name, expected):
    text = crm(name, "accountid", f"'{world[0][2]['accountid']}'")
    assert positions(sales, text) == expected


@pytest.mark.parametrize(
    "text",
    [crm("NoSuch", "name"), crm("In", "name"), crm("LastXDays", "createdon"), crm("LastXDays", "createdon", "'x'"),
     crm("LastXDays", "name", 3), crm("Today", "name"), crm("Between", "numberofemployees", "1", several=True),
     crm("In", "nosuch", "1", several=True), crm("On", "createdon", "'x'"), crm("EqualUserId", "name"),
     crm("ContainValues", "customertypecode", "1", several=True), crm("LastXYears", "createdon", 99999999999),
     "Microsoft.Dynamics.CRM.Today(Name='createdon')", "Microsoft.Dynamics.CRM.Today()",
     crm("Under", "accountid"), crm("Under", "name", "'x'")],
)  # fmt: skip
def test_s04_a_query_function_that_does_not_fit_is_400(sales, world, text):
    assert sales.get(f"accounts?$filter={quote(text)}").status_code == 400


# aliases


def test_s04_aliases_stand_for_values_and_columns_in_filter_and_orderby(sales, world):
    text = "$filter=contains(@p1,@p2)&$orderby=@p1 desc&@p1=name&@p2='eta'"
    assert [row["name"] for row in sales.rows(f"accounts?$select=name&{text}")] == [
        "Beta O'Neil",
        "beta 100%",
    ]


def test_s04_aliases_are_not_known_within_expand(sales, world):
    query = "accounts?$expand=contact_customer_accounts($filter=lastname eq @p)&@p='Lee'"
    assert "alias" in refused(sales, query)


@pytest.mark.parametrize("query", ["$filter=name eq @p", "$orderby=@p", "$filter=name eq @p&@p=@q&@q='x'",
                                   "$filter=name eq @p&@p=@p"])  # fmt: skip
def test_s04_an_alias_without_a_value_is_400(sales, query):
    assert "alias" in refused(sales, f"accounts?{query}")


# $orderby, $top


def names_by(sales, order):
    return [NAMES.index(row["name"]) for row in sales.rows(f"accounts?$select=name&$orderby={order}")]


def test_s04_orderby_takes_several_columns_each_with_its_direction(sales, world):
    assert names_by(sales, "customertypecode,numberofemployees desc") == [5, 3, 1, 4, 2, 0]
    assert names_by(sales, "customertypecode desc,numberofemployees asc") == [0, 2, 4, 1, 3, 5]


def test_s04_choices_sort_by_their_integer(sales, world):
    kinds = [
        r["customertypecode"]
        for r in sales.rows("accounts?$select=customertypecode&$orderby=customertypecode")
    ]
    assert kinds == [3, 3, 3, 8, 8, 8]


def test_s04_orderby_goes_over_lookups(sales, world):
    assert names_by(sales, "primarycontactid/firstname desc,numberofemployees")[:2] == [1, 0]
    assert names_by(sales, "parentaccountid/numberofemployees") == [0, 1, 2, 3, 4, 5]


def test_s04_the_default_order_is_the_primary_key(sales, world):
    ids = [row["accountid"] for row in sales.rows("accounts?$select=accountid")]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "order", ["nosuch", "name up", "name desc asc", "contact_customer_accounts/fullname", "name/x"]
)
def test_s04_an_order_that_means_nothing_is_400(sales, order):
    refused(sales, f"accounts?$orderby={order}")


def test_s04_top_is_ignored_when_a_page_size_is_given(sales, world):
    assert len(sales.rows("accounts?$select=name&$top=2")) == 2
    assert len(sales.rows("accounts?$select=name&$top=2", Prefer="odata.maxpagesize=4")) == 4
    assert "@odata.nextLink" not in sales.get("accounts?$select=name&$top=2").json()


@pytest.mark.parametrize("top", ["-1", "x", "1.5", "", "٣", "9" * 5000])
def test_s04_top_is_a_whole_number(sales, top):
    refused(sales, f"accounts?$top={top}")


# $expand


def expanded(sales, text, account=0, **headers):
    path = f"accounts?$select=name&$filter=numberofemployees eq {account}&$expand={text}"
    return sales.rows(path, **headers)[0]


def test_s04_a_single_valued_property_is_expanded(sales, world):
    row = expanded(sales, "primarycontactid($select=fullname)")
    contact = world[1][0]
    assert row["primarycontactid"]["fullname"] == "Ann Lee"
    assert set(row["primarycontactid"]) == {"@odata.etag", "fullname", "contactid"}
    assert row["primarycontactid"]["contactid"] == contact["contactid"]
    assert expanded(sales, "primarycontactid($select=fullname)", 4)["primarycontactid"] is None


def test_s04_without_nested_select_all_columns_of_the_related_row_come(sales, world):
    assert len(expanded(sales, "primarycontactid")["primarycontactid"]) > 150


def test_s04_a_collection_is_expanded_with_nested_options(sales, world):
    text = "contact_customer_accounts($select=fullname;$filter=numberofchildren ge 0;$orderby=fullname desc;$top=1)"
    row = expanded(sales, text)
    assert [c["fullname"] for c in row["contact_customer_accounts"]] == ["Bob Ray"]
    assert "contact_customer_accounts@odata.nextLink" not in row
    assert (
        expanded(sales, "contact_customer_accounts($select=fullname)", 5)["contact_customer_accounts"] == []
    )


def test_s04_expansions_nest(sales, world):
    text = "primarycontactid($select=fullname;$expand=parentcustomerid_account($select=name),createdby($select=fullname))"
    contact = expanded(sales, text)["primarycontactid"]
    assert contact["parentcustomerid_account"]["name"] == NAMES[0]
    assert contact["createdby"]["fullname"].startswith("#")
    text = "account_parent_account($select=name;$expand=contact_customer_accounts($select=firstname))"
    child = expanded(sales, text)["account_parent_account"][0]
    assert [c["firstname"] for c in child["contact_customer_accounts"]] == ["Cy"]


def test_s04_several_properties_are_expanded_at_once(sales, world):
    row = expanded(sales, "parentaccountid($select=name),contact_customer_accounts($select=lastname)", 1)
    assert (row["parentaccountid"]["name"], len(row["contact_customer_accounts"])) == (NAMES[0], 1)


def test_s04_the_context_names_what_is_expanded(sales, world):
    body = sales.get("accounts?$select=name&$expand=primarycontactid($select=fullname)").json()
    assert body["@odata.context"].endswith("$metadata#accounts(name,primarycontactid(fullname))")


def test_s04_an_expanded_collection_pages_by_its_own_next_link(sales, world):
    row = expanded(
        sales, "contact_customer_accounts($select=firstname;$orderby=firstname)", Prefer="odata.maxpagesize=1"
    )
    assert [c["firstname"] for c in row["contact_customer_accounts"]] == ["Ann"]
    link = row["contact_customer_accounts@odata.nextLink"]
    pages = sales.pages(link, Prefer="odata.maxpagesize=1")
    assert [[c["firstname"] for c in page] for page in pages] == [["Bob"]]


def test_s04_one_row_is_expanded_too(sales, world):
    path = f"accounts({world[0][0]['accountid']})?$select=name&$expand=contact_customer_accounts($select=firstname)"
    assert {c["firstname"] for c in sales.get(path).json()["contact_customer_accounts"]} == {"Ann", "Bob"}


def test_s04_an_owner_is_expanded_as_what_it_is(sales, world):
    owner = expanded(sales, "ownerid,owninguser($select=fullname)")
    assert owner["ownerid"]["@odata.type"] == "#Microsoft.Dynamics.CRM.systemuser"
    assert owner["ownerid"]["ownerid"] == sales.get("WhoAmI").json()["UserId"]
    assert owner["owninguser"]["fullname"].startswith("#")


def test_s04_references_alone_are_expanded(sales, world):
    row = expanded(sales, "primarycontactid/$ref,contact_customer_accounts/$ref")
    base = f"{sales.url}{sales.root}contacts("
    assert row["primarycontactid"] == {"@odata.id": f"{base}{world[1][0]['contactid']})"}
    assert len(row["contact_customer_accounts"]) == 2


def test_s04_annotations_reach_expanded_rows(sales, world):
    row = expanded(sales, "primarycontactid($select=statecode)", Prefer='odata.include-annotations="*"')
    assert row["primarycontactid"][f"statecode@{FORMATTED}"] == "Active"


@pytest.mark.parametrize(
    "text",
    ["nosuch", "name", "primarycontactid($select=nosuch)", "primarycontactid($filter=lastname eq 'x')",
     "primarycontactid($top=1)", "primarycontactid($orderby=fullname)", "primarycontactid(", "primarycontactid)",
     "primarycontactid($skip=1)", "primarycontactid($count=true)", "primarycontactid/fullname", "*", "",
     "contact_customer_accounts($filter=nosuch eq 1)", "contact_customer_accounts($top=x)", "(name)",
     "primarycontactid($select=fullname;$select=lastname)", "primarycontactid,primarycontactid",
     "primarycontactid($levels=2)", "contact_customer_accounts/$count", "parentaccountid($expand=" * 40 + ")" * 40],
)  # fmt: skip
def test_s04_an_expansion_that_means_nothing_is_400(sales, world, text):
    refused(sales, f"accounts?$expand={text}")


def test_s04_a_write_answers_with_what_is_expanded(sales, world):
    contact = world[1][3]["contactid"]
    made = sales.post(
        "accounts?$select=name&$expand=primarycontactid($select=fullname)",
        {"name": "Temporary", "primarycontactid@odata.bind": f"/contacts({contact})"},
        Prefer="return=representation",
    ).json()
    assert made["primarycontactid"]["fullname"] == "Dee Moe"
    assert sales.delete(f"accounts({made['accountid']})").status_code == 204


# $count


def test_s04_count_counts_what_matches_not_what_is_shown(sales, world):
    body = sales.get("accounts?$select=name&$top=1&$count=true&$filter=numberofemployees gt 2").json()
    assert (len(body["value"]), body["@odata.count"]) == (1, 3)
    assert "@Microsoft.Dynamics.CRM.totalrecordcount" not in body


def test_s04_with_annotations_the_count_says_whether_it_is_whole(sales, world):
    body = sales.get("accounts?$select=name&$count=true", Prefer='odata.include-annotations="*"').json()
    assert body["@Microsoft.Dynamics.CRM.totalrecordcount"] == 6
    assert body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is False


def test_s04_count_is_true_or_false(sales):
    assert "@odata.count" not in sales.get("accounts?$select=name&$count=false").json()
    refused(sales, "accounts?$count=yes")


# $apply


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aggregate($count as n)", [{"n": 6}]),
        ("aggregate(numberofemployees with sum as s,numberofemployees with average as a)", [{"s": 15, "a": 2.5}]),
        ("aggregate(numberofemployees with min as low,numberofemployees with max as high)", [{"low": 0, "high": 5}]),
        ("aggregate(customertypecode with countdistinct as kinds)", [{"kinds": 2}]),
        ("groupby((customertypecode))", [{"customertypecode": 3}, {"customertypecode": 8}]),
        ("groupby((customertypecode),aggregate($count as n,creditlimit with sum as total))",
         [{"customertypecode": 3, "n": 3, "total": 94.5}, {"customertypecode": 8, "n": 3, "total": 63}]),
        ("filter(numberofemployees gt 2)/aggregate($count as n)", [{"n": 3}]),
        ("filter(contains(name,'eta'))/groupby((statecode),aggregate($count as n))", [{"statecode": 0, "n": 2}]),
        ("groupby((primarycontactid/lastname),aggregate($count as n))",
         [{"primarycontactid": {"lastname": None}, "n": 4}, {"primarycontactid": {"lastname": "Lee"}, "n": 2}]),
        ("filter(name eq 'nobody')/aggregate($count as n,creditlimit with sum as s)", [{"n": 0, "s": None}]),
        ("filter(name eq 'nobody')/groupby((statecode),aggregate($count as n))", []),
    ],
)  # fmt: skip
def test_s04_apply_groups_and_aggregates(sales, world, text, expected):
    assert sales.rows(f"accounts?$apply={text}") == expected


def test_s04_groups_are_ordered_by_the_names_of_the_aggregation(sales, world):
    text = "groupby((customertypecode),aggregate(creditlimit with sum as total))"
    assert [r["total"] for r in sales.rows(f"accounts?$apply={text}&$orderby=total")] == [63, 94.5]
    refused(sales, f"accounts?$apply={text}&$orderby=name")


@pytest.mark.parametrize(
    "text",
    ["sum(x)", "aggregate()", "aggregate(name with sum as s)", "aggregate(nosuch with sum as s)", "groupby(name)",
     "groupby((nosuch))", "aggregate(name with median as m)", "aggregate($count)", "groupby((name),groupby((fax)))",
     "filter(x)/aggregate($count as n)", "aggregate($count as n,$count as n)", "compute(1 as x)", "filter(name eq 'x')",
     "groupby((name)", "aggregate($count as n)/filter(n gt 1)"],
)  # fmt: skip
def test_s04_an_aggregation_that_means_nothing_is_400(sales, text):
    refused(sales, f"accounts?$apply={text}")


def test_s04_apply_goes_with_no_option_that_shows_rows(sales):
    refused(sales, "accounts?$apply=aggregate($count as n)&$filter=name eq 'x'")


# value formats


def test_s04_values_have_the_documented_formats(sales, world):
    row = sales.get(f"accounts({world[0][1]['accountid']})").json()
    assert row["creditlimit"] == 10.5
    assert row["accountid"] == str(uuid.UUID(row["accountid"]))
    assert row["donotemail"] is False
    assert row["customertypecode"] == 3
    assert datetime.strptime(row["createdon"], "%Y-%m-%dT%H:%M:%SZ").year > 2000
    assert isinstance(row["versionnumber"], int)
    contact = sales.get(f"contacts({world[1][0]['contactid']})?$select=birthdate").json()
    assert contact["birthdate"] == "1980-02-01"


def test_s04_an_empty_text_is_stored_as_null(sales):
    made = sales.create("accounts", {"name": "Empty", "fax": ""})
    assert made["fax"] is None
    sales.delete(f"accounts({made['accountid']})")


def test_s04_whoever_has_the_newest_version_gets_304(sales, world):
    path = f"accounts({world[0][3]['accountid']})?$select=name"
    tag = sales.get(path).headers["ETag"]
    assert sales.get(path, If_None_Match=tag).status_code == 304
    assert sales.get(path, If_None_Match='W/"1"').status_code == 200
    assert sales.get(f"{path}&$expand=primarycontactid", If_None_Match=tag).status_code == 200
    answer = sales.get(path, If_None_Match=tag, Prefer='odata.include-annotations="*"')
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "option", ["$filter=name eq 'x'", "$orderby=name", "$top=1", "$count=true", "$apply=x"]
)
def test_s04_options_of_collections_are_refused_on_one_row(sales, world, option):
    assert "only on collections" in refused(sales, f"accounts({world[0][0]['accountid']})?{option}")
