"""Dataverse sheet, section 9: states, editability, actions and prices of quotes, orders, invoices and products."""

import uuid

import pytest

from support.selling import Shop, error, number

ALL = {"AllColumns": True}


def new_id():
    return str(uuid.uuid4())


@pytest.fixture(scope="module")
def shop(sales, catalog, new_product):
    return Shop(sales, catalog, new_product)


@pytest.fixture
def active(shop):
    """An active quote over 2 x 10 and a fitting of 5."""
    quote = shop.quote()
    shop.line(quote, shop.product(amount=10), quantity=2)
    shop.write_in(quote, 5)
    assert shop.activate(quote).status_code == 204
    return quote


@pytest.fixture
def order(shop, sales):
    return sales.create("salesorders", shop.header())


@pytest.fixture
def invoice(shop, sales):
    return sales.create("invoices", shop.header())


def path_of(row):
    for name in ("quote", "salesorder", "invoice"):
        if "@odata.context" in row and f"#{name}s" in row["@odata.context"]:
            return f"{name}s({row[f'{name}id']})"
    raise AssertionError(row)


def state(sales, row):
    now = sales.get(path_of(row)).json()
    return now["statecode"], now["statuscode"]


def order_line(sales, order, price=7, **more):
    body = {
        "salesorderid@odata.bind": f"/salesorders({order['salesorderid']})", "isproductoverridden": True,
        "productdescription": "Work", "priceperunit": price, "quantity": 1, **more,
    }  # fmt: skip
    return sales.post("salesorderdetails", body, Prefer="return=representation")


def end_order(sales, action, order, status, **more):
    close = {"subject": "end", "salesorderid@odata.bind": f"/salesorders({order['salesorderid']})", **more}
    return sales.post(action, {"Status": status, "OrderClose": close})


def convert(sales, quote, **more):
    return sales.post("ConvertQuoteToSalesOrder", {"QuoteId": quote["quoteid"], "ColumnSet": ALL, **more})


# states and editability


def test_s09_new_documents_have_their_first_state(sales, shop, order, invoice):
    quote = shop.quote()
    assert (quote["statecode"], quote["statuscode"]) == (0, 1)
    assert (order["statecode"], order["statuscode"], order["ispricelocked"]) == (0, 1, False)
    assert (invoice["statecode"], invoice["statuscode"]) == (0, 1)


@pytest.mark.parametrize("status", [2, 3])
def test_s09_a_draft_is_activated_by_patch(sales, shop, status):
    quote = shop.quote()
    assert sales.patch(path_of(quote), {"statecode": 1, "statuscode": status}).status_code == 204
    assert state(sales, quote) == (1, status)


@pytest.mark.parametrize("pair", [(1, 1), (0, 2), (1, 4), (0, 99), (9, 1)])
def test_s09_state_and_status_must_belong_together(sales, shop, pair):
    refused = sales.patch(path_of(shop.quote()), {"statecode": pair[0], "statuscode": pair[1]})
    assert error(refused)[0] == 400
    assert error(refused)[1] in ("0x80048408", "0x8004431a")


def test_s09_only_drafts_can_be_edited(sales, active):
    assert error(sales.patch(path_of(active), {"name": "B"})) == (400, "0x80040233")
    line = sales.rows(f"quotedetails?$filter=_quoteid_value eq {active['quoteid']}")[0]["quotedetailid"]
    assert error(sales.patch(f"quotedetails({line})", {"quantity": 9})) == (400, "0x80040233")
    assert error(sales.delete(f"quotedetails({line})")) == (400, "0x80040233")


def test_s09_a_line_is_not_added_to_a_document_that_is_not_open(sales, shop, active, order):
    refused = sales.post(
        "quotedetails",
        shop.line_body(active, isproductoverridden=True, productdescription="W", priceperunit=1),
    )
    assert error(refused) == (400, "0x80040233")
    assert end_order(sales, "FulfillSalesOrder", order, 100001).status_code == 204
    assert error(order_line(sales, order)) == (400, "0x80040233")


def test_s09_a_line_is_not_added_to_a_document_with_locked_prices(sales, order):
    assert sales.post("LockSalesOrderPricing", {"SalesOrderId": order["salesorderid"]}).status_code == 204
    assert error(order_line(sales, order)) == (400, "0x80043b1d")


