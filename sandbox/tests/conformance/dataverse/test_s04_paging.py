"""Dataverse sheet, section 4: paging."""

import re
from urllib.parse import quote, unquote

import pytest

CONTROLS = [
    "a\tb",
    "line\nbreak",
    "50%41",
    "<&\"'>",
    "\u0001\u001f",
    "é\U0001f600",
    "%zz",
    "{x}",
    "  ",
    "\x7f\x85",
]


@pytest.fixture(scope="module")
def crowd(sales):
    """5 010 accounts, planted so that their ids and columns are known; names repeat every ten."""
    rows = [
        {
            "accountid": f"{n:08x}-0000-4000-8000-000000000000",
            "name": f"Name {n % 10}",
            "numberofemployees": n if n % 7 else None,
            "creditlimit": n / 4,
            "description": CONTROLS[n % len(CONTROLS)],
        }
        for n in range(5010)
    ]
    assert sales.admin("PUT", "rows/accounts", rows).json() == {"planted": 5010}
    return rows


def cookie_of(link):
    return unquote(link.partition("$skiptoken=")[2])


def test_s04_the_default_and_largest_page_is_5000(sales, crowd):
    assert [len(page) for page in sales.pages("accounts?$select=name")] == [5000, 10]
    many = sales.pages("accounts?$select=name", Prefer="odata.maxpagesize=5001")
    assert [len(page) for page in many] == [5000, 10]


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "1e3", "٣"])
def test_s04_a_page_size_that_is_none_is_not_applied(sales, crowd, size):
    answer = sales.get("accounts?$select=name", Prefer=f"odata.maxpagesize={size}".encode())
    assert len(answer.json()["value"]) == 5000
    assert "maxpagesize" not in answer.headers.get("Preference-Applied", "")


def test_s04_the_last_page_has_no_next_link(sales, crowd):
    body = sales.get("accounts?$select=name&$filter=numberofemployees gt 5000").json()
    assert "@odata.nextLink" not in body


def test_s04_a_page_that_ends_with_the_last_row_is_the_last(sales, crowd):
    path = "accounts?$select=name&$filter=numberofemployees gt 4999"
    total = len(sales.rows(path))
    assert [len(page) for page in sales.pages(path, Prefer=f"odata.maxpagesize={total}")] == [total]


