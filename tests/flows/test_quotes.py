"""Quotes from Sales to F&O, after products, accounts and contacts; each test continues where the one before it ended.

F&O already has a customer and a quotation, as when two live systems are connected."""

import json
import re
from decimal import Decimal

import pytest

from tests.flows.quotes import (
    FLOWS,
    HEADERS,
    LINES,
    activate,
    add_line,
    differing_totals,
    end,
    lines_of,
    messages,
    net,
    new_quote,
    newest,
    plain_quotes,
    quotation,
    quotation_lines,
    revise,
    totals,
    writes_of,
)  # fmt: skip
from tests.world import running_world

SETTINGS = {
    "line_discount": "line_item",  # the default of a new organization of Sales
    "contact_site_id": "1",
    "contact_warehouse_id": "13",
    "own_fields": {
        "quotedetails": [
            {"source": "description", "target": "ShippingSiteId", "values": {"Hall 1": "1", "Hall 9": "9"}}
        ]
    },
}


@pytest.fixture(scope="module")
def world(database, airflow, tmp_path_factory):
    """Both systems with sample records of every kind, before the first run."""
    env = {"P2C_DBT_VARS": json.dumps(SETTINGS)}
    folder = tmp_path_factory.mktemp("world")
    sizes = ("--accounts", "100", "--products", "60")
    with running_world(folder, database, *sizes, env=env, parses_dags=True) as world:
        yield world


@pytest.fixture(scope="module")
def numbers(world) -> list[str]:
    """Numbers of the quotes that the tests use."""
    return plain_quotes(world)


@pytest.fixture(scope="module")
def before(world, numbers) -> dict:
    """Create a customer and a quotation with two lines in F&O, under keys of Sales; return them as they are then."""
    quote = newest(world, numbers[0])
    account = world.sales.send("GET", f"accounts({quote['_customerid_value']})").json()["accountnumber"]
    products = {row["productid"]: row["productnumber"] for row in world.sales.rows("products")}
    units = {row["uomid"]: row["name"].lower() for row in world.sales.rows("uoms")}
    symbols = {
        row["UnitDescription"].lower(): row["UnitSymbol"] for row in world.finops.rows("UnitsOfMeasure")
    }
    world.finops.send("POST", "CustomersV3", {
        "dataAreaId": "usmf", "CustomerAccount": account, "PartyType": "Organization", "OrganizationName": "Old Name",
        "CustomerGroupId": "20", "SalesCurrencyCode": "USD", "LanguageId": "en-us", "SiteId": "1", "WarehouseId": "13",
    })  # fmt: skip
    key = {"dataAreaId": "usmf", "SalesQuotationNumber": numbers[0]}
    world.finops.send("POST", HEADERS, {
        **key, "RequestingCustomerAccountNumber": account, "CurrencyCode": "USD", "SalesQuotationName": "Old name",
        "RequestedShippingDate": quote["requestdeliveryby"][:10],
    })  # fmt: skip
    for line, more in zip(lines_of(world, quote), (0, 1), strict=False):
        world.finops.send("POST", LINES, {
            **key, "LineCreationSequenceNumber": line["lineitemnumber"], "ProductNumber": products[line["_productid_value"]],
            "RequestedSalesQuantity": line["quantity"] + more, "SalesUnitSymbol": symbols[units[line["_uomid_value"]]],
            "SalesPrice": line["priceperunit"], "RequestedShippingDate": line["requestdeliveryby"][:10],
        })  # fmt: skip
    return {
        "account": account,
        "customer": customer(world, account),
        "quotation": quotation(world, numbers[0]),
        "lines": quotation_lines(world, numbers[0]),
        "neighbours": neighbours(world),
    }


def customer(world, account: str) -> dict:
    (row,) = world.finops.rows("CustomersV3", filter=f"CustomerAccount eq '{account}'")
    return row


def neighbours(world) -> list[dict]:
    """A customer and a contact person that were created in F&O and resemble records of Sales."""
    return [
        customer(world, "US-028"),
        *world.finops.rows("CDSContactPersons", filter="ContactPersonPartyNumber eq '000000029'"),
    ]


@pytest.fixture(scope="module")
def first(world, numbers, before) -> dict[str, dict]:
    """Reports of the first run of every flow, with its writes; one line of a quote has a site that F&O lacks."""
    line = lines_of(world, newest(world, numbers[1]))[1]
    world.sales.plant(
        "quotedetails", json.dumps({"quotedetailid": line["quotedetailid"], "description": "Hall 9"})
    )
    reports = {}
    for flow in FLOWS:
        world.finops.forget()
        reports[flow] = world.run(flow) | {"sent": world.finops.writes()}
    return reports


