"""Dataverse sheet, section 4: fetchXml, the alternative with its own paging cookie."""

from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import pytest

ALL = 'odata.include-annotations="*"'


@pytest.fixture(scope="module")
def world(sales):
    contacts = [
        sales.create("contacts", {"firstname": name, "lastname": "Lee", "birthdate": f"198{at}-01-01"})
        for at, name in enumerate(["Ann", "Bob"])
    ]
    for at in range(6):
        body = {"name": f"Name {at % 3}", "numberofemployees": at, "donotemail": at == 5}
        if at < 2:
            body["primarycontactid@odata.bind"] = f"/contacts({contacts[at]['contactid']})"
        if at:
            body["fax"] = f"f{at}"
        sales.create("accounts", body)
    return contacts


def fetch(inside, entity="account", **settings):
    attributes = "".join(f" {n.replace('_', '-')}={quoteattr(str(v))}" for n, v in settings.items())
    return f"<fetch{attributes}><entity name='{entity}'>{inside}</entity></fetch>"


def ask(sales, xml, set_name="accounts", **headers):
    answer = sales.get(f"{set_name}?fetchXml={quote(xml, safe='')}", **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def numbers(sales, *conditions, junction="and"):
    inside = "<attribute name='numberofemployees'/>"
    inside += f"<filter type='{junction}'>{''.join(conditions)}</filter>"
    return sorted(row["numberofemployees"] for row in ask(sales, fetch(inside))["value"])


def condition(column, operator, *values):
    if len(values) == 1 and operator not in ("in", "not-in"):
        return f"<condition attribute='{column}' operator='{operator}' value={quoteattr(str(values[0]))}/>"
    listed = "".join(f"<value>{v}</value>" for v in values)
    return f"<condition attribute='{column}' operator='{operator}'>{listed}</condition>"


def test_s04_fetch_returns_the_columns_that_it_names(sales, world):
    row = ask(sales, fetch("<attribute name='name'/><attribute name='primarycontactid'/>"))["value"][0]
    assert set(row) == {"@odata.etag", "name", "_primarycontactid_value", "accountid"}


def test_s04_fetch_returns_all_columns_when_asked(sales, world):
    assert len(ask(sales, fetch("<all-attributes/>"))["value"][0]) > 120


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (condition("numberofemployees", "eq", 3), [3]),
        (condition("numberofemployees", "ne", 3), [0, 1, 2, 4, 5]),
        (condition("numberofemployees", "gt", 3), [4, 5]),
        (condition("numberofemployees", "le", 1), [0, 1]),
        (condition("name", "eq", "NAME 1"), [1, 4]),
        (condition("name", "like", "%me 2"), [2, 5]),
        (condition("name", "like", "me 2"), []),
        (condition("name", "not-like", "%2"), [0, 1, 3, 4]),
        (condition("name", "begins-with", "name"), [0, 1, 2, 3, 4, 5]),
        (condition("name", "ends-with", "0"), [0, 3]),
        (condition("fax", "null"), [0]),
        (condition("fax", "not-null"), [1, 2, 3, 4, 5]),
        (condition("numberofemployees", "in", 1, 5), [1, 5]),
        (condition("numberofemployees", "not-in", 1, 5), [0, 2, 3, 4]),
        (condition("numberofemployees", "between", 2, 4), [2, 3, 4]),
        (condition("donotemail", "eq", 1), [5]),
        (condition("donotemail", "eq", "false"), [0, 1, 2, 3, 4]),
        (condition("createdon", "today"), [0, 1, 2, 3, 4, 5]),
        (condition("createdon", "last-x-days", 2), [0, 1, 2, 3, 4, 5]),
        (condition("createdon", "olderthan-x-days", 2), []),
        (condition("createdon", "last-seven-days"), [0, 1, 2, 3, 4, 5]),
        (condition("createdon", "on-or-after", "2001-01-01"), [0, 1, 2, 3, 4, 5]),
        (condition("ownerid", "eq-userid"), [0, 1, 2, 3, 4, 5]),
        (condition("ownerid", "ne-userid"), []),
    ],
)
def test_s04_fetch_conditions(sales, world, written, expected):
    assert numbers(sales, written) == expected


def test_s04_fetch_filters_join_and_nest(sales, world):
    one, five = condition("numberofemployees", "eq", 1), condition("numberofemployees", "eq", 5)
    assert numbers(sales, one, five, junction="or") == [1, 5]
    assert numbers(sales, one, five) == []
    inner = f"<filter type='or'>{one}{five}</filter>"
    assert numbers(sales, condition("name", "eq", "Name 2"), inner) == [5]


