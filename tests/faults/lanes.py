"""Lanes: independent sets of source records, each with a schedule of edits of its own, made as users make them."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import requests

from tests.world import World

Record = dict[str, Any]
ADDRESS = {"address1_line1": "1 Elm St", "address1_city": "Seattle", "address1_stateorprovince": "WA",
           "address1_postalcode": "98101", "address1_country": "United States"}  # fmt: skip
SHIP_TO = {"shipto_line1": "1 Elm St", "shipto_city": "Seattle", "shipto_postalcode": "98101",
           "shipto_country": "United States", "requestdeliveryby": "2027-03-01T00:00:00Z"}  # fmt: skip
KINDS = ("account", "contact", "product", "quote")


class Reference:
    """The records of Sales that every lane refers to."""

    def __init__(self, world: World) -> None:
        (currency,) = world.sales.rows("transactioncurrencies", filter="isocurrencycode eq 'USD'")
        self.currency = currency["transactioncurrencyid"]
        (unit,) = world.sales.rows("uoms", filter="name eq 'Each'")
        self.unit = unit["uomid"]
        lists = world.sales.rows("pricelevels", filter=f"_transactioncurrencyid_value eq {self.currency}")
        self.price_list = min(lists, key=lambda row: row["name"].lower())["pricelevelid"]


class Lane:
    """Two accounts, two contacts, two products and a quote, which only this lane changes; its seed decides how."""

    def __init__(self, seed: int, number: int, world: World, reference: Reference) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.name = f"L{number:03}"
        self.number = number
        self.world = world
        self.reference = reference
        self.history: list[str] = []
        # {record: its fields as users see them now}; a deleted one is None
        self.accounts: dict[int, Record | None] = {}
        self.contacts: dict[int, Record | None] = {}
        self.products: dict[int, Record | None] = {}
        self.before: dict[tuple[str, int], Record] = {}
        self.quote_numbers: set[str] = set()

    # What the lane does -----------------------------------------------------------------------------------------------

    def is_named_in(self, text: str) -> bool:
        """Whether a text has a number or an id of this lane."""
        return f"{self.name}-" in text or f"{self.name.lower()}-" in text or f"-8000-{self.number:08}" in text

    def begin(self) -> None:
        """Release a product, which a first run brings to Sales, so that quotes can name it."""
        self.product_new(0)

    def move(self, step: int) -> None:
        """Make the edits of this lane before a step."""
        for kind in self.random.choices(KINDS, (4, 3, 2, 4), k=self.random.choice((0, 1, 1, 2))):
            n = self.random.randrange(2)
            what = getattr(self, f"_{kind}")(n)
            self.history.append(f"before step {step}: {kind} {n} {what}")

    def _choose(self, *moves: tuple[int, str]) -> str:
        return self.random.choices([name for _, name in moves], [weight for weight, _ in moves])[0]

    def _account(self, n: int) -> str:
        moves = ((4, "rename"), (3, "clear"), (4, "back"), (3, "toggle"), (1, "delete"), (1, "number"))
        return self._life("account", self.accounts, n, moves)

    def _contact(self, n: int) -> str:
        moves = ((4, "rename"), (3, "clear"), (4, "back"), (3, "toggle"), (1, "delete"), (2, "move"))
        return self._life("contact", self.contacts, n, moves)

    def _product(self, n: int) -> str:
        moves = ((4, "rename"), (2, "clear"), (4, "back"), (2, "toggle"), (1, "delete"), (3, "price"))
        return self._life("product", self.products, n, moves)

    def _life(
        self, kind: str, here: dict[int, Record | None], n: int, moves: tuple[tuple[int, str], ...]
    ) -> str:
        if here.get(n) is None:
            what = "new" if n not in here else self._choose((1, "restore"), (1, "stay"))
        else:
            what = self._choose(*moves)
        return f"{what} {getattr(self, f'{kind}_{what}')(n)}"

    # Requests ---------------------------------------------------------------------------------------------------------

    def _sales(self, method: str, path: str, body: Record | None = None) -> requests.Response:
        """A user's request; Sales may refuse it, for instance to delete an account that has quotes."""
        system = self.world.sales
        return system.session.request(method, f"{system.api}{path}", json=body, timeout=60)

    def _change(
        self, kind: str, here: dict[int, Record | None], n: int, path: str, **fields: object
    ) -> object:
        """Change fields of a record, and remember what they were."""
        record = here[n]
        assert record is not None
        self.before[kind, n] = {name: record.get(name) for name in fields}
        if kind == "product":
            self.world.finops.send("PATCH", path, dict(fields))
        else:
            answer = self._sales("PATCH", path, dict(fields))
            assert answer.status_code < 300, answer.text
        record.update(fields)
        return fields

    def _text(self) -> str:
        return f"{self.name} {self.random.randrange(1000)}"

    def guid(self, kind: str, n: int) -> str:
        """The id of an account or a contact."""
        return f"{KINDS.index(kind) + 1:08}-0000-4000-8000-{self.number:08}{n:04}"

    # Accounts ---------------------------------------------------------------------------------------------------------

    def account_new(self, n: int) -> None:
        self._post("account", self.accounts, n, {
            "accountid": self.guid("account", n), "name": self._text(), "accountnumber": f"{self.name}-A{n}",
            "telephone1": "1", **ADDRESS,
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({self.reference.currency})",
        })  # fmt: skip

    def _post(self, kind: str, here: dict[int, Record | None], n: int, body: Record) -> None:
        answer = self._sales("POST", f"{kind}s", body)
        assert answer.status_code < 300, answer.text
        here[n] = {**body, "statecode": 0, "statuscode": 1}

    def _path(self, kind: str, n: int) -> str:
        return f"{kind}s({self.guid(kind, n)})"

    def _change_account(self, n: int, **fields: object) -> object:
        return self._change("account", self.accounts, n, self._path("account", n), **fields)

    account_restore = account_new

    def account_ids(self) -> dict[str, int]:
        return {self.guid("account", n): n for n in self.accounts}

    def numbers(self, n: int) -> tuple[str, ...]:
        """The numbers that an account has in turn; the first two may be one for the target."""
        return f"{self.name}-A{n}", f"{self.name}-a{n}", f"{self.name}-X{n}"

    def account_stay(self, n: int) -> str:
        return "away"

    def account_rename(self, n: int) -> object:
        return self._change_account(n, name=self._text())

    def account_clear(self, n: int) -> object:
        name = self.random.choice(("telephone1", "fax", "address1_line1"))
        return self._change_account(n, **{name: self.random.choice((None, None, "2", "3"))})

    def account_back(self, n: int) -> object:
        return self._change_account(n, **self.before.get(("account", n), {}))

    def account_toggle(self, n: int) -> object:
        state = 1 - (self.accounts[n] or {})["statecode"]
        return self._change_account(n, statecode=state, statuscode=state + 1)

    def account_number(self, n: int) -> object:
        return self._change_account(n, accountnumber=self.random.choice(self.numbers(n)))

    def account_delete(self, n: int) -> str:
        if self._sales("DELETE", self._path("account", n)).status_code >= 300:
            return "refused"
        self.accounts[n] = None
        here = {row["contactid"] for row in self.world.sales.rows("contacts", select="contactid")}
        for contact in self.contacts:  # Sales deletes the contacts of an account with it
            if self.guid("contact", contact) not in here:
                self.contacts[contact] = None
        return "done"

    # Contacts ---------------------------------------------------------------------------------------------------------

    def contact_new(self, n: int) -> str | None:
        parents = [number for number, account in self.accounts.items() if account]
        if not parents:
            return "no account"
        self._post("contact", self.contacts, n, {
            "contactid": self.guid("contact", n), "firstname": f"{self.name}-{n}", "lastname": self._text(),
            "emailaddress1": f"{self.name}-{n}@example.com", "jobtitle": "Buyer",
            "parentcustomerid_account@odata.bind": f"/accounts({self.guid('account', self.random.choice(parents))})",
            "transactioncurrencyid@odata.bind": f"/transactioncurrencies({self.reference.currency})",
        })  # fmt: skip
        return None

    contact_restore = contact_new

    def contact_stay(self, n: int) -> str:
        return "away"

    def _change_contact(self, n: int, **fields: object) -> object:
        return self._change("contact", self.contacts, n, self._path("contact", n), **fields)

    def contact_rename(self, n: int) -> object:
        return self._change_contact(n, lastname=self._text())

    def contact_clear(self, n: int) -> object:
        values = {"jobtitle": (None, "Owner"), "emailaddress1": (None, f"{self.name}-{n}-b@example.com")}
        name = self.random.choice(sorted(values))
        return self._change_contact(n, **{name: self.random.choice(values[name])})

    def contact_back(self, n: int) -> object:
        return self._change_contact(n, **self.before.get(("contact", n), {}))

    def contact_toggle(self, n: int) -> object:
        state = 1 - (self.contacts[n] or {})["statecode"]
        return self._change_contact(n, statecode=state, statuscode=state + 1)

    def contact_move(self, n: int) -> object:
        parents = [number for number, account in self.accounts.items() if account]
        if not parents:
            return "no account"
        parent = self.guid("account", self.random.choice(parents))
        return self._change_contact(n, **{"parentcustomerid_account@odata.bind": f"/accounts({parent})"})

    def contact_delete(self, n: int) -> str:
        if self._sales("DELETE", self._path("contact", n)).status_code >= 300:
            return "refused"
        self.contacts[n] = None
        return "done"

    # Products ---------------------------------------------------------------------------------------------------------

    def product_number(self, n: int) -> str:
        return f"{self.name}-P{n}"

    def product_new(self, n: int) -> None:
        number, item = self.product_number(n), f"I-{self.product_number(n)}"
        send = self.world.finops.send
        base = {"dataAreaId": "usmf", "ProductNumber": number}
        shared = {
            "ProductName": self._text(),
            "ProductType": "Item",
            "CurrencyCode": "USD",
            "SalesUnitSymbol": "ea",
        }
        values = {
            **shared,
            "SalesPrice": 10.5,
            "UnitCost": 7,
            "InventoryUnitSymbol": "ea",
            "IsSalesStopped": "No",
        }
        send("POST", "SellableReleasedProducts", {**base, **values})
        if n not in self.products:
            send("POST", "CDSReleasedDistinctProducts", {**base, "ItemNumber": item, **shared})
            send(
                "POST",
                "ReleasedProductsV2",
                {"dataAreaId": "usmf", "ItemNumber": item, "SalesPriceQuantity": 1},
            )
        self.products[n] = values

    product_restore = product_new

    def product_stay(self, n: int) -> str:
        return "away"

    def _product_path(self, n: int) -> str:
        return f"SellableReleasedProducts(dataAreaId='usmf',ProductNumber='{self.product_number(n)}')"

    def _change_product(self, n: int, **fields: object) -> object:
        return self._change("product", self.products, n, self._product_path(n), **fields)

    def product_rename(self, n: int) -> object:
        return self._change_product(n, ProductName=self._text())

    def product_clear(self, n: int) -> object:
        return self._change_product(n, ProductDescription=self.random.choice(("", "Fine", "Finer")))

    def product_price(self, n: int) -> object:
        return self._change_product(n, SalesPrice=self.random.choice((9.99, 12, 13.25)))

    def product_back(self, n: int) -> object:
        fields = self.before.get(("product", n), {})
        return self._change_product(n, **{name: "" if v is None else v for name, v in fields.items()})

    def product_toggle(self, n: int) -> object:
        is_stopped = (self.products[n] or {})["IsSalesStopped"] == "Yes"
        return self._change_product(n, IsSalesStopped="No" if is_stopped else "Yes")

    def product_delete(self, n: int) -> str:
        self.world.finops.send("DELETE", self._product_path(n))
        self.products[n] = None
        return "done"

    # Quotes -----------------------------------------------------------------------------------------------------------

    def _quote(self, n: int) -> str:
        newest = self.newest()
        if newest is None:
            return f"new {self.quote_new()}"
        if newest["statecode"] == 0:
            what = self._choose((6, "edit"), (6, "activate"), (1, "delete"), (1, "renumber"))
        elif newest["statecode"] == 1:
            what = self._choose((10, "revise"), (1, "win"), (1, "lose"), (1, "cancel"))
        else:
            what = self._choose((1, "revise"), (2, "stay"))
        return f"{what} {getattr(self, f'quote_{what}')(newest)}"

    def newest(self) -> Record | None:
        """The newest revision of the lane's quote in Sales."""
        rows = self.world.sales.rows("quotes", filter=f"startswith(quotenumber,'{self.name}-')")
        return max(rows, key=lambda row: row["revisionnumber"]) if rows else None

    def lines(self, quote: Record) -> list[Record]:
        rows = self.world.sales.rows("quotedetails", filter=f"_quoteid_value eq {quote['quoteid']}")
        return sorted(rows, key=lambda row: row["lineitemnumber"] or 0)

    def _sold(self) -> list[str]:
        """Ids of this lane's active products in Sales."""
        wanted = f"startswith(productnumber,'{self.name}-') and statecode eq 0"
        return [row["productid"] for row in self.world.sales.rows("products", filter=wanted)]

    def quote_new(self) -> str:
        customers = [n for n, account in self.accounts.items() if account]
        if not customers or not self._sold():
            return "no customer or product"
        answer = self._sales("POST", "quotes", {
            "name": self._text(), "quotenumber": f"{self.name}-Q",
            "customerid_account@odata.bind": f"/accounts({self.guid('account', self.random.choice(customers))})",
            "pricelevelid@odata.bind": f"/pricelevels({self.reference.price_list})", "shipto_name": self.name, **SHIP_TO,
        })  # fmt: skip
        assert answer.status_code < 300, answer.text
        self.quote_numbers.add(f"{self.name}-Q")
        draft = self.newest()
        assert draft is not None
        for _ in range(self.random.randint(1, 3)):
            self._add_line(draft)
        return f"with {len(self.lines(draft))} lines, {self._activate(draft, 0.85)}"

    def _add_line(self, draft: Record) -> str:
        sold = self._sold()
        if not sold:
            return "no product"
        answer = self._sales("POST", "quotedetails", {
            "quoteid@odata.bind": f"/quotes({draft['quoteid']})",
            "productid@odata.bind": f"/products({self.random.choice(sold)})",
            "uomid@odata.bind": f"/uoms({self.reference.unit})",
            "ispriceoverridden": True, "priceperunit": self.random.choice((5, 7.5)), "quantity": self.random.randint(1, 9),
        })  # fmt: skip
        return "line added" if answer.status_code < 300 else f"line refused: {answer.text}"

    def _activate(self, draft: Record, share: float) -> str:
        if self.random.random() > share:
            return "left as a draft"
        answer = self._sales("PATCH", f"quotes({draft['quoteid']})", {"statecode": 1, "statuscode": 2})
        return "activated" if answer.status_code < 300 else f"not activated: {answer.text}"

    def quote_stay(self, newest: Record) -> str:
        return "closed"

    def quote_activate(self, draft: Record) -> str:
        return self._activate(draft, 1)

    def quote_delete(self, draft: Record) -> int:
        return self._sales("DELETE", f"quotes({draft['quoteid']})").status_code

    def quote_renumber(self, draft: Record) -> str:
        """Another number, before or after the first delivery."""
        number = f"{self.name}-{self.random.choice('QR')}"
        status = self._sales("PATCH", f"quotes({draft['quoteid']})", {"quotenumber": number}).status_code
        self.quote_numbers |= {number} if status < 300 else set()
        return f"{number} {status}"

    def quote_edit(self, draft: Record) -> str:
        lines = self.lines(draft)
        changes: dict[str, Callable[[], object]] = {
            "add": lambda: self._add_line(draft),
            "name": lambda: (
                self._sales("PATCH", f"quotes({draft['quoteid']})", {"name": self._text()}).status_code
            ),
            "mail": lambda: (
                self._sales(
                    "PATCH",
                    f"quotes({draft['quoteid']})",
                    {"emailaddress": self.random.choice((None, "q@example.com"))},
                ).status_code
            ),
        }
        if lines:
            line = f"quotedetails({self.random.choice(lines)['quotedetailid']})"
            changes["quantity"] = lambda: (
                self._sales("PATCH", line, {"quantity": self.random.randint(1, 9)}).status_code
            )
        if len(lines) > 1:
            changes["remove"] = lambda: self._sales("DELETE", line).status_code
        what = self.random.choice(sorted(changes))
        return f"{what} {changes[what]()}"

    def quote_revise(self, newest: Record) -> str:
        if newest["statecode"] == 1:
            self._end(newest, "CloseQuote", 7)
        answer = self._sales(
            "POST", "ReviseQuote", {"QuoteId": newest["quoteid"], "ColumnSet": {"AllColumns": True}}
        )
        if answer.status_code >= 300:
            return f"refused: {answer.text}"
        draft = self.newest()
        assert draft is not None
        edits = [self.quote_edit(draft) for _ in range(self.random.randint(1, 2))]
        return f"{', '.join(edits)}, {self._activate(draft, 0.9)}"

    def _end(self, quote: Record, action: str, status: int) -> int:
        close = {"subject": "end", "quoteid@odata.bind": f"/quotes({quote['quoteid']})"}
        return self._sales("POST", action, {"Status": status, "QuoteClose": close}).status_code

    def quote_win(self, quote: Record) -> int:
        return self._end(quote, "WinQuote", 4)

    def quote_lose(self, quote: Record) -> int:
        return self._end(quote, "CloseQuote", 5)

    def quote_cancel(self, quote: Record) -> int:
        return self._end(quote, "CloseQuote", 6)