def test_s04_the_page_size_must_be_asked_again_on_every_page(sales, crowd):
    first = sales.get("accounts?$select=name", Prefer="odata.maxpagesize=2").json()
    assert len(sales.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=2").json()["value"]) == 2
    assert len(sales.get(first["@odata.nextLink"]).json()["value"]) == 5000


def test_s04_the_skip_token_is_an_xml_cookie_with_page_number_and_key(sales, crowd):
    body = sales.get("accounts?$select=name", Prefer="odata.maxpagesize=3").json()
    cookie = cookie_of(body["@odata.nextLink"])
    found = re.fullmatch(r'<cookie pagenumber="2" pagingcookie="([^"]+)" istracking="False" />', cookie)
    inner = unquote(unquote(found[1]))
    assert inner.startswith('<cookie page="1"><accountid last="{')
    assert body["value"][-1]["accountid"].upper() in inner


def test_s04_the_link_keeps_the_options_of_the_query(sales, crowd):
    path = "accounts?$select=name&$filter=numberofemployees%20gt%20100&$orderby=name&$count=true"
    body = sales.get(path, Prefer="odata.maxpagesize=2").json()
    for option in path.partition("?")[2].split("&"):
        assert option in body["@odata.nextLink"]
    assert sales.get(body["@odata.nextLink"]).json()["@odata.count"] == body["@odata.count"]


@pytest.mark.parametrize(
    "order",
    ["name", "name desc", "numberofemployees", "numberofemployees desc,name", "creditlimit desc",
     "description", "description desc,creditlimit", "modifiedon", "statecode,accountid desc", "donotemail",
     "parentaccountid/name", "createdby/fullname desc,name", "accountid desc"],
)  # fmt: skip
def test_s04_pages_in_any_order_hold_every_row_once(sales, crowd, order):
    path = f"accounts?$select=accountid,description&$filter=creditlimit lt 60&$orderby={order}"
    pages = sales.pages(path, Prefer="odata.maxpagesize=37")
    ids = [row["accountid"] for page in pages for row in page]
    assert len(ids) == len(set(ids)) == 240
    assert ids == [row["accountid"] for row in sales.rows(path)]


def test_s04_paging_is_a_keyset_and_not_a_snapshot(sales, crowd):
    first = sales.get("accounts?$select=name&$orderby=creditlimit", Prefer="odata.maxpagesize=10").json()
    moved, gone = first["value"][2]["accountid"], first["value"][5]["accountid"]
    sales.patch(f"accounts({moved})", {"creditlimit": 50_000_000})
    sales.delete(f"accounts({gone})")
    following = sales.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=10").json()
    assert following["value"][0]["accountid"] == crowd[10]["accountid"]
    last = sales.rows("accounts?$select=name&$orderby=creditlimit desc&$top=1")
    assert last[0]["accountid"] == moved
    sales.admin("PUT", "rows/accounts", [crowd[2], crowd[5]])


def edited(link, change):
    head, _, token = link.partition("$skiptoken=")
    return f"{head}$skiptoken={quote(change(unquote(token)), safe='')}"


@pytest.mark.parametrize(
    "change",
    [
        lambda c: "",
        lambda c: "x",
        lambda c: "<cookie />",
        lambda c: c.replace('pagenumber="2"', 'pagenumber="3"'),
        lambda c: c.replace('pagenumber="2"', f'pagenumber="{"9" * 5000}"'),
        lambda c: c.replace('istracking="False"', 'istracking="Maybe"'),
        lambda c: c.replace("%", "x"),
        lambda c: c.replace("accountid", "contactid"),
        lambda c: c.replace("name", "fax"),
        lambda c: re.sub(r'pagingcookie="[^"]*"', 'pagingcookie=""', c),
        lambda c: re.sub(r'pagingcookie="[^"]*"', 'pagingcookie="%3Ccookie%20page%3D%221%22%2F%3E"', c),
        lambda c: re.sub(r'pagingcookie="[^"]*"', 'pagingcookie="%3C!DOCTYPE%20x%3E%3Cx%2F%3E"', c),
        lambda c: re.sub("%257B[0-9A-F-]+%257D", "%257Bx%257D", c),
        lambda c: c[:-5],
        lambda c: c + c,
    ],
)  # fmt: skip
def test_s04_an_edited_link_is_refused(sales, crowd, change):
    body = sales.get("accounts?$select=name&$orderby=name", Prefer="odata.maxpagesize=2").json()
    answer = sales.get(edited(body["@odata.nextLink"], change), Prefer="odata.maxpagesize=2")
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Malformed XML in the Paging Cookie"


def test_s04_a_cookie_of_another_order_is_refused(sales, crowd):
    link = sales.get("accounts?$select=name&$orderby=name", Prefer="odata.maxpagesize=2").json()[
        "@odata.nextLink"
    ]
    assert sales.get(link.replace("$orderby=name", "$orderby=creditlimit")).status_code == 400


def test_s04_count_is_capped_at_5000(sales, crowd):
    body = sales.get(
        "accounts?$select=name&$count=true&$top=1", Prefer='odata.include-annotations="*"'
    ).json()
    assert body["@odata.count"] == 5000
    assert body["@Microsoft.Dynamics.CRM.totalrecordcount"] == 5000
    assert body["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"] is True
    assert sales.get("accounts/$count").content.decode("utf-8-sig") == "5000"


def test_s04_aggregation_counts_beyond_5000(sales, crowd):
    assert sales.rows("accounts?$apply=aggregate($count as n)") == [{"n": 5010}]
    body = sales.get("RetrieveTotalRecordCount(EntityNames=@p)?@p=['account','contact']").json()
    assert body["EntityRecordCountCollection"]["Values"] == [5010, 0]


def test_s04_aggregation_stops_at_50_000_rows(sales, crowd):
    rows = [{"contactid": f"{n:08x}-0000-4000-9000-000000000000"} for n in range(50_001)]
    sales.admin("PUT", "rows/contacts", rows)
    answer = sales.get("contacts?$apply=aggregate($count as n)")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "0x8004E023")
    narrowed = (
        "contacts?$apply=filter(contactid ne 00000000-0000-4000-9000-000000000000)/aggregate($count as n)"
    )
    assert sales.rows(narrowed) == [{"n": 50_000}]
