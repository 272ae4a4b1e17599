import re

import pytest

from support.running import batch, change_set, part
from support.selling import Shop, error, number

LOCKED = (400, "0x80040233")
WRONG_STATUS = (400, "0x80048408")


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


@pytest.fixture
def draft(shop):
    return shop.quote()


@pytest.fixture
def active(shop, draft):
    shop.write_in(draft, 10, lineitemnumber=7, sequencenumber=70)
    shop.write_in(draft, 5, lineitemnumber=3)
    assert shop.activate(draft).status_code == 204
    return draft


def lines(sales, quote):
    return sales.rows(
        f"quotedetails?$filter=_quoteid_value eq {quote['quoteid']}&$orderby=lineitemnumber desc"
    )


def test_a_new_quote_is_a_numbered_draft_without_revisions(shop, draft):
    assert re.fullmatch(r"QUO-\d{5}-[A-Z0-9]{6}", draft["quotenumber"])
    assert (draft["statecode"], draft["statuscode"], draft["revisionnumber"]) == (0, 1, 0)
    other = shop.quote(quotenumber="")
    assert int(other["quotenumber"][4:9]) == int(draft["quotenumber"][4:9]) + 1


def test_a_given_number_is_kept_and_unique(shop, sales):
    wanted = number("Q")
    assert shop.quote(quotenumber=wanted)["quotenumber"] == wanted
    assert error(sales.post("quotes", shop.header(quotenumber=wanted.lower()))) == (412, "0x80040237")


def test_a_quote_is_not_created_in_another_state(shop, sales):
    body = shop.header(statecode=1, statuscode=2)
    assert error(sales.post("quotes", body)) == WRONG_STATUS


@pytest.mark.parametrize("status", [2, 3])
def test_a_draft_is_activated_once(shop, sales, draft, status):
    change = {"statecode": 1, "statuscode": status, "name": "Last words"}
    assert sales.patch(f"quotes({draft['quoteid']})", change).status_code == 204
    row = shop.now(draft)
    assert (row["statecode"], row["statuscode"], row["name"]) == (1, status, "Last words")
    again = sales.patch(f"quotes({draft['quoteid']})", {"statecode": 1, "statuscode": 2})
    assert error(again) == (400, "0x80100003")
    assert (
        error(sales.patch(f"quotes({draft['quoteid']})", {"statecode": 1, "statuscode": 4})) == WRONG_STATUS
    )


def test_only_drafts_and_their_lines_can_be_changed(shop, sales, active):
    line = f"quotedetails({lines(sales, active)[0]['quotedetailid']})"
    before = shop.now(active)
    assert error(sales.patch(f"quotes({active['quoteid']})", {"name": "B"})) == LOCKED
    assert error(sales.patch(f"quotes({active['quoteid']})", {"statecode": 0, "name": "B"})) == LOCKED
    assert error(sales.post("quotedetails", shop.line_body(active, shop.product(1)))) == LOCKED
    assert error(sales.patch(line, {"quantity": 2})) == LOCKED
    assert error(sales.delete(line)) == LOCKED
    assert shop.now(active) == before


def test_lines_copy_the_state_of_their_quote_without_being_changed_themselves(shop, sales, draft):
    line = shop.write_in(draft, 1)
    assert line["quotestatecode"] == 0
    shop.activate(draft)
    row = lines(sales, draft)[0]
    assert row.pop("quotestatecode") == 1
    del line["quotestatecode"], line["@odata.context"]
    assert row == line


def test_lines_keep_their_numbers_as_given_and_stay_in_their_quote(shop, sales, draft):
    line = shop.write_in(draft, 1, lineitemnumber=40, sequencenumber=-2)
    assert (line["lineitemnumber"], line["sequencenumber"]) == (40, -2)
    assert shop.write_in(draft, 1)["lineitemnumber"] is None
    elsewhere = {"quoteid@odata.bind": f"/quotes({shop.quote()['quoteid']})"}
    assert error(sales.patch(f"quotedetails({line['quotedetailid']})", elsewhere)) == (400, "0x80040203")
    assert error(sales.post("quotedetails", {"quantity": 1})) == (400, "0x80040203")


@pytest.mark.parametrize(
    ("action", "status", "state"),
    [("WinQuote", 4, 2), ("CloseQuote", 5, 3), ("CloseQuote", 6, 3), ("CloseQuote", 7, 3)],
)
def test_an_active_quote_is_won_or_closed_by_its_action(shop, sales, active, action, status, state):
    wrong = 5 if action == "WinQuote" else 4
    assert error(shop.close(active, wrong, action)) == WRONG_STATUS
    answer = shop.close(active, status, action)
    assert (answer.status_code, answer.content) == (204, b"")
    row = shop.now(active)
    assert (row["statecode"], row["statuscode"], row["totalamount"]) == (state, status, 15)
    assert row["closedon"] == row["modifiedon"][:10]
    assert [line["quotestatecode"] for line in lines(sales, active)] == [state, state]
    assert error(shop.close(active, status, action)) == LOCKED


def test_drafts_are_not_closed_and_no_patch_wins_or_closes(shop, sales, draft):
    assert error(shop.close(draft, 4, "WinQuote")) == LOCKED
    assert error(shop.close(draft, 7)) == LOCKED
    for state, status in ((2, 4), (3, 5)):
        change = {"statecode": state, "statuscode": status}
        assert error(sales.patch(f"quotes({draft['quoteid']})", change)) == LOCKED
    shop.activate(draft)
    assert error(sales.patch(f"quotes({draft['quoteid']})", change)) == LOCKED