def test_s09_orders_are_editable_while_active_and_read_only_afterwards(sales, order):
    assert sales.patch(path_of(order), {"name": "B"}).status_code == 204
    assert sales.patch(path_of(order), {"statecode": 1, "statuscode": 3}).status_code == 204
    assert error(sales.patch(path_of(order), {"name": "C"})) == (400, "0x80040233")
    assert sales.patch(path_of(order), {"submitstatus": 1}).status_code == 204
    assert sales.patch(path_of(order), {"statecode": 0, "statuscode": 2}).status_code == 204
    assert sales.patch(path_of(order), {"name": "C"}).status_code == 204


def test_s09_a_patch_neither_fulfills_nor_cancels_an_order(sales, order):
    for pair in ((3, 100001), (2, 4)):
        refused = sales.patch(path_of(order), {"statecode": pair[0], "statuscode": pair[1]})
        assert error(refused) == (400, "0x80040233")
    assert sales.patch(path_of(order), {"statecode": 4, "statuscode": 100003}).status_code == 204


@pytest.mark.parametrize("pair", [(2, 100001), (2, 100002), (3, 100003)])
def test_s09_an_invoice_is_paid_or_canceled_by_patch_and_read_only_then(sales, invoice, pair):
    assert sales.patch(path_of(invoice), {"statecode": pair[0], "statuscode": pair[1]}).status_code == 204
    assert state(sales, invoice) == pair
    assert error(sales.patch(path_of(invoice), {"name": "B"})) == (400, "0x80040233")


@pytest.mark.parametrize("set_name", ["quotes", "salesorders", "invoices"])
def test_s09_documents_are_created_in_their_first_state(sales, shop, set_name):
    later = {"quotes": (1, 2), "salesorders": (1, 3), "invoices": (2, 100001)}[set_name]
    refused = sales.post(set_name, shop.header(statecode=later[0], statuscode=later[1]))
    assert error(refused) == (400, "0x80048408")


def test_s09_lines_inherit_currency_owner_and_state(sales, shop, catalog):
    quote = shop.quote()
    line = shop.write_in(quote, 5)["quotedetailid"]
    shop.activate(quote)
    found = sales.get(f"quotedetails({line})").json()
    assert (found["quotestatecode"], found["_transactioncurrencyid_value"]) == (1, catalog.currency)
    assert found["_ownerid_value"] == quote["_ownerid_value"]


# ends


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [("WinQuote", 4, (2, 4)), ("WinQuote", -1, (2, 4)), ("CloseQuote", 5, (3, 5)), ("CloseQuote", 6, (3, 6)),
     ("CloseQuote", 7, (3, 7)), ("CloseQuote", -1, (3, 5))],
)  # fmt: skip
def test_s09_an_active_quote_is_won_or_closed(sales, shop, active, action, status, expected):
    answer = shop.close(active, status, action)
    assert (answer.status_code, answer.content) == (204, b"")
    assert state(sales, active) == expected


@pytest.mark.parametrize(("action", "status"), [("WinQuote", 5), ("CloseQuote", 4), ("CloseQuote", "5")])
def test_s09_a_status_of_another_state_is_refused(shop, active, action, status):
    assert error(shop.close(active, status, action)) == (400, "0x80048408")


@pytest.mark.parametrize(("action", "status"), [("WinQuote", 4), ("CloseQuote", 5)])
def test_s09_a_quote_must_be_active_to_end(shop, action, status):
    assert error(shop.close(shop.quote(), status, action)) == (400, "0x80040233")


