"""Dataverse sheet, section 9: the table of states, and what a state allows."""

import uuid

import pytest

from support.selling import Shop, error, number

TABLES = {
    "quote": {
        (0, "Draft"): {1: "In Progress"},
        (1, "Active"): {2: "In Progress", 3: "Open"},
        (2, "Won"): {4: "Won"},
        (3, "Closed"): {5: "Lost", 6: "Canceled", 7: "Revised"},
    },
    "salesorder": {
        (0, "Active"): {1: "New", 2: "Pending"},
        (1, "Submitted"): {3: "In Progress"},
        (2, "Canceled"): {4: "No Money"},
        (3, "Fulfilled"): {100001: "Complete", 100002: "Partial"},
        (4, "Invoiced"): {100003: ""},
    },
    "invoice": {
        (0, "Active"): {1: "New", 2: "Partially Shipped", 4: "Billed", 5: "Booked", 6: "Installed"},
        (1, "Closed (deprecated)"): {},
        (2, "Paid"): {100001: "Complete", 100002: "Partial"},
        (3, "Canceled"): {100003: ""},
    },
    "product": {
        (0, "Active"): {1: "Active"},
        (1, "Retired"): {2: "Retired"},
        (2, "Draft"): {0: "Draft"},
        (3, "Under Revision"): {3: "Under Revision"},
    },
    "pricelevel": {(0, "Active"): {100001: ""}, (1, "Inactive"): {100002: ""}},
    **{
        table: {(0, "Active"): {1: ""}, (1, "Inactive"): {2: ""}}
        for table in ("account", "contact", "transactioncurrency")
    },
}
OPPORTUNITY = ["GenerateQuoteFromOpportunity", "GetQuoteProductsFromOpportunity",
               "GenerateSalesOrderFromOpportunity", "GenerateInvoiceFromOpportunity"]  # fmt: skip


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


def options(sales, table, kind, column):
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes(LogicalName='{column}')"
    answer = sales.get(f"{path}/Microsoft.Dynamics.CRM.{kind}AttributeMetadata/OptionSet?$select=Options")
    return {option["Value"]: option for option in answer.json()["Options"]}


def label(option):
    return option["Label"]["UserLocalizedLabel"]["Label"]


@pytest.mark.parametrize("table", TABLES)
def test_s09_a_table_has_the_documented_states(sales, table):
    found = {(value, label(option)) for value, option in options(sales, table, "State", "statecode").items()}
    assert found == set(TABLES[table])


@pytest.mark.parametrize("table", TABLES)
def test_s09_each_state_has_the_documented_statuses_and_others_are_deprecated(sales, table):
    found = options(sales, table, "Status", "statuscode")
    for (state, _), statuses in TABLES[table].items():
        for status, name in statuses.items():
            option = found.pop(status)
            assert (option["State"], label(option)[: len(name)]) == (state, name)
    assert all("(deprecated)" in label(option) for option in found.values())


def test_s09_activation_needs_a_price_list_and_a_customer(shop, sales):
    for missing, code in (("pricelevelid", "0x80043b12"), ("customerid_account", "0x80040203")):
        quote = shop.quote(**{f"{missing}@odata.bind": None})
        assert error(shop.activate(quote)) == (400, code)
        assert shop.now(quote)["statecode"] == 0


@pytest.mark.parametrize("change", [{"statecode": 0, "statuscode": 1}, {"statecode": 0}])
def test_s09_an_active_quote_is_not_set_back_to_draft_but_revised(sales, shop, change):
    quote = shop.quote()
    shop.activate(quote)
    assert error(sales.patch(f"quotes({quote['quoteid']})", change)) == (400, "0x80040233")
    assert shop.now(quote)["statecode"] == 1
    assert shop.close(quote, 7).status_code == 204
    revised = shop.revise(quote).json()
    assert sales.patch(f"quotes({revised['quoteid']})", {"name": "Edited"}).status_code == 204


@pytest.mark.parametrize("set_name", ["contacts", "transactioncurrencies", "pricelevels"])
def test_s09_plain_tables_are_active_or_inactive(sales, set_name):
    body = {
        "contacts": {"lastname": "S"},
        "transactioncurrencies": {"isocurrencycode": "CHF", "currencyname": "Franc", "currencysymbol": "F",
                                  "exchangerate": 1, "currencyprecision": 2},
        "pricelevels": {"name": number("L")},
    }[set_name]  # fmt: skip
    row = sales.create(set_name, body)
    key = {"contacts": "contactid", "pricelevels": "pricelevelid"}.get(set_name, "transactioncurrencyid")
    path, active, inactive = f"{set_name}({row[key]})", row["statuscode"], row["statuscode"] + 1
    assert (row["statecode"], active) == (0, 100001 if set_name == "pricelevels" else 1)
    assert error(sales.patch(path, {"statecode": 1, "statuscode": active})) == (400, "0x80048408")
    assert error(sales.patch(path, {"statecode": 0, "statuscode": inactive})) == (400, "0x80048408")
    for pair in ((1, inactive), (0, active)):
        assert sales.patch(path, {"statecode": pair[0], "statuscode": pair[1]}).status_code == 204
        now = sales.get(path).json()
        assert (now["statecode"], now["statuscode"]) == pair


