"""Dataverse sheet, section 5: change tracking."""

import re
import uuid
from urllib.parse import unquote

import pytest

from support.running import Sandbox
from support.selling import error

TRACK = "odata.track-changes"


@pytest.fixture(autouse=True)
def _clock(sales):
    sales.admin("POST", "clock", {"offset_seconds": 0})


def initial(sales, path="accounts?$select=name", prefer=TRACK):
    """Every page of an initial load and the delta link of the last one."""
    return follow(sales, path, Prefer=prefer)


def follow(sales, path, **headers):
    pages, link = [], None
    while path:
        answer = sales.get(path, **headers)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        pages.append(body)
        link = body.get("@odata.deltaLink")
        path = body.get("@odata.nextLink")
        assert (link is None) == (path is not None)
    return pages, link


def changes(sales, link, **headers):
    pages, new = follow(sales, link, **headers)
    return [entry for page in pages for entry in page["value"]], new


def make(sales, name="A"):
    row = str(uuid.uuid4())
    assert sales.patch(f"accounts({row})", {"name": name}).status_code == 204
    return row


def ids(entries):
    return [entry.get("accountid") or entry["id"] for entry in entries]


def test_s05_1_a_table_without_change_tracking_is_refused(sales):
    refused = sales.get("organizations?$select=name", Prefer=TRACK)
    assert error(refused) == (400, "0x80072491")
    assert refused.json()["error"]["message"] == "Entity organization isn't enabled for change tracking"


def test_s05_2_the_first_call_returns_all_rows(sales):
    rows = {make(sales), make(sales)}
    pages, _ = initial(sales)
    assert rows <= set(ids(pages[0]["value"]))
    assert len(pages) == 1


def test_s05_2_the_preference_is_echoed(sales):
    answer = sales.get("accounts?$select=name", Prefer=f"{TRACK},odata.maxpagesize=2")
    assert answer.headers["Preference-Applied"] == f"{TRACK},odata.maxpagesize=2"


def test_s05_2_an_initial_load_has_an_ordinary_context(sales):
    pages, _ = initial(sales)
    assert pages[0]["@odata.context"] == f"{sales.url}/api/data/v9.2/$metadata#accounts(name)"


def test_s05_2_it_may_be_combined_with_a_page_size_and_is_paged_by_next_links(sales):
    rows = {make(sales) for _ in range(5)}
    pages, _ = initial(sales, prefer=f"{TRACK},odata.maxpagesize=2")
    assert len(pages) >= 3
    assert all(len(page["value"]) == 2 for page in pages[:-1])
    found = ids([row for page in pages for row in page["value"]])
    assert rows <= set(found)
    assert len(found) == len(set(found))


def test_s05_2_the_cookie_says_that_changes_are_tracked(sales):
    make(sales), make(sales)
    page = sales.get("accounts?$select=name", Prefer=f"{TRACK},odata.maxpagesize=1").json()
    assert 'istracking="True"' in unquote(page["@odata.nextLink"])


def test_s05_2_follow_up_pages_need_only_the_same_page_size(sales):
    make(sales), make(sales)
    page = sales.get("accounts?$select=name", Prefer=f"{TRACK},odata.maxpagesize=1").json()
    pages, link = follow(sales, page["@odata.nextLink"], Prefer="odata.maxpagesize=1")
    assert link is not None
    assert all(len(page["value"]) == 1 for page in pages)


def test_s05_2_the_delta_link_is_on_the_last_page_only(sales):
    make(sales), make(sales)
    path = "accounts?$select=name"
    while path:
        page = sales.get(path, Prefer=f"{TRACK},odata.maxpagesize=1").json()
        path = page.get("@odata.nextLink")
        assert ("@odata.deltaLink" in page) == (path is None)


def test_s05_2_what_changes_during_a_paged_load_is_told_by_its_link(sales):
    rows = sorted(make(sales) for _ in range(4))
    page = sales.get("accounts?$select=name", Prefer=f"{TRACK},odata.maxpagesize=1").json()
    while ids(page["value"]) != [rows[1]]:
        page = sales.get(page["@odata.nextLink"], Prefer="odata.maxpagesize=1").json()
    sales.patch(f"accounts({rows[0]})", {"name": "changed behind the reader"})
    sales.delete(f"accounts({rows[1]})")
    _, link = follow(sales, page["@odata.nextLink"], Prefer="odata.maxpagesize=1")
    entries, _ = changes(sales, link)
    assert {rows[0], rows[1]} <= set(ids(entries))


def test_s05_3_the_link_holds_version_and_timestamp_percent_encoded(sales):
    _, link = initial(sales)
    token = link.partition("$deltatoken=")[2]
    assert re.fullmatch(r"\d+%21\d\d%2f\d\d%2f\d{4}%20\d\d%3a\d\d%3a\d\d", token)