def test_s09_ending_a_quote_leaves_a_quoteclose_activity(sales, active):
    close = {
        "subject": "lost it",
        "description": "too dear",
        "quoteid@odata.bind": f"/quotes({active['quoteid']})",
    }
    assert sales.post("CloseQuote", {"Status": 5, "QuoteClose": close}).status_code == 204
    (activity,) = sales.rows(f"quotecloses?$filter=_quoteid_value eq {active['quoteid']}")
    assert (activity["subject"], activity["description"]) == ("lost it", "too dear")
    assert (activity["quotenumber"], activity["statecode"], activity["statuscode"]) == (
        active["quotenumber"],
        1,
        2,
    )


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [("FulfillSalesOrder", 100001, (3, 100001)), ("FulfillSalesOrder", 100002, (3, 100002)),
     ("CancelSalesOrder", 4, (2, 4))],
)  # fmt: skip
def test_s09_an_order_is_fulfilled_or_canceled_and_leaves_an_orderclose(
    sales, order, action, status, expected
):
    assert end_order(sales, action, order, status).status_code == 204
    assert state(sales, order) == expected
    (activity,) = sales.rows(f"ordercloses?$filter=_salesorderid_value eq {order['salesorderid']}")
    assert (activity["subject"], activity["ordernumber"]) == ("end", order["ordernumber"])
    assert error(end_order(sales, action, order, status)) == (400, "0x80040233")


def test_s09_a_fulfilled_order_tells_when(sales, order):
    end_order(sales, "FulfillSalesOrder", order, 100001, actualend="2026-03-04T05:06:07Z")
    assert sales.get(path_of(order)).json()["datefulfilled"] == "2026-03-04T05:06:07Z"


def test_s09_parameter_names_are_case_sensitive_and_needed(sales, active):
    close = {"subject": "x", "quoteid@odata.bind": f"/quotes({active['quoteid']})"}
    for name, body in (
        ("WinQuote", {"status": 4, "QuoteClose": close}),
        ("WinQuote", {"Status": 4}),
        ("WinQuote", {"Status": 4, "QuoteClose": {}}),
        ("ReviseQuote", {"QuoteId": active["quoteid"]}),
        ("ReviseQuote", {"quoteid": active["quoteid"], "ColumnSet": ALL}),
        ("ConvertQuoteToSalesOrder", {"QuoteId": active["quoteid"]}),
        ("LockSalesOrderPricing", {}),
    ):
        assert error(sales.post(name, body)) == (400, "0x80048d19")


def test_s09_actions_are_posted(sales):
    assert sales.patch("WinQuote", {}).status_code == 405


def test_s09_what_an_action_names_must_exist(sales):
    close = {"subject": "x", "quoteid@odata.bind": f"/quotes({new_id()})"}
    assert error(sales.post("WinQuote", {"Status": 4, "QuoteClose": close})) == (404, "0x80040217")
    gone = {"QuoteId": new_id(), "ColumnSet": ALL}
    assert error(sales.post("ReviseQuote", gone)) == (404, "0x80040217")
    assert error(sales.post("ConvertQuoteToSalesOrder", gone)) == (404, "0x80040217")
    assert error(sales.post("LockInvoicePricing", {"InvoiceId": new_id()})) == (404, "0x80040217")
    assert error(sales.post("LockInvoicePricing", {"InvoiceId": "x"})) == (400, "0x80048d19")


# revisions and conversions


def test_s09_a_revision_is_a_draft_with_the_same_number_and_new_ids(sales, shop, active):
    shop.close(active, 7)
    answer = shop.revise(active)
    assert answer.status_code == 200
    revised = answer.json()
    assert (revised["quotenumber"], revised["revisionnumber"], revised["statecode"]) == (
        active["quotenumber"],
        1,
        0,
    )
    assert revised["quoteid"] != active["quoteid"]
    lines = [
        {
            row["quotedetailid"]
            for row in sales.rows(f"quotedetails?$filter=_quoteid_value eq {quote['quoteid']}")
        }
        for quote in (active, revised)
    ]
    assert (len(lines[1]), lines[0] & lines[1]) == (2, set())
    assert revised["totalamount"] == 25


@pytest.mark.parametrize("status", [5, 6])
def test_s09_only_what_was_closed_with_status_7_is_revised(shop, active, status):
    shop.close(active, status)
    assert error(shop.revise(active)) == (400, "0x80040233")


def test_s09_revising_is_refused_while_a_draft_or_active_one_of_the_number_exists(sales, shop, active):
    assert error(shop.revise(active)) == (400, "0x80048d00")
    shop.close(active, 7)
    revised = shop.revise(active).json()
    assert error(shop.revise(active)) == (400, "0x80048d00")
    shop.activate(revised)
    assert error(shop.revise(active)) == (400, "0x80048d00")


