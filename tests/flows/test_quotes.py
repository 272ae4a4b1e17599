"""Quotes from Sales to F&O, after products, accounts and contacts; each test starts from where the one before it
left both systems. Customers and a quotation are in F&O already, as when two live systems are connected."""

import json
import re
from decimal import Decimal

import psycopg2
import pytest

from prospect_to_cash.reporting.details import details
from tests.world import World

FLOWS = ("products", "accounts", "contacts", "quotes")
HEADERS, LINES = "CDSSalesQuotationHeaders", "CDSSalesQuotationLines"
SETTINGS = {
    "line_discount": "line_item",  # as a fresh organisation of Sales computes
    "contact_site_id": "1",
    "contact_warehouse_id": "13",
    "own_fields": {
        "quotedetails": [
            {"source": "description", "target": "ShippingSiteId", "values": {"Hall 1": "1", "Hall 9": "9"}}
        ]
    },
}


def newest(world, number: str) -> dict:
    """The newest revision of a quote in Sales."""
    rows = world.sales.rows("quotes", filter=f"quotenumber eq '{number}'")
    return max(rows, key=lambda row: row["revisionnumber"])


def lines_of(world, quote: dict) -> list[dict]:
    rows = world.sales.rows("quotedetails", filter=f"_quoteid_value eq {quote['quoteid']}")
    return sorted(rows, key=lambda row: row["lineitemnumber"] or 0)


def net(line: dict) -> Decimal:
    """A line of Sales without tax."""
    return Decimal(str(line["extendedamount"])) - Decimal(str(line["tax"] or 0))


def revise(world, number: str) -> dict:
    """Close a quote as revised and open its next revision; returns the draft."""
    quote = newest(world, number)
    close = {"subject": "revised", "quoteid@odata.bind": f"/quotes({quote['quoteid']})"}
    world.sales.send("POST", "CloseQuote", {"Status": 7, "QuoteClose": close})
    world.sales.send("POST", "ReviseQuote", {"QuoteId": quote["quoteid"], "ColumnSet": {"AllColumns": True}})
    return newest(world, number)


def activate(world, quote: dict) -> None:
    world.sales.send("PATCH", f"quotes({quote['quoteid']})", {"statecode": 1, "statuscode": 2})


def end(world, number: str, action: str, status: int) -> None:
    """Win, lose or cancel the active revision."""
    close = {"subject": "end", "quoteid@odata.bind": f"/quotes({newest(world, number)['quoteid']})"}
    world.sales.send("POST", action, {"Status": status, "QuoteClose": close})


def add_line(world, quote: dict, like: dict, **more: object) -> None:
    """A line of the same product as another one, in another quote."""
    world.sales.send("POST", "quotedetails", {
        "quoteid@odata.bind": f"/quotes({quote['quoteid']})",
        "productid@odata.bind": f"/products({like['_productid_value']})",
        "uomid@odata.bind": f"/uoms({like['_uomid_value']})",
        "ispriceoverridden": True,
        "priceperunit": like["priceperunit"],
        "quantity": 1,
        **more,
    })  # fmt: skip


def new_quote(world, number: str, like: str, **more: object) -> dict:
    """A draft for the customer of another quote, with one line of its first product."""
    model = newest(world, like)
    copied = (
        "shipto_name",
        "shipto_line1",
        "shipto_city",
        "shipto_postalcode",
        "shipto_country",
        "requestdeliveryby",
    )
    world.sales.send("POST", "quotes", {
        "name": number,
        "quotenumber": number,
        "customerid_account@odata.bind": f"/accounts({model['_customerid_value']})",
        "pricelevelid@odata.bind": f"/pricelevels({model['_pricelevelid_value']})",
        **{name: model[name] for name in copied},
        **more,
    })  # fmt: skip
    draft = newest(world, number)
    add_line(world, draft, lines_of(world, model)[0], lineitemnumber=1)
    return draft


def quotation(world, number: str, company: str = "usmf") -> dict | None:
    rows = world.finops.rows(
        HEADERS, filter=f"dataAreaId eq '{company}' and SalesQuotationNumber eq '{number}'"
    )
    return rows[0] if rows else None


def quotation_lines(world, number: str, company: str = "usmf") -> dict[int, dict]:
    rows = world.finops.rows(
        LINES, filter=f"dataAreaId eq '{company}' and SalesQuotationNumber eq '{number}'"
    )
    return {row["LineCreationSequenceNumber"]: row for row in rows}