def test_every_quote_number_of_sales_is_in_the_report(world, first):
    report = first["quotes"]

    assert report["read"] == len({row["quotenumber"] for row in world.sales.rows("quotes")})
    assert report["created"] + report["updated"] == len(totals(world)) > 20
    assert sum(report["rejected"].values()) == 1


def test_every_header_is_written_together_with_its_lines(first):
    sent = [write for write in first["quotes"]["sent"] if write["status"] < 300]
    headers = [n for n, write in enumerate(sent) if write["method"] == "POST" and HEADERS in write["path"]]

    assert len(headers) > 20
    assert all(LINES in sent[n + 1]["path"] for n in headers)


def test_every_quotation_has_the_total_of_its_quote_to_the_cent(world, first, numbers):
    assert len(totals(world)) > 21
    assert differing_totals(world) == {}


def test_line_discounts_that_do_not_divide_evenly_are_exact_to_the_cent(world, first):
    number = "QUO-X-THIRDS"
    lines = {line["lineitemnumber"]: net(line) for line in lines_of(world, newest(world, number))}

    there = quotation_lines(world, number)
    assert {n: Decimal(str(row["LineAmount"])) for n, row in there.items()} == lines
    assert any(row["FixedPriceCharges"] for row in there.values())


def test_discount_and_freight_of_a_header_stay_in_sales_with_a_warning(world, first):
    quote = newest(world, "QUO-X-HEADER-MONEY")
    fields = {
        name for write in first["quotes"]["sent"] if HEADERS in write["path"] for name in write["fields"]
    }

    assert quote["totalamount"] != quote["totallineitemamount"]
    assert quotation(world, "QUO-X-HEADER-MONEY")["QuotationTotalAmount"] == quote["totallineitemamount"]
    assert not [name for name in fields if re.search("Discount|Charge|Freight|Tax|Total", name)]
    assert "QUO-X-HEADER-MONEY" in messages(world, first["quotes"])["warned", "quote_header_amounts"]


def test_a_customer_with_the_same_number_is_adopted_with_one_update_of_the_differences(world, first, before):
    now = customer(world, before["account"])
    changed = {name for name, value in now.items() if before["customer"].get(name) != value}
    ((method, _, fields),) = writes_of(first["accounts"]["sent"], before["account"])

    assert method == "PATCH"
    assert {"OrganizationName", "CustomerGroupId"} <= set(fields)
    assert all("Address" in name for name in set(fields) - changed), "only an address goes whole"
    assert now["PartyNumber"] == before["customer"]["PartyNumber"]
    assert now["OrganizationName"] != "Old Name"


def test_a_quotation_with_the_same_number_is_adopted_line_by_line(world, first, before, numbers):
    sent = writes_of(first["quotes"]["sent"], numbers[0])
    (header,) = [fields for _, entity, fields in sent if entity == HEADERS]
    now = quotation(world, numbers[0])
    changed = {name for name, value in now.items() if before["quotation"].get(name) != value}

    assert {"SalesQuotationName"} <= set(header) <= changed
    assert [(method, fields) for method, entity, fields in sent if entity == LINES] == [
        ("PATCH", ["RequestedSalesQuantity"])
    ]
    lines = quotation_lines(world, numbers[0])
    assert lines[1] == before["lines"][1]
    assert sorted(lines) == [line["lineitemnumber"] for line in lines_of(world, newest(world, numbers[0]))]


def test_similar_records_of_f_and_o_are_reported_and_not_changed(world, first, before):
    assert neighbours(world) == before["neighbours"]
    assert "US-028" in messages(world, first["accounts"])["warned", "customer_similar"]
    assert "000000029" in messages(world, first["contacts"])["warned", "contact_similar"]
    people = world.finops.rows("CDSContactPersons", filter="LastName eq 'Birch'")
    assert len({row["ContactPersonPartyNumber"] for row in people}) == 2


def test_a_quote_whose_number_belongs_to_a_confirmed_quotation_is_held_and_nothing_is_written(world, first):
    assert "QUO-X-TAKEN" in messages(world, first["quotes"])["held", "quotation_confirmed"]
    assert quotation_lines(world, "QUO-X-TAKEN") == {}
    assert quotation(world, "QUO-X-TAKEN")["SalesQuotationName"] == "Birch Company"


def test_a_quote_waits_for_its_customer_and_products_by_name(world, first):
    texts = messages(world, first["quotes"])

    waiting = texts["waiting", "accounts"]
    assert re.search(r"QUO-X-OF-A-HELD-ACCO waits for account X-1002 \(.+\), held: country unmapped", waiting)
    assert re.search(
        r"QUO-X-OF-A-CLOSED-AC waits for account X-1006 \(.+\), excluded: account inactive", waiting
    )
    assert re.search(
        r"QUO-X-OF-AN-INACTIVE waits for contact (of account .+ )?\([0-9a-f-]{36}\), excluded: contact inactive",
        texts["waiting", "contact_customers"],
    )
    assert re.search(
        r"QUO-X-STOPPED-PRODUC waits for product P-STOP \(.+\), not sent, its status is stopped",
        texts["waiting", "products"],
    )