@pytest.mark.parametrize(
    ("column_set", "columns"),
    [({"Columns": ["name", "quotenumber"]}, {"name", "quotenumber", "quoteid"}),
     ({"AllColumns": False, "Columns": ["customerid"]}, {"_customerid_value", "quoteid"})],
)  # fmt: skip
def test_s09_the_column_set_says_which_columns_are_answered(sales, shop, active, column_set, columns):
    shop.close(active, 7)
    body = {"QuoteId": active["quoteid"], "ColumnSet": column_set}
    assert set(sales.post("ReviseQuote", body).json()) - {"@odata.context", "@odata.etag"} == columns


def test_s09_a_column_set_of_another_shape_is_refused(sales, shop, active):
    shop.close(active, 7)
    for column_set in ({"Columns": ["nosuch"]}, {"All": True}, [], None):
        body = {"QuoteId": active["quoteid"], "ColumnSet": column_set}
        assert error(sales.post("ReviseQuote", body)) == (400, "0x80048d19")


def test_s09_a_quote_becomes_an_order_and_is_won(sales, active):
    answer = convert(
        sales, active, QuoteCloseStatus=4, QuoteCloseSubject="won it", QuoteCloseDate="2026-02-03"
    )
    assert answer.status_code == 200
    order = answer.json()
    assert answer.json()["@odata.context"].endswith("#salesorders/$entity")
    assert (order["_quoteid_value"], order["statecode"], order["totalamount"]) == (active["quoteid"], 0, 25)
    assert (order["name"], order["_customerid_value"]) == (active["name"], active["_customerid_value"])
    assert order["ordernumber"].startswith("ORD-")
    assert state(sales, active) == (2, 4)
    assert sales.get(path_of(active)).json()["closedon"] == "2026-02-03"
    (activity,) = sales.rows(f"quotecloses?$filter=_quoteid_value eq {active['quoteid']}")
    assert activity["subject"] == "won it"


def test_s09_lines_go_over_into_the_order_with_their_amounts(sales, active):
    order = convert(sales, active).json()
    of_order = sales.rows(f"salesorderdetails?$filter=_salesorderid_value eq {order['salesorderid']}")
    of_quote = sales.rows(f"quotedetails?$filter=_quoteid_value eq {active['quoteid']}")
    columns = (
        "_productid_value",
        "_uomid_value",
        "quantity",
        "priceperunit",
        "extendedamount",
        "productname",
    )
    rows = [sorted([[str(row[c]) for c in columns] for row in lines]) for lines in (of_order, of_quote)]
    assert rows[0] == rows[1]
    assert {row["_quotedetailid_value"] for row in of_order} == {row["quotedetailid"] for row in of_quote}
    assert {row["salesorderstatecode"] for row in of_order} == {0}


def test_s09_a_won_quote_becomes_an_order_and_a_draft_does_not(sales, shop, active):
    assert error(convert(sales, shop.quote())) == (400, "0x80040233")
    shop.close(active, 4, "WinQuote")
    assert convert(sales, active).status_code == 200


def test_s09_a_conversion_that_is_refused_keeps_nothing(sales, active):
    assert error(convert(sales, active, QuoteCloseStatus=5)) == (400, "0x80048408")
    assert error(convert(sales, active, QuoteCloseDate="soon")) == (400, "0x80048d19")
    assert state(sales, active) == (1, 2)
    assert sales.rows(f"salesorders?$filter=_quoteid_value eq {active['quoteid']}") == []


def test_s09_an_order_becomes_an_invoice_with_its_lines(sales, active):
    order = convert(sales, active).json()
    answer = sales.post(
        "ConvertSalesOrderToInvoice", {"SalesOrderId": order["salesorderid"], "ColumnSet": ALL}
    )
    assert answer.status_code == 200
    invoice = answer.json()
    assert (invoice["_salesorderid_value"], invoice["totalamount"]) == (order["salesorderid"], 25)
    lines = sales.rows(f"invoicedetails?$filter=_invoiceid_value eq {invoice['invoiceid']}")
    assert sorted(line["extendedamount"] for line in lines) == [5, 20]