def writes_of(writes: list[dict], number: str) -> list[tuple[str, str, list[str]]]:
    """(method, set, fields) of the writes that name a quotation in their address."""
    return [
        (write["method"], re.search(r"(\w+)\(", write["path"])[1], write["fields"])
        for write in writes
        if f"'{number}'" in write["path"]
    ]


def told(world, report: dict) -> dict[tuple[str, str], str]:
    """What the report says to people, by outcome and rule."""
    connection = psycopg2.connect(world.database_url)
    try:
        found = details(connection, report["flow"], report["run_id"], most=50)
    finally:
        connection.close()
    return {(detail.outcome, detail.rule): "\n".join(detail.records) for detail in found}


def in_step(world) -> dict[str, tuple[Decimal, Decimal]]:
    """{number: (total of Sales, total of F&O)} of every quotation that Sales has an active or won quote for."""
    said = {}
    for row in sorted(world.sales.rows("quotes"), key=lambda row: row["revisionnumber"]):
        if row["statecode"] in (1, 2):
            said[row["quotenumber"]] = Decimal(str(row["totallineitemamount"]))
    return {
        row["SalesQuotationNumber"]: (
            said[row["SalesQuotationNumber"]], Decimal(str(row["QuotationTotalAmount"]))
        )
        for row in world.finops.rows(HEADERS)
        if row["SalesQuotationNumber"] in said and row["SalesQuotationStatus"] == "Created"
    }  # fmt: skip


def plain_quotes(world) -> list[str]:
    """Numbers of generated quotes that are active, for an account in the United States that has a number."""
    accounts = world.sales.rows(
        "accounts", filter="address1_country eq 'United States' and accountnumber ne null"
    )
    ordinary = {row["accountid"] for row in accounts if not row["accountnumber"].startswith("X-")}
    return sorted(
        row["quotenumber"]
        for row in world.sales.rows("quotes", filter="statecode eq 1 and revisionnumber eq 0")
        if re.fullmatch(r"QUO-\d{5}-\w{6}", row["quotenumber"]) and row["_customerid_value"] in ordinary
    )


@pytest.fixture(scope="module")
def world(database, airflow, tmp_path_factory):
    """Both systems with sample records of every kind, nothing moved yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.world._DAGS", {})  # own fields change what is read
        env = {"P2C_DBT_VARS": json.dumps(SETTINGS)}
        world = World(tmp_path_factory.mktemp("world"), database, "", env)
        world.start_sandbox("--accounts", "100", "--products", "60")
        yield world
        world.stop()


@pytest.fixture(scope="module")
def numbers(world) -> list[str]:
    """Quotes that the tests below speak of."""
    return plain_quotes(world)


@pytest.fixture(scope="module")
def before(world, numbers) -> dict:
    """What F&O has under the same keys before the first run: a customer, and a quotation with two lines."""
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
    """The customer and the contact person of F&O's own that look like records of Sales."""
    return [
        customer(world, "US-028"),
        *world.finops.rows("CDSContactPersons", filter="ContactPersonPartyNumber eq '000000029'"),
    ]


@pytest.fixture(scope="module")
def first(world, numbers, before) -> dict[str, dict]:
    """Reports of the first run of every flow, by flow, with what was written; one line names a site that is not there."""
    line = lines_of(world, newest(world, numbers[1]))[1]
    world.sales.plant(
        "quotedetails", json.dumps({"quotedetailid": line["quotedetailid"], "description": "Hall 9"})
    )
    reports = {}
    for flow in FLOWS:
        world.finops.forget()
        reports[flow] = world.run(flow) | {"sent": world.finops.writes()}
    return reports


def test_every_quote_number_of_sales_is_accounted_for(world, first):
    report = first["quotes"]

    assert report["read"] == len({row["quotenumber"].lower() for row in world.sales.rows("quotes")})
    assert report["created"] + report["updated"] == len(in_step(world)) - 1 > 20
    assert sum(report["rejected"].values()) == 1


def test_every_header_goes_before_any_line(first):
    sent = [LINES in write["path"] for write in first["quotes"]["sent"]]

    assert 20 < sent.index(True) < len(sent) - 50
    assert sent == sorted(sent)


def test_every_quotation_adds_up_to_what_sales_computed_to_the_cent(world, first, numbers):
    totals = in_step(world)
    del totals[numbers[1]]  # one of its lines was refused

    assert len(totals) > 20
    assert {number: (ours, theirs) for number, (ours, theirs) in totals.items() if ours != theirs} == {}


