"""Generated quotes: most of them active, some in every other state, a few with revisions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from d365_sandbox.records.accounts import ordinary_accounts
from d365_sandbox.records.contacts import buyer_customer, buyers, in_step, places_by_country, ship_to
from d365_sandbox.records.documents import (
    ACTIVE,
    CANCELED,
    DRAFT,
    LOST,
    REVISED,
    WON,
    Customer,
    Document,
    line_row,
    priced,
)
from d365_sandbox.records.pools import draw
from d365_sandbox.records.products import ADOPTED, UNITS, Product
from d365_sandbox.records.reference import BUSINESS_UNITS
from d365_sandbox.records.shapes import SALES, Guids, Record, Row, wire_time

LIST_OF = {"USD": "Retail USD"} | {code: f"Standard {code}" for code in ("EUR", "GBP", "CAD", "AUD")}
"""The price list that a quote in a currency goes by."""

_UNIT_NAMES = {unit.symbol: unit.name for unit in UNITS}
_STATES = (*((ACTIVE,),) * 11, *((DRAFT,),) * 3, *((WON,),) * 3, (LOST,), (CANCELED,), (REVISED, ACTIVE))
"""Revisions of a quote, oldest first: a uniform draw makes 55 of 100 active at once."""

_LINES = (3, 4, 5, 6, 6)
_DISCOUNTS = ("10", "7.5", "3.33", "25", "0.05")
_QUANTITIES = {0: ("1", "2", "3", "5", "12"), 2: ("0.5", "1.25", "3", "7.75", "40")}


@dataclass(frozen=True)
class QuoteWorld:
    """What quotes are made of; `accounts` and `contacts` count the ordinary ones."""

    seed: int
    guids: Guids
    until: datetime
    accounts: int
    contacts: int
    products: tuple[Product, ...]

    def walk_accounts(self) -> Iterator[Record]:
        return ordinary_accounts(self.accounts, self.seed, self.guids, self.until)

    def account_customer(self, row: Row) -> Customer:
        place = places_by_country(self.seed).get(str(row.get("address1_country")))
        currency = place.country.currency if place else "USD"
        unit = row.get("_owningbusinessunit_value")
        return Customer(
            str(row["accountid"]), str(row["name"]), currency, str(unit) if unit else None, ship_to(row)
        )

    def buyer(self, number: int) -> Customer:
        return buyer_customer(number, self.seed, self.guids, self.until)

    def sold_to(self, customer: Customer) -> Sequence[Product]:
        """Products of the company that the customer's business unit stands for."""
        if customer.unit == BUSINESS_UNITS["demf"].guid:
            found = [product for product in self.products if "demf" in product.companies]
            return found or self.products
        return self.products

    def header(self, key: tuple[str | int, ...], customer: Customer, number: str, revision: int) -> Row:
        """A header without state, dates and address: `key` names the quote, each revision has its own GUID."""
        row: Row = {
            "quoteid": self.guids.of("quotes", *key, revision),
            "quotenumber": number,
            "revisionnumber": revision,
            "_customerid_value": customer.guid,
            "_transactioncurrencyid_value": self.guids.of("transactioncurrencies", customer.currency),
            "_pricelevelid_value": self.guids.of("pricelevels", LIST_OF[customer.currency]),
        }
        return row | ({"_owningbusinessunit_value": customer.unit} if customer.unit else {})

    def line(self, header: Row, number: int, product: Product, quantity: str, price: Decimal) -> Row:
        guid = self.guids.of("quotedetails", str(header["quoteid"]), number)
        return line_row(guid, header, number, Decimal(quantity), price) | {
            "_productid_value": self.guids.of("products", product.number),
            "_uomid_value": self.guids.of("uoms", _UNIT_NAMES[product.unit]),
        }

    def price(self, product: Product, currency: str) -> Decimal:
        in_sales = Decimal(10) if product is ADOPTED else Decimal(str(product.price_in(currency)))
        return in_sales.quantize(Decimal("0.01"), ROUND_HALF_UP)