def test_s09_a_canceled_order_is_not_invoiced(sales, order):
    end_order(sales, "CancelSalesOrder", order, 4)
    body = {"SalesOrderId": order["salesorderid"], "ColumnSet": ALL}
    assert error(sales.post("ConvertSalesOrderToInvoice", body)) == (400, "0x80040233")


# prices


@pytest.mark.parametrize(
    ("kind", "parameter", "lines"),
    [("salesorder", "SalesOrderId", "salesorderdetails"), ("invoice", "InvoiceId", "invoicedetails")],
)
def test_s09_lines_keep_their_amounts_while_prices_are_locked(sales, shop, kind, parameter, lines):
    action = {"salesorder": "SalesOrderPricing", "invoice": "InvoicePricing"}[kind]
    product = shop.product(amount=10)
    header = sales.create(f"{kind}s", shop.header())
    row = header[f"{kind}id"]
    body = {
        f"{kind}id@odata.bind": f"/{kind}s({row})", "productid@odata.bind": f"/products({product})",
        "uomid@odata.bind": f"/uoms({shop.catalog.unit})", "quantity": 2,
    }  # fmt: skip
    line = sales.create(lines, body)
    assert sales.post(f"Lock{action}", {parameter: row}).status_code == 204
    assert sales.get(f"{kind}s({row})").json()["ispricelocked"] is True
    price = sales.rows(f"productpricelevels?$filter=_productid_value eq {product}")[0]["productpricelevelid"]
    sales.patch(f"productpricelevels({price})", {"amount": 99})
    path = f"{lines}({line[f'{kind}detailid']})"
    sales.patch(path, {"description": "touched"})
    assert sales.get(path).json()["extendedamount"] == 20
    assert sales.post(f"Unlock{action}", {parameter: row}).status_code == 204
    sales.patch(path, {"description": "touched again"})
    assert sales.get(path).json()["extendedamount"] == 198
    assert sales.get(f"{kind}s({row})").json()["totalamount"] == 198


@pytest.mark.parametrize("method", [0, 1])
def test_s09_the_discount_counts_once_per_line_or_per_unit(shop, method):
    shop.organization(discountcalculationmethod=method)
    try:
        quote = shop.quote()
        line = shop.line(quote, shop.product(amount=10), quantity=4, manualdiscountamount=1.5, tax=2)
        discount = 1.5 if method == 0 else 6
        assert (line["baseamount"], line["extendedamount"]) == (40, 40 - discount + 2)
        now = shop.now(quote)
        assert (now["totallineitemamount"], now["totaltax"], now["totalamount"]) == (
            40 - discount,
            2,
            42 - discount,
        )
    finally:
        shop.organization(discountcalculationmethod=0)


def test_s09_header_totals_add_lines_discounts_freight_and_tax(shop):
    quote = shop.quote(discountpercentage=10, discountamount=1, freightamount=3)
    shop.write_in(quote, 20, tax=2)
    shop.write_in(quote, 10, manualdiscountamount=4)
    now = shop.now(quote)
    assert now["totallineitemamount"] == 26
    assert now["totaldiscountamount"] == 4 + 1 + 2.6
    assert now["totalamountlessfreight"] == 26 - 3.6
    assert now["totaltax"] == 2
    assert now["totalamount"] == 26 - 3.6 + 3 + 2


def test_s09_totals_of_the_caller_are_accepted_and_overwritten(sales, shop):
    quote = shop.quote(totalamount=999)
    shop.write_in(quote, 5)
    assert sales.patch(path_of(quote), {"totalamount": 1}).status_code == 204
    assert shop.now(quote)["totalamount"] == 5


@pytest.mark.parametrize(
    ("column", "value"),
    [("quotestatecode", 0), ("volumediscountamount", 1), ("exchangerate", 1), ("tax_base", 1)],
)
def test_s09_columns_of_the_server_are_read_only(sales, shop, column, value):
    body = shop.line_body(shop.quote(), isproductoverridden=True, productdescription="W", priceperunit=5)
    assert error(sales.post("quotedetails", {**body, column: value})) == (400, "0x80040203")


