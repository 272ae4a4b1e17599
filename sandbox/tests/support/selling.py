"""What tests of documents need to sell something: customers, priced products, quotes and lines."""

import uuid


def error(answer):
    return answer.status_code, answer.json()["error"]["code"]


def number(prefix="P"):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


class Shop:
    """Makes rows through the wire, on the catalog of the tests."""

    def __init__(self, sales, catalog, new_product):
        self.sales, self.catalog, self.new_product = sales, catalog, new_product
        self.customer = sales.create("accounts", {"name": "Adatum"})["accountid"]

    def product(self, amount=None, **more):
        """The id of an active product; with an amount it stands in the price list."""
        row = self.new_product(number(), **more)
        self.sales.patch(f"products({row['productid']})", {"statecode": 0, "statuscode": 1})
        if amount is not None:
            self.price(row["productid"], amount)
        return row["productid"]

    def price(self, product, amount, price_list=None):
        body = {
            "amount": amount,
            "productid@odata.bind": f"/products({product})",
            "uomid@odata.bind": f"/uoms({self.catalog.unit})",
            "pricelevelid@odata.bind": f"/pricelevels({price_list or self.catalog.price_list})",
        }
        return self.sales.create("productpricelevels", body)

    def price_list(self, currency):
        bind = f"/transactioncurrencies({currency})"
        row = self.sales.create(
            "pricelevels", {"name": number("L"), "transactioncurrencyid@odata.bind": bind}
        )
        return row["pricelevelid"]

    def header(self, **more):
        return {
            "name": "Bicycles",
            "customerid_account@odata.bind": f"/accounts({self.customer})",
            "pricelevelid@odata.bind": f"/pricelevels({self.catalog.price_list})",
            **more,
        }

    def quote(self, **more):
        return self.sales.create("quotes", self.header(**more))

    def line_body(self, quote, product=None, **more):
        body = {"quoteid@odata.bind": f"/quotes({quote['quoteid']})", "quantity": 1}
        if product is not None:
            body["productid@odata.bind"] = f"/products({product})"
            body["uomid@odata.bind"] = f"/uoms({self.catalog.unit})"
        return {**body, **more}

    def line(self, quote, product=None, **more):
        return self.sales.create("quotedetails", self.line_body(quote, product, **more))

    def write_in(self, quote, price, **more):
        return self.line(
            quote, isproductoverridden=True, productdescription="Fitting", priceperunit=price, **more
        )

    def now(self, quote):
        """The quote as it stands."""
        return self.sales.get(f"quotes({quote['quoteid']})").json()

    def activate(self, quote):
        return self.sales.patch(f"quotes({quote['quoteid']})", {"statecode": 1, "statuscode": 2})

    def close(self, quote, status, action="CloseQuote"):
        close = {"subject": "end", "quoteid@odata.bind": f"/quotes({quote['quoteid']})"}
        return self.sales.post(action, {"Status": status, "QuoteClose": close})

    def revise(self, quote):
        return self.sales.post(
            "ReviseQuote", {"QuoteId": quote["quoteid"], "ColumnSet": {"AllColumns": True}}
        )

    def organization(self, **settings):
        row = self.sales.get("WhoAmI").json()["OrganizationId"]
        assert self.sales.patch(f"organizations({row})", settings).status_code == 204