def test_discounts_of_lines_that_do_not_divide_evenly_are_on_their_lines_to_the_cent(world, first):
    number = "QUO-X-THIRDS"
    lines = {line["lineitemnumber"]: net(line) for line in lines_of(world, newest(world, number))}

    there = quotation_lines(world, number)
    assert {n: Decimal(str(row["LineAmount"])) for n, row in there.items()} == lines
    assert any(row["FixedPriceCharges"] for row in there.values())


def test_discount_and_freight_of_a_header_stay_in_sales_and_are_warned_of(world, first):
    quote = newest(world, "QUO-X-HEADER-MONEY")
    fields = {
        name for write in first["quotes"]["sent"] if HEADERS in write["path"] for name in write["fields"]
    }

    assert quote["totalamount"] != quote["totallineitemamount"]
    assert quotation(world, "QUO-X-HEADER-MONEY")["QuotationTotalAmount"] == quote["totallineitemamount"]
    assert not [name for name in fields if re.search("Discount|Charge|Freight|Tax|Total", name)]
    assert "QUO-X-HEADER-MONEY" in told(world, first["quotes"])["warned", "quote_header_amounts"]


def test_a_customer_under_the_same_number_is_adopted_by_one_change_of_what_differs(world, first, before):
    now = customer(world, before["account"])
    changed = {name for name, value in now.items() if before["customer"].get(name) != value}
    ((method, _, fields),) = writes_of(first["accounts"]["sent"], before["account"])

    assert method == "PATCH"
    assert {"OrganizationName", "CustomerGroupId"} <= set(fields) <= changed
    assert now["PartyNumber"] == before["customer"]["PartyNumber"]
    assert now["OrganizationName"] != "Old Name"


def test_a_quotation_under_the_same_number_is_adopted_line_by_line(world, first, before, numbers):
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


def test_records_of_finance_that_only_look_alike_are_shown_and_left_alone(world, first, before):
    assert neighbours(world) == before["neighbours"]
    assert "US-028" in told(world, first["accounts"])["warned", "customer_similar"]
    assert "000000029" in told(world, first["contacts"])["warned", "contact_similar"]
    people = world.finops.rows("CDSContactPersons", filter="LastName eq 'Birch'")
    assert len({row["ContactPersonPartyNumber"] for row in people}) == 2


def test_a_quotation_of_another_that_has_been_confirmed_under_the_number_is_held_and_untouched(world, first):
    assert "QUO-X-TAKEN" in told(world, first["quotes"])["held", "quotation_confirmed"]
    assert quotation_lines(world, "QUO-X-TAKEN") == {}
    assert quotation(world, "QUO-X-TAKEN")["SalesQuotationName"] == "Birch Company"


def test_a_quote_waits_by_name_for_customer_and_products_and_its_neighbours_go(world, first):
    said = told(world, first["quotes"])

    assert "QUO-X-OF-A-HELD-ACCO waits for accounts X-1002" in said["waiting", "accounts"]
    assert "QUO-X-OF-AN-INACTIVE waits for contact" in said["waiting", "contact_customers"]
    assert "QUO-X-STOPPED-PRODUC waits for products P-STOP" in said["waiting", "products"]


def test_a_refused_line_is_told_with_the_sentence_of_finance_and_the_rest_of_its_quote_stands(
    world, first, numbers
):
    (sentence,) = told(world, first["quotes"])["rejected", "rejected"].splitlines()

    assert sentence.startswith(f"{numbers[1]} line 2 (quote_lines): ")
    assert "'9'" in sentence
    assert "Site" in sentence
    there = quotation_lines(world, numbers[1])
    ours = lines_of(world, newest(world, numbers[1]))
    assert sorted(there) == [line["lineitemnumber"] for line in ours if line["lineitemnumber"] != 2]


@pytest.mark.slow
def test_a_second_run_of_all_flows_writes_nothing_to_either_system(world, first):
    world.sales.forget()
    world.finops.forget()

    for flow in FLOWS:
        again = world.run(flow)
        assert again["created"] == again["updated"] == again["deactivated"] == 0, flow

    assert world.sales.writes() == []
    assert world.finops.writes() == []


def test_the_quantity_of_one_line_is_one_update_of_one_line(world, first):
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
    """Revisions that are not activated yet, and what quotes wait for mended in Sales but not delivered yet."""
    opened = {key: revise(world, f"QUO-X-{key}") for key in ("ACTIVE", "REVISED", "YEAR-9999")}
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