@pytest.mark.parametrize(
    ("more", "code"),
    [({"pricelevelid@odata.bind": None}, 2), ({}, 11)],
)
def test_s09_a_price_that_cannot_be_found_is_told_by_its_code(shop, more, code):
    header = {k: v for k, v in shop.header().items() if k not in more}
    quote = shop.sales.create("quotes", header)
    line = shop.line(quote, shop.product())
    assert (line["priceperunit"], line["pricingerrorcode"]) == (0, code)
    assert shop.now(quote)["pricingerrorcode"] == 1


def test_s09_base_amounts_are_amounts_by_the_exchange_rate_of_the_row(sales, shop):
    body = {"isocurrencycode": "SEK", "currencyname": "Krona", "currencysymbol": "kr", "exchangerate": 4}
    currency = sales.create("transactioncurrencies", body)["transactioncurrencyid"]
    bind = {"pricelevelid@odata.bind": f"/pricelevels({shop.price_list(currency)})"}
    quote = shop.quote(**bind)
    shop.write_in(quote, 10)
    now = shop.now(quote)
    assert (now["exchangerate"], now["totalamount"], now["totalamount_base"]) == (4, 10, 2.5)


@pytest.mark.parametrize("kind", ["quote", "salesorder", "invoice"])
def test_s09_calculate_price_prices_a_document_anew(sales, shop, kind):
    product = shop.product(amount=10)
    row = sales.create(f"{kind}s", shop.header())[f"{kind}id"]
    sales.create(
        f"{kind}details",
        {f"{kind}id@odata.bind": f"/{kind}s({row})", "productid@odata.bind": f"/products({product})",
         "uomid@odata.bind": f"/uoms({shop.catalog.unit})", "quantity": 1},
    )  # fmt: skip
    price = sales.rows(f"productpricelevels?$filter=_productid_value eq {product}")[0]["productpricelevelid"]
    sales.patch(f"productpricelevels({price})", {"amount": 12})
    assert sales.get(f"{kind}s({row})").json()["totalamount"] == 10
    target = {"@odata.type": f"Microsoft.Dynamics.CRM.{kind}", f"{kind}id": row}
    assert sales.post("CalculatePrice", {"Target": target}).status_code == 204
    assert sales.get(f"{kind}s({row})").json()["totalamount"] == 12


# products


def test_s09_a_product_goes_through_its_states(sales, new_product):
    path = f"products({new_product(number())['productid']})"
    for pair in ((0, 1), (3, 3), (0, 1), (1, 2)):
        assert sales.patch(path, {"statecode": pair[0], "statuscode": pair[1]}).status_code == 204
        now = sales.get(path).json()
        assert (now["statecode"], now["statuscode"]) == pair


def test_s09_a_draft_product_is_not_retired_and_pairs_must_fit(sales, new_product):
    path = f"products({new_product(number())['productid']})"
    assert error(sales.patch(path, {"statecode": 1, "statuscode": 2})) == (400, "0x80040233")
    assert error(sales.patch(path, {"statecode": 0, "statuscode": 2})) == (400, "0x80048408")


def test_s09_only_an_active_product_is_sold(sales, shop, new_product):
    draft = new_product(number())["productid"]
    assert error(sales.post("quotedetails", shop.line_body(shop.quote(), draft))) == (400, "0x80040233")


@pytest.mark.parametrize("set_name", ["quotes", "accounts"])
def test_s09_application_required_columns_are_not_enforced(sales, set_name):
    assert sales.post(set_name, {"description": "neither name nor customer"}).status_code == 204


def test_s09_system_required_columns_are_enforced(sales):
    assert error(sales.post("pricelevels", {"description": "no name"})) == (400, "0x80040203")


@pytest.mark.parametrize("set_name", ["quotes", "salesorders"])
def test_s06_a_document_that_is_closed_to_edits_may_still_change_its_owner(sales, shop, set_name):
    row = sales.create(set_name, shop.header())
    sales.patch(path_of(row), {"statecode": 1, "statuscode": {"quotes": 2, "salesorders": 3}[set_name]})
    team = sales.rows("teams")[0]["teamid"]
    assert sales.patch(path_of(row), {"ownerid@odata.bind": f"/teams({team})"}).status_code == 204
    assert sales.get(path_of(row)).json()["_owningteam_value"] == team