@pytest.mark.parametrize(("state", "status"), [(1, 3), (1, 7)])
def test_s09_deprecated_statuses_are_still_readable(sales, state, status):
    row = str(uuid.uuid4())
    planted = {"invoiceid": row, "invoicenumber": number("I"), "statecode": state, "statuscode": status}
    sales.admin("PUT", "rows/invoices", [planted])
    found = sales.rows(f"invoices?$select=statecode,statuscode&$filter=statuscode eq {status}")
    assert [(r["invoiceid"], r["statecode"], r["statuscode"]) for r in found] == [(row, state, status)]


def test_s09_on_hold_is_no_status_of_an_order_here(sales, shop):
    order = sales.create("salesorders", shop.header())["salesorderid"]
    assert sales.patch(f"salesorders({order})", {"statuscode": 690970000}).status_code == 400


@pytest.mark.parametrize(
    ("state", "status", "action"),
    [(1, 3, ""), (2, 4, "CancelSalesOrder"), (3, 100001, "FulfillSalesOrder"), (4, 100003, "")],
)
def test_s09_an_order_that_is_no_longer_active_is_read_only(sales, shop, state, status, action):
    order = sales.create("salesorders", shop.header())["salesorderid"]
    path = f"salesorders({order})"
    if action:
        close = {"subject": "end", "salesorderid@odata.bind": f"/{path}"}
        assert sales.post(action, {"Status": status, "OrderClose": close}).status_code == 204
    else:
        assert sales.patch(path, {"statecode": state, "statuscode": status}).status_code == 204
    assert sales.get(path).json()["statecode"] == state
    assert error(sales.patch(path, {"name": "B"})) == (400, "0x80040233")
    assert error(sales.patch(path, {"freightamount": 9})) == (400, "0x80040233")


@pytest.mark.parametrize(("kind", "copied"), [("salesorder", 1), ("invoice", 2)])
def test_s09_lines_of_orders_and_invoices_inherit_currency_owner_and_state(
    sales, shop, catalog, kind, copied
):
    header = sales.create(f"{kind}s", shop.header())
    team = sales.rows("teams")[0]["teamid"]
    path = f"{kind}s({header[f'{kind}id']})"
    body = {"isproductoverridden": True, "productdescription": "W", "priceperunit": 1, "quantity": 1}
    line = sales.create(f"{kind}details", {**body, f"{kind}id@odata.bind": f"/{path}"})[f"{kind}detailid"]
    assert sales.patch(path, {"ownerid@odata.bind": f"/teams({team})"}).status_code == 204
    status = {"salesorder": 3, "invoice": 100001}[kind]
    assert sales.patch(path, {"statecode": copied, "statuscode": status}).status_code == 204
    found = sales.get(f"{kind}details({line})").json()
    assert (found[f"{kind}statecode"], found["_ownerid_value"]) == (copied, team)
    assert found["_transactioncurrencyid_value"] == catalog.currency


@pytest.mark.parametrize(("closing", "code"), [("lock", "0x80043b1d"), ("pay", "0x80040233")])
def test_s09_a_line_is_not_added_to_a_locked_or_paid_invoice(sales, shop, closing, code):
    row = sales.create("invoices", shop.header())["invoiceid"]
    if closing == "lock":
        assert sales.post("LockInvoicePricing", {"InvoiceId": row}).status_code == 204
    else:
        sales.patch(f"invoices({row})", {"statecode": 2, "statuscode": 100001})
    body = {"isproductoverridden": True, "productdescription": "W", "priceperunit": 1, "quantity": 1,
            "invoiceid@odata.bind": f"/invoices({row})"}  # fmt: skip
    assert error(sales.post("invoicedetails", body)) == (400, code)


def test_s09_a_conversion_tells_its_activity_subject_and_description(sales, shop):
    quote = shop.quote()
    shop.activate(quote)
    body = {"QuoteId": quote["quoteid"], "ColumnSet": {"AllColumns": True}, "QuoteCloseSubject": "won it",
            "QuoteCloseDescription": "by a nose"}  # fmt: skip
    assert sales.post("ConvertQuoteToSalesOrder", body).status_code == 200
    (activity,) = sales.rows(f"quotecloses?$filter=_quoteid_value eq {quote['quoteid']}")
    assert (activity["subject"], activity["description"]) == ("won it", "by a nose")


@pytest.mark.parametrize("table", ["salesorder", "invoice"])
def test_s09_whether_prices_are_locked_is_required_and_false_by_default(sales, shop, table):
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes(LogicalName='ispricelocked')"
    assert sales.get(path).json()["RequiredLevel"]["Value"] == "ApplicationRequired"
    assert sales.create(f"{table}s", shop.header())["ispricelocked"] is False


@pytest.mark.parametrize("name", OPPORTUNITY)
def test_s09_actions_on_opportunities_are_known_and_not_simulated(sales, name):
    assert sales.post(name, {}).status_code == 501
