from urllib.parse import unquote

import pytest


@pytest.fixture(scope="module")
def crowd(sales):
    """5 203 accounts; ten names are shared by all of them."""
    rows = [
        {
            "accountid": f"{n:08x}-0000-4000-8000-000000000000",
            "name": f"Name {n % 10}",
            "numberofemployees": n,
        }
        for n in range(5203)
    ]
    assert sales.admin("PUT", "rows/accounts", rows).json() == {"planted": 5203}
    return rows


def test_pages_hold_what_the_caller_prefers_and_the_last_has_no_link(sales, crowd):
    pages = sales.pages("accounts?$select=numberofemployees", Prefer="odata.maxpagesize=2000")
    assert [len(page) for page in pages] == [2000, 2000, 1203]
    assert sorted(row["numberofemployees"] for page in pages for row in page) == list(range(5203))


def test_the_largest_page_is_5000(sales, crowd):
    assert [len(page) for page in sales.pages("accounts?$select=name")] == [5000, 203]
    assert [len(p) for p in sales.pages("accounts?$select=name", Prefer="odata.maxpagesize=9000")] == [
        5000,
        203,
    ]


def test_the_applied_page_size_is_echoed(sales, crowd):
    answer = sales.get("accounts?$select=name", Prefer="odata.maxpagesize=3")
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=3"


def test_the_skip_token_is_an_encoded_cookie_with_page_and_last_key(sales, crowd):
    body = sales.get("accounts?$select=name", Prefer="odata.maxpagesize=3").json()
    token = unquote(body["@odata.nextLink"].partition("$skiptoken=")[2])
    assert token.startswith('<cookie pagenumber="2" pagingcookie="')
    assert token.endswith('" istracking="False" />')
    assert body["value"][-1]["accountid"].upper() in unquote(unquote(token))


def test_pages_of_an_ordered_and_filtered_read_neither_lose_nor_repeat_rows(sales, crowd):
    path = "accounts?$select=name,numberofemployees&$orderby=name desc&$filter=numberofemployees lt 1000"
    pages = sales.pages(path, Prefer="odata.maxpagesize=150")
    rows = [row for page in pages for row in page]
    assert sorted(row["numberofemployees"] for row in rows) == list(range(1000))
    assert [row["name"] for row in rows] == sorted((row["name"] for row in rows), reverse=True)


def test_a_row_that_is_deleted_between_pages_shifts_nothing(sales, crowd):
    first = sales.get("accounts?$select=numberofemployees", Prefer="odata.maxpagesize=100").json()
    gone = first["value"][7]["accountid"]
    assert sales.delete(f"accounts({gone})").status_code == 204
    following = sales.get(first["@odata.nextLink"], Prefer="odata.maxpagesize=100").json()
    assert following["value"][0]["numberofemployees"] == 100
    sales.admin("PUT", "rows/accounts", [{"accountid": gone, "name": "Name 7", "numberofemployees": 7}])


def test_top_is_ignored_when_a_page_size_is_given(sales, crowd):
    body = sales.get("accounts?$select=name&$top=2", Prefer="odata.maxpagesize=10").json()
    assert len(body["value"]) == 10


def test_a_mended_skip_token_is_refused(sales, crowd):
    answer = sales.get("accounts?$skiptoken=%3Ccookie%20/%3E")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "Malformed XML in the Paging Cookie",
    )
