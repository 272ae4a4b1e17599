"""Changes that users make between two runs: in independent sets of records (lanes), and to reference data of all."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator

from prospect_to_cash.load.references import new_id
from tests.dbt.systems import Row, Systems
from tests.dbt.warehouse import CHF, EUR, SEK, USD, Warehouse, guid

ENV = "org-1"


class Lane:
    """Two accounts, contacts, products, and quotes with revisions and lines, which only this lane changes.

    Its seed decides what it changes, and between which runs.
    """

    def __init__(self, seed: int, number: int, steps: int, systems: Systems, exists: bool = False) -> None:
        self.random = random.Random(seed)
        self.name = f"lane {seed}"
        self.number = number
        self.systems = systems
        self.history: list[str] = []
        self.quotes = 0
        self.own = [10 * number + n for n in range(2)]
        systems.lane = number
        # steps whose run does not read this lane, or reads it late: a window may end before a change or start after it
        self.skipped = {step for step in range(steps) if self.random.random() < 0.15}
        self.late = {step for step in range(steps) if self.random.random() < 0.1}
        arrivals = [(self.random.randrange(max(steps // 2, 1)), n, kind) for n in (0, 1) for kind in KINDS]
        changes = [
            (self.random.randrange(steps), self.random.randrange(2), self.random.choice(list(KINDS)))
            for _ in range(self.random.randint(6, 16))
        ]
        self.plan = [(step, n, kind, False) for step, n, kind in changes]
        for step, n, kind in arrivals:
            if exists:
                self._do(0, n, kind, True)
            elif self.random.random() < 0.95:
                self.plan.append((step, n, kind, True))
        self.plan.sort(key=lambda move: move[0])
        self.is_mended = self.random.random() < 0.6
        self.steps = steps
        systems.lane = None

    def is_named_in(self, text: str) -> bool:
        """Whether a failure concerns one of this lane's records."""
        ids = [rf"[A-Za-z]-{n:04}" for n in self.own] + [rf"-[0-9]{{7}}{n:05}" for n in self.own]
        return any(re.search(rf"{number}(?![0-9])", text) for number in ids)

    def move(self, step: int) -> None:
        """Make the changes of this lane before the run of a step."""
        self.systems.lane = self.number
        for when, n, kind, is_arrival in self.plan:
            if when == step:
                self._do(step, n, kind, is_arrival)
        if self.is_mended and step == self.steps - 1:
            for n in (0, 1):
                for kind in KINDS:
                    self._note(step, f"{kind} {n} mended", getattr(self, f"{kind}_mend")(n))
        self.systems.lane = None

    def _do(self, step: int, n: int, kind: str, is_arrival: bool) -> None:
        what = "mend" if is_arrival else self.random.choice(KINDS[kind])
        self._note(step, f"{kind} {n} {what}", getattr(self, f"{kind}_{what}")(n))

    def _note(self, step: int, what: str, more: object) -> None:
        self.history.append(f"before run {step}: {what}{'' if more is None else f' {more}'}")

    # accounts

    def account_mend(self, n: int, **fields: object) -> None:
        """Make the account valid, or create it; a deleted account never comes back with its id."""
        if guid("account", self.own[n]) not in self.systems.absent["sales", "accounts"]:
            Warehouse.account(self.systems, self.own[n], **fields)

    def account_change(self, n: int, **fields: object) -> object:
        return self._change("accounts", guid("account", self.own[n]), self.account_mend, n, **fields)

    def _change(self, entity: str, key: str, mend: Callable[[int], None], n: int, **fields: object) -> object:
        if key not in self.systems.rows["sales", entity]:
            mend(n)
        if key not in self.systems.rows["sales", entity]:
            return "was deleted"
        self.systems.change("sales", entity, key, **fields)
        return fields

    def account_rename(self, n: int) -> object:
        return self.account_change(n, name=f"Renamed {self.random.randrange(10**6)}")

    def account_fields(self, n: int) -> object:
        phone = self.random.choice((None, "1", "2"))
        region = self.random.choice((None, "North", "South"))
        return self.account_change(
            n, telephone1=phone, fax=self.random.choice((None, "3")), new_region=region
        )

    def account_country(self, n: int) -> object:
        country, state = self.random.choice((("United States", "NV"), ("Germany", None), ("Utopia", None)))
        return self.account_change(n, address1_country=country, address1_stateorprovince=state)

    def account_number(self, n: int) -> object:
        other = f"a-{self.own[1 - n]:04}"
        own = f"A-{self.own[n]:04}"
        here = self.systems.rows["sales", "accounts"].get(guid("account", self.own[n]), {})
        if str(here.get("accountnumber")).startswith("ACC-"):
            return self.account_change(n, accountnumber=own)
        return self.account_change(
            n, accountnumber=self.random.choice((None, None, None, None, own, other, f"{own}-x", "9" * 21))
        )

    def account_long(self, n: int) -> object:
        return self.account_change(n, name="N" * self.random.choice((100, 101)))

    def account_currency(self, n: int) -> object:
        return self.account_change(n, _transactioncurrencyid_value=self.random.choice((USD, EUR, SEK, None)))

    def account_inactivate(self, n: int) -> object:
        return self.account_change(n, statecode=self.random.choice((0, 1)))

    def account_primary(self, n: int) -> object:
        contact = self.random.choice((None, *(guid("contact", own) for own in self.own)))
        return self.account_change(n, _primarycontactid_value=contact)

    def account_delete(self, n: int) -> None:
        if self.random.random() < 0.5:
            self.systems.vanish("sales", "accounts", guid("account", self.own[n]))

    # contacts

    def contact_mend(self, n: int, **fields: object) -> None:
        if guid("contact", self.own[n]) not in self.systems.absent["sales", "contacts"]:
            Warehouse.contact(self.systems, self.own[n], guid("account", self.own[n]), **fields)

    def contact_change(self, n: int, **fields: object) -> object:
        return self._change("contacts", guid("contact", self.own[n]), self.contact_mend, n, **fields)

    def contact_rename(self, n: int) -> object:
        return self.contact_change(n, lastname=f"Renamed {self.random.randrange(10**6)}"[:25])

    def contact_parent(self, n: int) -> object:
        parent = self.random.choice((None, *(guid("account", own) for own in self.own)))
        return self.contact_change(n, _parentcustomerid_value=parent)

    def contact_role(self, n: int) -> object:
        return self.contact_change(n, accountrolecode=self.random.choice((None, 1, 2, 3, 4)))

    def contact_inactivate(self, n: int) -> object:
        return self.contact_change(n, statecode=self.random.choice((0, 1)))

    def contact_fields(self, n: int) -> object:
        mail = self.random.choice((None, "a@b.example"))
        return self.contact_change(n, emailaddress1=mail, gendercode=self.random.choice((None, 1, 77)))

    def contact_long(self, n: int) -> object:
        return self.contact_change(n, lastname="L" * self.random.choice((25, 26)))

    def contact_sale(self, n: int) -> object:
        """Sell something to the contact, so that it becomes a customer."""
        entity = self.random.choice(("salesorders", "invoices"))
        document = {self.systems.reads["sales", entity].key[0]: guid(entity, self.own[n])}
        self.systems.land("sales", entity, document | {"_customerid_value": guid("contact", self.own[n])})
        return entity

    def contact_delete(self, n: int) -> None:
        if self.random.random() < 0.5:
            self.systems.vanish("sales", "contacts", guid("contact", self.own[n]))

    # products

    def number_of(self, n: int) -> str:
        return f"P-{self.own[n]:04}"

    def sales_product_of(self, n: int) -> str:
        """The id in Sales: that of a product entered there, else the one that a create gets."""
        if n == 1 and self.number % 4 == 0:
            return guid("product", self.own[n])
        return new_id(ENV, "products", {"productnumber": self.number_of(n)})

    def product_mend(self, n: int) -> None:
        Warehouse.product(self.systems, self.number_of(n))
        self.product_foreign(n)

    def product_change(self, n: int, **fields: object) -> object:
        key = json.dumps(["usmf", self.number_of(n)])
        if key not in self.systems.rows["finops", "SellableReleasedProducts"]:
            self.product_mend(n)
        self.systems.change("finops", "SellableReleasedProducts", key, **fields)
        return fields

    def product_price(self, n: int) -> object:
        return self.product_change(n, SalesPrice=self.random.choice((1, 9.99, "12x")))

    def product_rename(self, n: int) -> object:
        name = self.random.choice((f"Renamed {self.random.randrange(10**6)}", ""))
        return self.product_change(n, ProductName=name, ProductDescription=self.random.choice(("", "Fine")))

    def product_unit(self, n: int) -> object:
        return self.product_change(n, SalesUnitSymbol=self.random.choice(("ea", "pal", "")))

    def product_currency(self, n: int) -> object:
        return self.product_change(n, CurrencyCode=self.random.choice(("USD", "EUR", "CHF", "XXX")))

    def product_stop(self, n: int) -> object:
        return self.product_change(n, IsSalesStopped=self.random.choice(("Yes", "No")))

    def product_quantity(self, n: int) -> object:
        key = json.dumps(["usmf", f"I-{self.number_of(n)}"])
        if key not in self.systems.rows["finops", "ReleasedProductsV2"]:
            self.product_mend(n)
        quantity = self.random.choice((0, 1, 100, "some"))
        self.systems.change("finops", "ReleasedProductsV2", key, SalesPriceQuantity=quantity)
        return quantity

    def product_vanish(self, n: int) -> object:
        reads = self.random.randint(1, 4)
        key = json.dumps(["usmf", self.number_of(n)])
        self.systems.vanish("finops", "SellableReleasedProducts", key, reads)
        return f"for {reads} reads"

    def product_foreign(self, n: int) -> None:
        """Enter the product in Sales too."""
        if (
            n == 1
            and self.number % 4 == 0
            and self.sales_product_of(n) not in self.systems.users["sales", "products"]
        ):
            Warehouse.sales_product(self.systems, self.own[n], self.number_of(n))

    # quotes

    def revisions(self, n: int) -> list[Row]:
        """The revisions of a quote that Sales has, oldest first."""
        number = f"QUO-{self.own[n]:04}"
        rows = self.systems.users["sales", "quotes"].values()
        return sorted(
            (row for row in rows if row["quotenumber"] == number), key=lambda row: row["revisionnumber"]
        )

    def lines(self, quote_id: object) -> Iterator[tuple[str, Row]]:
        rows = self.systems.users["sales", "quotedetails"].items()
        return iter([(key, row) for key, row in rows if row["_quoteid_value"] == quote_id])

    def newest(self, n: int) -> Row:
        if not self.revisions(n):
            self._new(n, 0)
        return self.revisions(n)[-1]

    def _new(self, n: int, revision: int) -> None:
        self.quotes += 1
        own = self.own[n] + 100_000 * self.quotes
        Warehouse.quote(
            self.systems, own, 0, quotenumber=f"QUO-{self.own[n]:04}", revisionnumber=revision,
            _customerid_value=guid("account", self.own[n]),
        )  # fmt: skip
        for number in (1, 2):
            self._line(self.revisions(n)[-1], number, n)
        self._add_up(n)

    def _line(self, quote: Row, number: int | None, product: int, **fields: object) -> None:
        place = number or self.random.randint(50, 10**6)
        line = {"_quoteid_value": quote["quoteid"], "lineitemnumber": number}
        line["_productid_value"] = self.sales_product_of(product)
        own = str(quote["quoteid"])
        Warehouse.quote_line(self.systems, int(own[24:]), place, **{**line, **fields})

    def _add_up(self, n: int) -> None:
        """Compute the total, as Sales does when the lines of a quote change."""
        quote = self.revisions(n)[-1]
        total = 0.0
        for key, row in self.lines(quote["quoteid"]):
            amount = row["quantity"] * row["priceperunit"]
            if amount != row["extendedamount"]:
                self.systems.change("sales", "quotedetails", key, extendedamount=amount)
            total += amount
        self.quote_change(n, totallineitemamount=total)

    def quote_change(self, n: int, **fields: object) -> object:
        self.systems.change("sales", "quotes", str(self.newest(n)["quoteid"]), **fields)
        return fields

    def quote_mend(self, n: int) -> None:
        """Make the quote active, with a line and a correct total, for an account in a known country."""
        quote = self.newest(n)
        good = {
            "statecode": 1,
            "statuscode": 2,
            "shipto_country": "United States",
            "shipto_stateorprovince": "NV",
        }
        self.quote_change(n, **good, _customerid_value=guid("account", self.own[n]))
        if not list(self.lines(quote["quoteid"])):
            self._line(quote, 1, n)
        for key, row in self.lines(quote["quoteid"]):
            if row["quantity"] <= 0 or row["isproductoverridden"]:
                self.systems.change("sales", "quotedetails", key, quantity=1, isproductoverridden=False)
        self._add_up(n)

    def quote_rename(self, n: int) -> object:
        return self.quote_change(n, name=f"Renamed {self.random.randrange(10**6)}")

    def quote_state(self, n: int) -> object:
        """Draft, active, won, lost, canceled."""
        state, status = self.random.choice(((0, 1), (1, 2), (1, 2), (2, 4), (3, 5), (3, 6)))
        return self.quote_change(n, statecode=state, statuscode=status)

    def quote_revise(self, n: int) -> object:
        """The quote is closed, its lines are copied to a new revision, which is a draft or active at once."""
        old = self.newest(n)
        revision = int(str(old["revisionnumber"])) + 1
        kept = [row for _, row in self.lines(old["quoteid"]) if self.random.random() < 0.8]
        self.quote_change(n, statecode=3, statuscode=7)
        state = self.random.choice((0, 1, 1))
        self.quotes += 1
        own = self.own[n] + 100_000 * self.quotes
        Warehouse.quote(
            self.systems, own, 0,
            **{**old, "quoteid": guid("quote", own), "revisionnumber": revision, "statecode": state},
        )  # fmt: skip
        for row in kept:
            number = row["lineitemnumber"]
            copied = {
                k: v for k, v in row.items() if k not in ("quotedetailid", "_quoteid_value", "lineitemnumber")
            }
            self._line(self.revisions(n)[-1], number, n, **copied)
        self._add_up(n)
        return f"as {revision}, state {state}, {len(kept)} lines"

    def quote_delete(self, n: int) -> object:
        """The newest revision goes, with its lines."""
        if self.random.random() < 0.5 or not self.revisions(n):
            return None
        quote = self.newest(n)
        for key, _ in self.lines(quote["quoteid"]):
            self.systems.vanish("sales", "quotedetails", key)
        self.systems.vanish("sales", "quotes", str(quote["quoteid"]))
        return f"revision {quote['revisionnumber']}"

    def quote_line_more(self, n: int) -> object:
        quote = self.newest(n)
        numbers = [row["lineitemnumber"] or 0 for _, row in self.lines(quote["quoteid"])]
        number = self.random.choice((None, max([*numbers, 0]) + 1, max([*numbers, 0]) + 1))
        self._line(quote, number, self.random.randrange(2), quantity=self.random.randint(1, 3))
        self._add_up(n)
        return number

    def quote_line_less(self, n: int) -> object:
        lines = list(self.lines(self.newest(n)["quoteid"]))
        if not lines:
            return None
        key, row = self.random.choice(lines)
        self.systems.vanish("sales", "quotedetails", key)
        self._add_up(n)
        return row["lineitemnumber"]

    def quote_line_change(self, n: int) -> object:
        lines = list(self.lines(self.newest(n)["quoteid"]))
        if not lines:
            return None
        key, row = self.random.choice(lines)
        fields = self.random.choice((
            {"quantity": self.random.randint(0, 4)},
            {"quantity": self.random.randint(1, 4)},
            {"_productid_value": self.sales_product_of(self.random.randrange(2))},
            {"priceperunit": self.random.choice((8, 10.5))},
            {"isproductoverridden": True},
        ))  # fmt: skip
        self.systems.change("sales", "quotedetails", key, **fields)
        self._add_up(n)
        return f"line {row['lineitemnumber']} {fields}"

    def quote_total(self, n: int) -> object:
        return self.quote_change(n, totallineitemamount=self.random.randint(1, 9))

    def quote_country(self, n: int) -> object:
        country, state = self.random.choice((("United States", "NV"), ("Germany", None), (None, None)))
        return self.quote_change(n, shipto_country=country, shipto_stateorprovince=state)

    def quote_customer(self, n: int) -> object:
        contact = guid("contact", self.own[n])
        customer = self.random.choice((*(guid("account", own) for own in self.own), contact, contact))
        return self.quote_change(n, _customerid_value=customer)

    def quote_quotation(self, n: int) -> object:
        """Change the status of the quotation in F&O, if it exists."""
        place = ("finops", "CDSSalesQuotationHeaders")
        found = self.systems.found(place, dataAreaId="usmf", SalesQuotationNumber=f"QUO-{self.own[n]:04}")
        status = self.random.choice(("Sent", "Confirmed", "Created"))
        if found:
            # read by every run of quotes: otherwise the real system would reject the write, and the record would rest
            self.systems.lane = None
            self.systems.put(place, found[0], {"SalesQuotationStatus": status})
            self.systems.lane = self.number
        if found and self.random.random() < 0.5:
            return status, self.random.choice(
                (self.quote_rename, self.quote_line_more, self.quote_line_less)
            )(n)
        return status if found else None