def test_a_revision_is_a_new_draft_with_new_ids_and_the_same_number(shop, sales, active):
    before = lines(sales, active)
    assert shop.close(active, 7).status_code == 204
    answer = shop.revise(active)
    assert answer.status_code == 200, answer.text
    assert answer.json()["@odata.context"].endswith("$metadata#quotes/$entity")
    revision = shop.now(answer.json())
    assert revision["quoteid"] != active["quoteid"]
    assert (revision["quotenumber"], revision["revisionnumber"]) == (active["quotenumber"], 1)
    assert (revision["statecode"], revision["statuscode"], revision["closedon"]) == (0, 1, None)
    assert (revision["totalamount"], revision["_customerid_value"]) == (15, shop.customer)
    after = lines(sales, revision)
    assert not {row["quotedetailid"] for row in before} & {row["quotedetailid"] for row in after}
    kept = ("lineitemnumber", "sequencenumber", "productdescription", "extendedamount")
    assert [[row[name] for name in kept] for row in after] == [[row[name] for name in kept] for row in before]
    assert {row["quotestatecode"] for row in after} == {0}
    assert {row["quotestatecode"] for row in lines(sales, active)} == {3}
    assert sales.patch(f"quotes({revision['quoteid']})", {"name": "Revised"}).status_code == 204
    assert shop.now(active)["name"] == "Bicycles"


def test_a_quote_is_revised_only_when_its_newest_revision_was_closed_for_it(shop, active):
    open_revision = (400, "0x80048d00")
    assert error(shop.revise(active)) == open_revision
    shop.close(active, 7)
    second = shop.revise(active).json()
    assert error(shop.revise(active)) == open_revision
    shop.activate(second)
    assert error(shop.revise(active)) == open_revision
    shop.close(second, 7)
    assert error(shop.revise(active)) == LOCKED
    third = shop.revise(second).json()
    assert third["revisionnumber"] == 2
    shop.activate(third)
    shop.close(third, 5)
    assert error(shop.revise(third)) == LOCKED


def test_actions_name_their_parameters_exactly(shop, sales, active):
    close = {"subject": "end", "quoteid@odata.bind": f"/quotes({active['quoteid']})"}
    for body in ({"status": 7, "QuoteClose": close}, {"Status": 7}, {"Status": 7, "QuoteClose": {}}, []):
        assert error(sales.post("CloseQuote", body)) == (400, "0x80048d19")
    gone = {"QuoteId": "00000000-0000-4000-8000-000000000000", "ColumnSet": {"AllColumns": True}}
    assert error(sales.post("ReviseQuote", gone)) == (404, "0x80040217")
    assert error(sales.patch("CloseQuote", {"Status": 7, "QuoteClose": close})) == (405, "0x80060888")
    assert sales.post("GenerateQuoteFromOpportunity", {}).status_code == 501
    assert error(sales.post("NoSuchQuote", {})) == (404, "0x80060888")


def test_a_change_set_makes_a_quote_with_its_lines_or_nothing(shop, sales):
    wanted = number("Q")

    def change(price_column):
        line = {"quoteid@odata.bind": "$1", "isproductoverridden": True, "productdescription": "x",
                "quantity": 2, price_column: 4.5}  # fmt: skip
        return batch(
            change_set(
                part("POST quotes", shop.header(quotenumber=wanted), content_id="1"),
                part("POST quotedetails", line, content_id="2"),
                part("PATCH $1", {"statecode": 1, "statuscode": 2}, content_id="3"),
            )
        )

    query = f"quotes?$select=totalamount,statecode&$filter=quotenumber eq '{wanted}'"
    assert sales.batch(change("nosuch")).status_code == 400
    assert sales.rows(query) == []
    assert sales.batch(change("priceperunit")).status_code == 200
    assert [(row["totalamount"], row["statecode"]) for row in sales.rows(query)] == [(9, 1)]


def test_deleting_a_quote_takes_its_lines_along(shop, sales, active):
    line = lines(sales, active)[0]["quotedetailid"]
    assert sales.delete(f"quotes({active['quoteid']})").status_code == 204
    assert sales.get(f"quotedetails({line})").status_code == 404
    assert lines(sales, active) == []


def test_a_product_on_a_quote_cannot_be_deleted(shop, sales, draft):
    product = shop.product(1)
    shop.line(draft, product)
    assert error(sales.delete(f"products({product})")) == (405, "0x80040227")


def test_quotes_and_lines_are_read_in_windows_and_pages(shop, sales, draft):
    made = [shop.write_in(draft, at, lineitemnumber=at) for at in range(5)]
    window = f"modifiedon ge {made[0]['modifiedon']} and modifiedon lt 2100-01-01T00:00:00Z"
    query = (
        f"quotedetails?$select=lineitemnumber,_quoteid_value,quotestatecode&$orderby=lineitemnumber desc"
        f"&$filter=_quoteid_value eq {draft['quoteid']} and {window}"
    )
    pages = sales.pages(query, Prefer="odata.maxpagesize=2")
    assert [[row["lineitemnumber"] for row in page] for page in pages] == [[4, 3], [2, 1], [0]]
    count = sales.get(f"quotes/$count?$filter=quotenumber eq '{draft['quotenumber']}' and {window}")
    assert count.text.lstrip("\ufeff") == "1"