def test_a_rejected_line_is_reported_with_the_message_of_f_and_o_and_nothing_of_its_quote_is_delivered(
    world, first, numbers
):
    (message,) = messages(world, first["quotes"])["rejected", "rejected"].splitlines()

    assert message.startswith(f"{numbers[1]} line 2 (quote_lines): ")
    assert "'9'" in message
    assert "Site" in message
    assert quotation(world, numbers[1]) is None
    assert quotation_lines(world, numbers[1]) == {}


@pytest.mark.slow
def test_a_second_run_of_all_flows_writes_nothing_to_either_system(world, first):
    world.forget()

    reports = {flow: world.run(flow) for flow in FLOWS}

    assert world.writes() == []
    for flow, report in reports.items():
        assert report["created"] == report["updated"] == report["deactivated"] == 0, flow


def test_a_changed_quantity_is_one_update_of_one_line(world, first):
    draft = revise(world, "QUO-X-REVISED-TWICE")
    line = lines_of(world, draft)[1]
    world.sales.send("PATCH", f"quotedetails({line['quotedetailid']})", {"quantity": 17})
    activate(world, draft)
    world.finops.forget()

    report = world.run("quotes")

    assert report["updated"] == 1
    (write,) = world.finops.writes()
    assert (write["method"], write["fields"]) == ("PATCH", ["RequestedSalesQuantity"])
    assert f"LineCreationSequenceNumber={line['lineitemnumber']}" in write["path"]
    assert (
        quotation_lines(world, "QUO-X-REVISED-TWICE")[line["lineitemnumber"]]["RequestedSalesQuantity"] == 17
    )


@pytest.fixture(scope="module")
def drafts(world, first) -> dict[str, dict]:
    """Three revisions as drafts; what other quotes wait for is corrected in Sales and F&O, but not delivered."""
    opened = {key: revise(world, f"QUO-X-{key}") for key in ("ACTIVE", "REVISED", "YEAR-1900")}
    (gone, _) = lines_of(world, opened["ACTIVE"])
    world.sales.send("DELETE", f"quotedetails({gone['quotedetailid']})")
    add_line(world, opened["REVISED"], gone, quantity=4, lineitemnumber=9)

    (account,) = world.sales.rows("accounts", filter="accountnumber eq 'X-1002'")
    world.sales.send("PATCH", f"accounts({account['accountid']})", {"address1_country": "Canada"})
    inactive = newest(world, "QUO-X-OF-AN-INACTIVE")["_customerid_value"]
    world.sales.send("PATCH", f"contacts({inactive})", {"statecode": 0, "statuscode": 1})
    key = "SellableReleasedProducts(dataAreaId='usmf',ProductNumber='P-STOP')"
    world.finops.send("PATCH", key, {"IsSalesStopped": "No"})
    return opened


def test_a_draft_writes_nothing_and_the_quotation_of_a_lost_quote_is_reported(world, drafts, numbers):
    end(world, numbers[3], "CloseQuote", 5)
    world.finops.forget()

    report = world.run("quotes")

    # A product has changed in F&O: the quote that F&O refuses is tried again, in vain.
    assert [write for write in world.finops.writes() if write["status"] < 300] == []
    texts = messages(world, report)
    for key in drafts:
        assert f"QUO-X-{key} is a draft" in texts["excluded", "quote_draft"]
    assert f"{numbers[3]} was lost" in texts["excluded", "quote_lost"]
    assert f"{numbers[3]} is lost" in texts["warned", "quotation_left_open"]
    assert sum(report["waiting"].values()) >= 3
    assert set(report["waiting"]) == {"accounts", "contact_customers", "products"}


@pytest.fixture(scope="module")
def activated(world, drafts, numbers) -> dict:
    """The report of the run after the drafts were activated, with its writes."""
    for draft in drafts.values():
        activate(world, draft)
    draft = new_quote(world, "QUO-X-WON-AT-ONCE", like="QUO-X-ACTIVE")
    activate(world, draft)
    end(world, "QUO-X-WON-AT-ONCE", "WinQuote", 4)
    key = {"dataAreaId": "usmf", "SalesQuotationNumber": numbers[2]}
    world.finops.plant(HEADERS, json.dumps({**key, "SalesQuotationStatus": "Confirmed"}))
    draft = revise(world, numbers[2])
    for line in lines_of(world, draft):
        world.sales.send("PATCH", f"quotedetails({line['quotedetailid']})", {"quantity": 11})
    activate(world, draft)
    for flow in ("products", "accounts", "contacts"):
        world.run(flow)
    world.finops.forget()
    return world.run("quotes") | {"sent": world.finops.writes()}