def test_a_draft_changes_nothing_and_a_lost_quote_leaves_its_quotation_to_be_reported(world, drafts, numbers):
    end(world, numbers[3], "CloseQuote", 5)
    world.finops.forget()

    report = world.run("quotes")

    assert world.finops.writes() == []
    said = told(world, report)
    for key in drafts:
        assert f"QUO-X-{key} is a draft" in said["excluded", "quote_draft"]
    assert f"{numbers[3]} was lost" in said["excluded", "quote_lost"]
    assert f"{numbers[3]} is lost" in said["warned", "quotation_left_open"]
    assert sum(report["waiting"].values()) >= 3
    assert set(report["waiting"]) == {"accounts", "contact_customers", "products"}


@pytest.fixture(scope="module")
def activated(world, drafts, numbers) -> dict:
    """The report of a run after the drafts were activated, with what it wrote."""
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


def test_a_line_that_a_revision_has_no_more_is_deleted_and_the_others_keep_their_keys(world, activated):
    sent = writes_of(activated["sent"], "QUO-X-ACTIVE")

    assert [(method, entity) for method, entity, _ in sent] == [("DELETE", LINES)]
    assert sorted(quotation_lines(world, "QUO-X-ACTIVE")) == [2]


def test_a_line_that_a_revision_adds_is_created_beside_the_others(world, activated):
    assert writes_of(activated["sent"], "QUO-X-REVISED") == []  # a create names its key in the body
    assert sorted(quotation_lines(world, "QUO-X-REVISED")) == [1, 2, 9]


def test_a_new_revision_of_the_same_content_writes_nothing(world, activated):
    assert newest(world, "QUO-X-YEAR-9999")["revisionnumber"] == 1
    assert writes_of(activated["sent"], "QUO-X-YEAR-9999") == []
    assert sorted(quotation_lines(world, "QUO-X-YEAR-9999")) == [1, 2]


def test_a_quote_that_is_activated_and_won_between_two_runs_goes(world, activated):
    assert newest(world, "QUO-X-WON-AT-ONCE")["statecode"] == 2
    assert sorted(quotation_lines(world, "QUO-X-WON-AT-ONCE")) == [1]


def test_a_change_of_a_quote_whose_quotation_is_confirmed_is_held_and_nothing_is_written(
    world, activated, numbers
):
    assert writes_of(activated["sent"], numbers[2]) == []
    assert numbers[2] in told(world, activated)["held", "quotation_confirmed"]
    assert activated["held"]["quotation_confirmed"] == 2


def test_quotes_go_by_themselves_once_customer_contact_and_product_have_been_delivered(world, activated):
    released = ("QUO-X-OF-A-HELD-ACCO", "QUO-X-OF-AN-INACTIVE", "QUO-X-STOPPED-PRODUC")

    assert activated["created"] == len(released) + 1
    for number in released:
        assert len(quotation_lines(world, number)) == len(lines_of(world, newest(world, number))) > 0
    posts = sum(write["method"] == "POST" for write in activated["sent"])
    assert len(activated["sent"]) == posts + 1
    said = told(world, activated)
    assert not [rule for outcome, rule in said if outcome == "waiting" and rule != "accounts"]


def test_a_refused_line_goes_after_its_cause_is_mended_when_it_is_asked_for(world, activated, numbers):
    world.finops.send("POST", "OperationalSites", {"dataAreaId": "usmf", "SiteId": "9", "SiteName": "Hall 9"})
    world.finops.forget()

    report = world.run("quotes", retry_rejected=True)

    assert report["rejected"] == {}
    assert [write["method"] for write in world.finops.writes()] == ["POST"]
    assert quotation_lines(world, numbers[1])[2]["ShippingSiteId"] == "9"


def test_at_the_end_every_quotation_still_adds_up_and_no_number_is_there_twice(world, activated):
    rows = world.finops.rows(HEADERS)

    assert len({row["SalesQuotationNumber"].lower() for row in rows}) == len(rows)
    totals = in_step(world)
    assert len(totals) > 25
    assert {number: (ours, theirs) for number, (ours, theirs) in totals.items() if ours != theirs} == {}


@pytest.mark.slow
def test_by_var_quote_close_the_created_quotation_of_a_lost_quote_is_deleted_with_its_lines(
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
    assert writes_of(done, numbers[3]) == [("DELETE", HEADERS, [])]  # F&O takes the lines along
    assert len(done) == 1
    assert "quotation_left_open" not in report["warned"]
    world.finops.forget()
    world.run("quotes")
    assert world.finops.writes() == []