def test_s04_fetch_orders(sales, world):
    inside = "<attribute name='numberofemployees'/><order attribute='name' descending='true'/>"
    inside += "<order attribute='numberofemployees'/>"
    rows = ask(sales, fetch(inside))["value"]
    assert [row["numberofemployees"] for row in rows] == [2, 5, 1, 4, 0, 3]


def test_s04_fetch_stops_at_top(sales, world):
    assert len(ask(sales, fetch("<attribute name='name'/>", top=2))["value"]) == 2


def test_s04_fetch_has_its_own_paging_cookie(sales, world):
    inside = "<attribute name='numberofemployees'/><order attribute='numberofemployees'/>"
    seen, more, settings = [], True, {"count": 4, "page": 1}
    while more:
        body = ask(sales, fetch(inside, **settings), Prefer=ALL)
        seen.append([row["numberofemployees"] for row in body["value"]])
        more = body["@Microsoft.Dynamics.CRM.morerecords"]
        if more:
            outer = ElementTree.fromstring(body["@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"])
            settings["page"] = outer.get("pagenumber")
            settings["paging_cookie"] = unquote(unquote(outer.get("pagingcookie")))
    assert seen == [[0, 1, 2, 3], [4, 5]]


def test_s04_fetch_pages_by_number_alone_and_tells_nothing_unasked(sales, world):
    inside = "<attribute name='numberofemployees'/><order attribute='numberofemployees'/>"
    body = ask(sales, fetch(inside, count=4, page=2))
    assert [row["numberofemployees"] for row in body["value"]] == [4, 5]
    assert set(body) == {"@odata.context", "value"}


def test_s04_fetch_counts_when_asked(sales, world):
    body = ask(sales, fetch("<attribute name='name'/>", count=1, returntotalrecordcount="true"), Prefer=ALL)
    assert (body["@odata.count"], body["@Microsoft.Dynamics.CRM.totalrecordcount"]) == (6, 6)


@pytest.mark.parametrize(("link_type", "expected"), [("inner", ["Ann", "Bob"]),
                                                     ("outer", ["Ann", "Bob", None, None, None, None])])  # fmt: skip
def test_s04_fetch_links_tables(sales, world, link_type, expected):
    inside = ("<attribute name='name'/><order attribute='numberofemployees'/><link-entity name='contact' "
              f"from='contactid' to='primarycontactid' link-type='{link_type}' alias='c'>"
              "<attribute name='firstname'/></link-entity>")  # fmt: skip
    assert [row.get("c.firstname") for row in ask(sales, fetch(inside))["value"]] == expected


def test_s04_fetch_filters_linked_tables(sales, world):
    inside = ("<attribute name='name'/><link-entity name='contact' from='contactid' to='primarycontactid' alias='c'>"
              f"<filter>{condition('firstname', 'eq', 'bob')}</filter></link-entity>")  # fmt: skip
    assert [row["name"] for row in ask(sales, fetch(inside))["value"]] == ["Name 1"]


def test_s04_fetch_keeps_distinct_rows(sales, world):
    rows = ask(sales, fetch("<attribute name='name'/><order attribute='name'/>", distinct="true"))["value"]
    assert rows == [{"name": "Name 0"}, {"name": "Name 1"}, {"name": "Name 2"}]


@pytest.mark.parametrize(
    "xml",
    ["", "x", "<fetch/>", "<fetch><entity/></fetch>", fetch("", entity="contact"), "<!DOCTYPE x><fetch/>",
     fetch("<attribute name='nosuch'/>"), fetch("<order attribute='nosuch'/>"), fetch("", top="x"), fetch("", count="-1"),
     fetch(f"<filter>{condition('name', 'nosuch', 'x')}</filter>"), fetch("<filter type='xor'/>"),
     fetch(f"<filter>{condition('numberofemployees', 'eq', 'x')}</filter>"), fetch("<attribute/>"),
     fetch(f"<filter>{condition('numberofemployees', 'like', 'x')}</filter>"),
     fetch("<attribute name='name'/>", paging_cookie="x"), fetch("<filter>" * 40 + "</filter>" * 40)],
)  # fmt: skip
def test_s04_a_fetch_that_means_nothing_is_400(sales, world, xml):
    assert sales.get(f"accounts?fetchXml={quote(xml, safe='')}").status_code == 400


def test_s04_fetch_stands_alone(sales, world):
    assert sales.get(f"accounts?$select=name&fetchXml={quote(fetch(''), safe='')}").status_code == 400


def test_s04_what_fetch_has_and_the_sandbox_not_says_so(sales, world):
    inside = "<attribute name='name' aggregate='count' alias='n'/>"
    assert (
        sales.get(f"accounts?fetchXml={quote(fetch(inside, aggregate='true'), safe='')}").status_code == 501
    )