def test_a_line_that_a_revision_drops_is_deleted_and_the_others_keep_their_keys(world, activated):
    sent = writes_of(activated["sent"], "QUO-X-ACTIVE")

    assert [(method, entity) for method, entity, _ in sent] == [("DELETE", LINES)]
    assert sorted(quotation_lines(world, "QUO-X-ACTIVE")) == [2]


def test_a_line_that_a_revision_adds_is_created_and_the_others_keep_their_keys(world, activated):
    assert writes_of(activated["sent"], "QUO-X-REVISED") == []  # a create has its key in the body
    assert sorted(quotation_lines(world, "QUO-X-REVISED")) == [1, 2, 9]


def test_a_new_revision_with_the_same_content_writes_nothing(world, activated):
    assert newest(world, "QUO-X-YEAR-1900")["revisionnumber"] == 1
    assert writes_of(activated["sent"], "QUO-X-YEAR-1900") == []
    assert sorted(quotation_lines(world, "QUO-X-YEAR-1900")) == [1, 2]


def test_a_quote_that_is_activated_and_won_between_two_runs_is_delivered(world, activated):
    assert newest(world, "QUO-X-WON-AT-ONCE")["statecode"] == 2
    assert sorted(quotation_lines(world, "QUO-X-WON-AT-ONCE")) == [1]


def test_a_changed_quote_whose_quotation_is_confirmed_is_held_and_nothing_is_written(
    world, activated, numbers
):
    assert writes_of(activated["sent"], numbers[2]) == []
    assert numbers[2] in messages(world, activated)["held", "quotation_confirmed"]
    assert activated["held"]["quotation_confirmed"] == 2


def test_waiting_quotes_are_delivered_once_customer_contact_and_product_have_been(world, activated):
    released = ("QUO-X-OF-A-HELD-ACCO", "QUO-X-OF-AN-INACTIVE", "QUO-X-STOPPED-PRODUC")

    assert activated["created"] == len(released) + 1
    for number in released:
        assert len(quotation_lines(world, number)) == len(lines_of(world, newest(world, number))) > 0
    posts = sum(write["method"] == "POST" for write in activated["sent"])
    assert len(activated["sent"]) == posts + 1
    assert not [
        rule for outcome, rule in messages(world, activated) if outcome == "waiting" and rule != "accounts"
    ]


def test_a_rejected_quote_is_delivered_by_a_plain_run_once_its_cause_is_corrected(world, activated, numbers):
    world.finops.send("POST", "OperationalSites", {"dataAreaId": "usmf", "SiteId": "9", "SiteName": "Hall 9"})
    world.finops.forget()

    report = world.run("quotes")

    assert (report["rejected"], report["created"]) == ({}, 1)
    assert {write["method"] for write in world.finops.writes()} == {"POST"}
    assert len(world.finops.writes()) == 1 + len(lines_of(world, newest(world, numbers[1])))
    assert quotation_lines(world, numbers[1])[2]["ShippingSiteId"] == "9"


def test_at_the_end_all_totals_are_equal_and_every_number_is_unique(world, activated):
    rows = world.finops.rows(HEADERS)

    assert len({row["SalesQuotationNumber"].lower() for row in rows}) == len(rows)
    assert len(totals(world)) > 25
    assert differing_totals(world) == {}


@pytest.mark.slow
def test_with_var_quote_close_delete_the_quotation_of_a_lost_quote_is_deleted_with_its_lines(
    world, activated, numbers, monkeypatch
):
    assert quotation_lines(world, numbers[3])
    others = len(world.finops.rows(HEADERS))
    monkeypatch.setitem(world.extra_env, "P2C_DBT_VARS", json.dumps({**SETTINGS, "quote_close": "delete"}))
    world.finops.forget()

    report = world.run("quotes")

    assert quotation(world, numbers[3]) is None
    assert quotation_lines(world, numbers[3]) == {}
    assert len(world.finops.rows(HEADERS)) == others - 1
    done = [write for write in world.finops.writes() if write["status"] < 300]
    *lines, header = writes_of(done, numbers[3])
    assert header == ("DELETE", HEADERS, [])
    assert lines == [("DELETE", LINES, [])] * len(lines)
    assert len(done) == len(lines) + 1
    assert "quotation_left_open" not in report["warned"]
    world.finops.forget()
    world.run("quotes")
    assert world.finops.writes() == []