def test_s05_3_a_delta_answer_says_so_in_its_context_and_holds_a_new_link(sales):
    _, link = initial(sales)
    make(sales)
    page = sales.get(link).json()
    assert page["@odata.context"] == f"{sales.url}/api/data/v9.2/$metadata#accounts(name)/$delta"
    assert page["@odata.deltaLink"] != link


def test_s05_3_without_changes_the_answer_is_empty(sales):
    _, link = initial(sales)
    entries, new = changes(sales, link)
    assert entries == []
    assert changes(sales, new)[0] == []


def test_s05_3_each_new_link_tells_only_what_came_after_it(sales):
    _, link = initial(sales)
    first = make(sales)
    entries, second_link = changes(sales, link)
    assert ids(entries) == [first]
    second = make(sales)
    assert ids(changes(sales, second_link)[0]) == [second]


def test_s05_9_a_token_may_be_asked_again_until_the_next_one_is_used(sales):
    _, link = initial(sales)
    row = make(sales)
    assert ids(changes(sales, link)[0]) == [row]
    assert ids(changes(sales, link)[0]) == [row]


def test_s05_3_a_list_of_changes_may_be_paged_too(sales):
    gone = [make(sales) for _ in range(3)]
    _, link = initial(sales)
    rows = [make(sales) for _ in range(3)]
    for row in gone:
        sales.delete(f"accounts({row})")
    pages, _ = follow(sales, link, Prefer="odata.maxpagesize=2")
    assert [len(page["value"]) for page in pages] == [2, 2, 2]
    assert ids([entry for page in pages for entry in page["value"]]) == [*rows, *gone]
    assert all(page["@odata.context"].endswith("/$delta") for page in pages)
    assert 'istracking="True"' in unquote(pages[0]["@odata.nextLink"])


def test_s05_3_what_changes_while_changes_are_paged_comes_with_the_next_link(sales):
    _, link = initial(sales)
    rows = [make(sales) for _ in range(3)]
    page = sales.get(link, Prefer="odata.maxpagesize=1").json()
    sales.patch(f"accounts({rows[0]})", {"name": "again"})
    sales.delete(f"accounts({rows[2]})")
    rest, new = changes(sales, page["@odata.nextLink"], Prefer="odata.maxpagesize=1")
    assert ids(rest) == [rows[1]]
    assert ids(changes(sales, new)[0]) == [rows[0], rows[2]]


def test_s05_4_new_and_changed_rows_look_like_rows_without_a_marker(sales):
    old = make(sales, "old")
    _, link = initial(sales)
    sales.patch(f"accounts({old})", {"fax": "1"})
    new = make(sales, "new")
    entries, _ = changes(sales, link)
    assert [(entry["name"], entry["accountid"]) for entry in entries] == [("old", old), ("new", new)]
    assert all(set(entry) == {"@odata.etag", "name", "accountid"} for entry in entries)


def test_s05_4_entries_carry_their_etag(sales):
    _, link = initial(sales)
    row = make(sales)
    (entry,), _ = changes(sales, link)
    assert entry["@odata.etag"] == sales.get(f"accounts({row})").json()["@odata.etag"]


def test_s05_4_a_deletion_has_its_context_id_and_reason(sales):
    row = make(sales)
    _, link = initial(sales)
    sales.delete(f"accounts({row})")
    assert changes(sales, link)[0] == [
        {
            "@odata.context": f"{sales.url}/api/data/v9.2/$metadata#accounts/$deletedEntity",
            "id": row,
            "reason": "deleted",
        }
    ]


def test_s05_4_rows_come_first_in_ascending_version_and_deletions_after(sales):
    first, second, gone = make(sales), make(sales), make(sales)
    _, link = initial(sales)
    sales.patch(f"accounts({second})", {"name": "1"})
    sales.delete(f"accounts({gone})")
    sales.patch(f"accounts({first})", {"name": "2"})
    assert ids(changes(sales, link)[0]) == [second, first, gone]


def test_s05_4_a_row_created_and_deleted_in_between_is_told_as_deleted(sales):
    _, link = initial(sales)
    row = make(sales)
    sales.delete(f"accounts({row})")
    (entry,), _ = changes(sales, link)
    assert (entry["id"], entry["reason"]) == (row, "deleted")


def test_s05_4_there_is_one_entry_per_row_and_only_its_last_state(sales):
    _, link = initial(sales)
    row = make(sales, "1")
    sales.patch(f"accounts({row})", {"name": "2"})
    sales.patch(f"accounts({row})", {"name": "3"})
    assert [entry["name"] for entry in changes(sales, link)[0]] == ["3"]