def ordinary_quotes(world: QuoteWorld, count: int) -> Iterator[Document]:
    """`count` quotes of customers all over the accounts; one in twenty is a buyer's. Revisions come on top."""
    random = Random(f"{world.seed}/quotes")
    asking = _asking_buyers(world.contacts)
    for index, account in enumerate(in_step(world.walk_accounts(), world.accounts, count)):
        if asking and index % 20 == 7:
            turn = index // 20 % asking
            customer = world.buyer(turn // 3 * 5 + turn % 3)
        else:
            customer = world.account_customer(account)
        yield from _revisions(world, index, customer, random)


def _revisions(world: QuoteWorld, index: int, customer: Customer, random: Random) -> Iterator[Document]:
    letters = "".join(draw("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", random) for _ in range(6))
    changed = world.until - timedelta(seconds=1 + int(random.random() * 7_000_000))
    delivery = changed + timedelta(days=30 + int(random.random() * 60)) if random.random() < 0.7 else None
    by = None if delivery is None else f"{delivery:%Y-%m-%d}T00:00:00Z"
    discounted = random.random() > 0.9
    for revision, (state, status) in enumerate(draw(_STATES, random)):
        header = world.header((index,), customer, f"QUO-{1000 + index:05d}-{letters}", revision) | {
            "name": f"Quote for {customer.name}",
            "statecode": state,
            "statuscode": status,
            "modifiedon": wire_time(changed),
            **customer.ship_to,
        }
        if by is not None:
            header["requestdeliveryby"] = by
        if discounted:
            header["discountpercentage"] = 5
        yield priced(header, _lines(world, header, customer, random))


def _lines(world: QuoteWorld, header: Row, customer: Customer, random: Random) -> list[Row]:
    rows = []
    pool = world.sold_to(customer)
    for number in range(1, draw(_LINES, random) + 1):
        product = draw(pool, random)
        precision = 2 if product.unit in ("kg", "hr") else 0
        quantity = draw(_QUANTITIES[precision], random)
        row = world.line(header, number, product, quantity, world.price(product, customer.currency))
        if random.random() < 0.15:
            discount = Decimal(draw(_DISCOUNTS, random))
            most = Decimal(quantity) * world.price(product, customer.currency) / 2
            row["manualdiscountamount"] = min(discount, most.quantize(Decimal("0.01")))
        rows.append(row)
    return rows


def _asking_buyers(contacts: int) -> int:
    found = buyers(contacts)
    return found // 5 * 3 + min(found % 5, 3)


def orders_and_invoices(world: QuoteWorld) -> Iterator[Record]:
    """What makes the other two of five buyers customers: an order or an invoice that Sales has had for long."""
    for entity_set, key, rest, state, status in (
        ("salesorders", "order", 3, 0, 1),
        ("invoices", "invoice", 4, 0, 1),
    ):
        for buyer in range(rest, buyers(world.contacts), 5):
            customer = world.buyer(buyer)
            yield SALES, entity_set, document_row(world, key, f"{1000 + buyer:05d}", customer, state, status)


def document_row(
    world: QuoteWorld, key: str, number: str, customer: Customer, state: int, status: int
) -> Row:
    """An order (`key` = order) or an invoice without lines."""
    row: Row = {
        f"{'sales' if key == 'order' else ''}{key}id": world.guids.of(f"{key}s", number),
        f"{key}number": f"{key[:3].upper()}-{number}",
        "name": f"{key.title()} for {customer.name}",
        "_customerid_value": customer.guid,
        "_transactioncurrencyid_value": world.guids.of("transactioncurrencies", customer.currency),
        "_pricelevelid_value": world.guids.of("pricelevels", LIST_OF[customer.currency]),
        "ispricelocked": False,
        "statecode": state,
        "statuscode": status,
        "modifiedon": wire_time(world.until - timedelta(days=60)),
    }
    return row | ({"_owningbusinessunit_value": customer.unit} if customer.unit else {})