KINDS = {
    kind: sorted(
        name.removeprefix(f"{kind}_")
        for name in vars(Lane)
        if name.startswith(f"{kind}_") and name != f"{kind}_change"
    )
    for kind in ("account", "contact", "product", "quote")
}


def role_comes(systems: Systems) -> None:
    systems.land("finops", "DecisionMakingRoles", {"dataAreaId": "usmf", "RoleName": "Employee"})


def role_goes(systems: Systems) -> None:
    systems.vanish("finops", "DecisionMakingRoles", json.dumps(["usmf", "Employee"]))


def currency_comes(systems: Systems) -> None:
    systems.land("finops", "Currencies", {"CurrencyCode": "SEK"})


def currency_goes(systems: Systems) -> None:
    systems.vanish("finops", "Currencies", "SEK")


def price_list_comes(systems: Systems) -> None:
    """The first price list of its currency: products with that currency can be sent."""
    row = {
        "pricelevelid": guid("price list", 1),
        "name": "A list",
        "statecode": 0,
        "_transactioncurrencyid_value": CHF,
    }
    systems.land("sales", "pricelevels", row)


WORLD = {
    move.__name__: move for move in (role_comes, role_goes, currency_comes, currency_goes, price_list_comes)
}

# Edits of code maps, each with its undo.
CODE_MAPS = {
    "germany_is_austria": (
        "update seeds.country set iso2 = 'AT' where lower(sales_text) = 'germany'",
        "update seeds.country set iso2 = 'DE' where lower(sales_text) = 'germany'",
    ),
    "pallets_are_boxes": (
        "insert into seeds.unit (unit_symbol, sales_unit) values ('pal', 'Box')",
        "delete from seeds.unit where unit_symbol = 'pal'",
    ),
    "employees_decide": (
        "update seeds.decision_role set role_code = 'Decision Maker' where sales_code = 2",
        "update seeds.decision_role set role_code = 'Employee' where sales_code = 2",
    ),
}

# An own field of the organization, switched on and off between runs.
OWN_FIELD = {"own_fields": {"accounts": [{"source": "new_region", "target": "SalesDistrictId"}]}}