def test_s05_4_a_row_deleted_and_made_again_is_one_changed_row(sales):
    row = make(sales, "1")
    _, link = initial(sales)
    sales.delete(f"accounts({row})")
    sales.patch(f"accounts({row})", {"name": "2"})
    entries, _ = changes(sales, link)
    assert [entry.get("name") for entry in entries] == ["2"]


def test_s05_4_rows_deleted_along_with_another_are_told_as_well(sales):
    account = make(sales)
    body = {"lastname": "C", "parentcustomerid_account@odata.bind": f"/accounts({account})"}
    contact = sales.create("contacts", body)["contactid"]
    _, link = initial(sales, "contacts?$select=lastname")
    sales.delete(f"accounts({account})")
    entries, _ = changes(sales, link)
    assert [entry["id"] for entry in entries] == [contact]


def test_s05_4_a_refused_deletion_is_not_told(sales, catalog):
    make_currency = {"transactioncurrencyid@odata.bind": f"/transactioncurrencies({catalog.currency})"}
    sales.create("accounts", {"name": "A", **make_currency})
    _, link = initial(sales, "transactioncurrencies?$select=currencyname")
    assert sales.delete(f"transactioncurrencies({catalog.currency})").status_code == 405
    assert changes(sales, link)[0] == []


def test_s05_4_rows_planted_by_the_admin_api_count_as_changes(sales):
    row = make(sales)
    _, link = initial(sales)
    new = str(uuid.uuid4())
    sales.admin("PUT", "rows/accounts", [{"accountid": row, "name": "x"}, {"accountid": new, "name": "y"}])
    assert ids(changes(sales, link)[0]) == [row, new]


@pytest.mark.parametrize(
    "option", ["$filter=name eq 'A'", "$orderby=name", "$expand=primarycontactid", "$top=1"]
)
def test_s05_5_other_options_are_refused_with_the_documented_text(sales, option):
    name = option.partition("=")[0]
    text = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
    refused = sales.get(f"accounts?$select=name&{option}", Prefer=TRACK)
    assert refused.status_code == 400
    assert refused.json()["error"]["message"] == text
    _, link = initial(sales)
    assert sales.get(f"{link}&{option}").json()["error"]["message"] == text


def test_s05_5_select_is_allowed_and_kept(sales):
    _, link = initial(sales, "accounts?$select=name,accountnumber")
    assert "$select=name,accountnumber&$deltatoken=" in link
    make(sales)
    (entry,), new = changes(sales, link)
    assert set(entry) == {"@odata.etag", "name", "accountnumber", "accountid"}
    assert "$select=name,accountnumber&$deltatoken=" in new


def test_s05_5_columns_outside_select_still_trigger_a_row(sales):
    row = make(sales)
    _, link = initial(sales)
    sales.patch(f"accounts({row})", {"fax": "9"})
    assert ids(changes(sales, link)[0]) == [row]


def test_s05_5_without_select_every_column_comes(sales):
    _, link = initial(sales, "accounts")
    make(sales)
    (entry,), _ = changes(sales, link)
    assert {"accountnumber", "telephone1", "_ownerid_value"} <= set(entry)


def test_s05_6_pending_changes_are_counted(sales):
    gone = make(sales)
    _, link = initial(sales)
    make(sales), make(sales)
    sales.delete(f"accounts({gone})")
    token = link.partition("$deltatoken=")[2]
    answer = sales.get(f"accounts/$count?$deltatoken={token}")
    assert answer.content.decode("utf-8-sig") == "3"
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_s05_7_a_token_older_than_seven_days_is_expired(sales):
    _, link = initial(sales)
    sales.admin("POST", "clock", {"offset_seconds": 7 * 86400 - 60})
    assert sales.get(link).status_code == 200
    sales.admin("POST", "clock", {"offset_seconds": 7 * 86400 + 60})
    refused = sales.get(link)
    assert error(refused) == (400, "0x80044352")
    assert refused.json()["error"]["message"] == (
        "Version stamp associated with the client has expired. Please perform a full sync."
    )
    token = link.partition("$deltatoken=")[2]
    assert error(sales.get(f"accounts/$count?$deltatoken={token}")) == (400, "0x80044352")


def test_s05_7_each_new_token_lives_for_seven_days_of_its_own(sales):
    _, link = initial(sales)
    sales.admin("POST", "clock", {"offset_seconds": 6 * 86400})
    _, new = changes(sales, link)
    sales.admin("POST", "clock", {"offset_seconds": 12 * 86400})
    assert sales.get(new).status_code == 200


