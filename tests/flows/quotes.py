"""Quotes in Sales and sales quotations in F&O, for the tests of several flows."""

from __future__ import annotations

import re
from decimal import Decimal

import psycopg2

from prospect_to_cash.flow_card import load_cards
from prospect_to_cash.report.details import details
from tests.dbt.warehouse import DBT_PROJECT, ROOT

CARDS = load_cards(ROOT / "dags" / "flows", DBT_PROJECT)
FLOWS = ("products", "accounts", "contacts", "quotes")
HEADERS, LINES = "CDSSalesQuotationHeaders", "CDSSalesQuotationLines"


def newest(world, number: str) -> dict:
    """The newest revision of a quote in Sales."""
    rows = world.sales.rows("quotes", filter=f"quotenumber eq '{number}'")
    return max(rows, key=lambda row: row["revisionnumber"])


def lines_of(world, quote: dict) -> list[dict]:
    """The lines of a quote in Sales, in their order."""
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
    """Add a line to a quote, with the product of the line ``like``."""
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
    """Create a draft with the customer and the first product of quote number ``like``."""
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
    """(method, set, fields) of the writes with the number of a quotation in their URL."""
    return [
        (write["method"], re.search(r"(\w+)\(", write["path"])[1], write["fields"])
        for write in writes
        if f"'{number}'" in write["path"]
    ]


def messages(world, report: dict) -> dict[tuple[str, str], str]:
    """{(outcome, rule): message} of a report, with one line per record."""
    connection = psycopg2.connect(world.database_url)
    try:
        found = details(connection, report["flow"], report["run_id"], most=50, cards=CARDS)
    finally:
        connection.close()
    return {(detail.outcome, detail.rule): "\n".join(detail.records) for detail in found}


def totals(world) -> dict[str, tuple[Decimal, Decimal]]:
    """{number: (total in Sales, total in F&O)} of every quotation with an active or won quote in Sales."""
    in_sales = {}
    for row in sorted(world.sales.rows("quotes"), key=lambda row: row["revisionnumber"]):
        if row["statecode"] in (1, 2):
            in_sales[row["quotenumber"]] = Decimal(str(row["totallineitemamount"]))
    return {
        row["SalesQuotationNumber"]: (
            in_sales[row["SalesQuotationNumber"]], Decimal(str(row["QuotationTotalAmount"]))
        )
        for row in world.finops.rows(HEADERS)
        if row["SalesQuotationNumber"] in in_sales and row["SalesQuotationStatus"] == "Created"
    }  # fmt: skip


def differing_totals(world) -> dict[str, tuple[Decimal, Decimal]]:
    """Those of `totals` that differ between the systems."""
    return {number: pair for number, pair in totals(world).items() if pair[0] != pair[1]}


def plain_quotes(world) -> list[str]:
    """Numbers of active generated quotes whose account is in the United States and has a number."""
    accounts = world.sales.rows(
        "accounts", filter="address1_country eq 'United States' and accountnumber ne null"
    )
    ordinary = {row["accountid"] for row in accounts if not row["accountnumber"].startswith("X-")}
    return sorted(
        row["quotenumber"]
        for row in world.sales.rows("quotes", filter="statecode eq 1 and revisionnumber eq 0")
        if re.fullmatch(r"QUO-\d{5}-\w{6}", row["quotenumber"]) and row["_customerid_value"] in ordinary
    )