@pytest.mark.parametrize("token", ["", "1", "x!01/01/2026 00:00:00", "1000001!2026-01-01T00:00:00Z", "1!"])
def test_s05_3_a_token_that_the_server_did_not_give_is_refused(sales, token):
    assert sales.get(f"accounts?$select=name&$deltatoken={token}").status_code == 400


def test_s05_7_a_token_of_another_organisation_asks_for_a_full_sync(sales):
    _, link = initial(sales)
    ahead = re.sub(r"deltatoken=\d+", "deltatoken=999999999999", link)
    assert error(sales.get(ahead)) == (400, "0x80044352")


def test_s05_2_a_cookie_that_was_edited_is_refused(sales):
    make(sales), make(sales)
    page = sales.get("accounts?$select=name", Prefer=f"{TRACK},odata.maxpagesize=1").json()
    assert sales.get(page["@odata.nextLink"].replace("until", "unten")).status_code == 400


def test_s05_7_the_lifetime_can_be_set_and_tables_left_out(tmp_path):
    sandbox = Sandbox(tmp_path / "home", "--change-tracking-days", "1", "--untracked", "contacts")
    try:
        sales = sandbox.sales
        _, link = initial(sales)
        sales.admin("POST", "clock", {"offset_seconds": 86400 + 60})
        assert error(sales.get(link)) == (400, "0x80044352")
        assert error(sales.get("contacts", Prefer=TRACK)) == (400, "0x80072491")
    finally:
        sandbox.kill()


@pytest.mark.parametrize(("options", "told"), [((), True), (("--links-from-last-page",), False)])
def test_s05_2_what_happens_between_the_pages_of_an_initial_load_is_told_as_set(tmp_path, options, told):
    sandbox = Sandbox(tmp_path / "home", *options)
    try:
        sales = sandbox.sales
        rows = sorted(make(sales) for _ in range(2))
        prefer = f"{TRACK},odata.maxpagesize=1"
        page = sales.get("accounts?$select=name", Prefer=prefer).json()
        sales.delete(f"accounts({rows[0]})")
        last = sales.get(page["@odata.nextLink"], Prefer=prefer).json()
        between, link = changes(sales, last["@odata.deltaLink"])
        sales.delete(f"accounts({rows[1]})")
        after, _ = changes(sales, link)
    finally:
        sandbox.kill()

    assert [entry["id"] for entry in between] == [rows[0]] * told
    assert [entry["id"] for entry in after] == [rows[1]]


def test_s05_9_a_token_outlives_a_restart_with_the_deletions(tmp_path):
    sandbox = Sandbox(tmp_path / "home")
    try:
        rows = [make(sandbox.sales) for _ in range(3)]
        _, link = initial(sandbox.sales)
        path = link.removeprefix(sandbox.sales.url)
        sandbox.sales.delete(f"accounts({rows[0]})")
        sandbox.sales.patch(f"accounts({rows[1]})", {"name": "B"})
        for end in (sandbox.kill, sandbox.stop):
            end()
            sandbox.start()
            entries, _ = changes(sandbox.sales, sandbox.sales.url + path)
            assert ids(entries) == [rows[1], rows[0]]
    finally:
        sandbox.kill()


def test_s05_4_annotations_are_given_when_asked(sales):
    _, link = initial(sales)
    make(sales)
    name = "OData.Community.Display.V1.FormattedValue"
    entry = sales.get(
        link.replace("$select=name", "$select=name,statecode"),
        Prefer=f'odata.include-annotations="{name}"',
    ).json()["value"][0]
    assert entry[f"statecode@{name}"] == "Active"


def test_s05_4_lines_told_after_their_document_changed(sales, catalog):
    quote = sales.create(
        "quotes", {"name": "Q", "pricelevelid@odata.bind": f"/pricelevels({catalog.price_list})"}
    )
    _, link = initial(sales, "quotes?$select=totalamount")
    sales.create(
        "quotedetails",
        {"quoteid@odata.bind": f"/quotes({quote['quoteid']})", "isproductoverridden": True,
         "productdescription": "Work", "priceperunit": 10, "quantity": 2},
    )  # fmt: skip
    entries, _ = changes(sales, link)
    assert [entry["totalamount"] for entry in entries] == [20]


def test_s05_3_words_of_the_protocol_in_a_filter_do_not_make_a_delta_request(sales):
    for text in ("deltatoken", "$deltatoken=1", 'istracking="True"'):
        assert sales.rows(f"accounts?$filter=name eq '{text}'") == []


def test_s05_6_a_count_without_a_token_is_an_ordinary_one(sales):
    make(sales)
    plain = sales.get("accounts/$count")
    assert sales.get("accounts/$count", Prefer=TRACK).content == plain.content
