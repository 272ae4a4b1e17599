"""A world of sample records grown from a seed."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import chain

from d365_sandbox.records import accounts as account_rows
from d365_sandbox.records import catalog, finops_before, reference
from d365_sandbox.records import products as product_rows
from d365_sandbox.records.contacts import ordinary_contacts
from d365_sandbox.records.documents import Document
from d365_sandbox.records.quotes import QuoteWorld, orders_and_invoices, ordinary_quotes
from d365_sandbox.records.reference import CURRENCIES, PriceList
from d365_sandbox.records.shapes import SALES, Guids, Record, wire_time
from d365_sandbox.records.special_contacts import SPECIAL_CONTACTS, Parents, find_parents, special_contacts
from d365_sandbox.records.special_quotes import SPECIAL_QUOTES, special_documents, special_quotes

PRICE_LISTS = (
    PriceList("Archive 2019 USD", "USD", active=False),
    PriceList(product_rows.DEFAULT_LIST, "USD"),
    PriceList("Standard USD", "USD"),
    PriceList("Wholesale USD", "USD"),
    PriceList("Standard EUR", "EUR"),
    PriceList("Standard GBP", "GBP"),
    PriceList("Standard CAD", "CAD"),
    PriceList("Standard AUD", "AUD"),
)

_DEMO_SIZES = range(100, 1001)
"""Sizes that people look at; in smaller sets the nasty records would be most of what there is."""

_DEMO_QUOTES = 60
"""Room for the nasty quotes and some others."""


def generate(
    accounts: int = 200,
    products: int = 100,
    seed: int = 7,
    *,
    contacts: int | None = None,
    quotes: int | None = None,
    nasty: bool | None = None,
    until: datetime | None = None,
) -> Iterator[Record]:
    """Yield (system, entity set, row), what a row points at before the row; the same for the same arguments.

    `accounts` counts the accounts in Sales, `products` the sellable products of company usmf, `contacts` the
    contacts, `quotes` the quote numbers (revisions come on top), with three to six lines each. By default 100
    accounts have 60 contacts and 30 quotes (60 where there are nasty ones), 1 000 and more have 600 and 300: name
    the sizes of larger sets. Accounts and products are the same whatever contacts and quotes there are.

    Accounts in Germany and Austria (some 12 in 100), their contacts and quotes belong to business unit Northwind
    Germany, buyers without an account to Northwind Germany or Northwind USA, everything else to the root unit;
    `reference.BUSINESS_UNITS` has the GUIDs. The products that quotes name stand in Sales already, as in an
    organisation that has been connected before.

    `nasty` puts records among them that test a rule each; by default 100 to 1 000 accounts have them. Those among
    contacts and quotes are left out where accounts, contacts or quotes are too few for all of them.
    `until` (default: today 00:00 UTC): `modifiedon` lies in the 90 days before, requested delivery dates mostly
    in the 90 days after; nothing else depends on it.
    """
    _check_sizes(accounts=accounts, products=products, contacts=contacts or 0, quotes=quotes or 0)
    nasty = accounts in _DEMO_SIZES if nasty is None else nasty
    special = min(accounts, account_rows.NASTY_ACCOUNTS) if nasty else 0
    can_sell = accounts > special and products > 0
    if quotes and not can_sell:
        raise ValueError(f"Quotes need customers and products: accounts {accounts}, products {products}.")
    shown = min(accounts, 1000)
    room = _DEMO_QUOTES if nasty and accounts in _DEMO_SIZES else 0
    contacts = _size(contacts, shown * 3 // 5)
    quotes = _size(quotes, max(shown * 3 // 10, room) if can_sell else 0)
    end = until or datetime.combine(datetime.now(UTC).date(), time(), UTC)
    return _records(seed, end, nasty, special, accounts - special, products, contacts, quotes)


def _size(given: int | None, usual: int) -> int:
    return usual if given is None else given


def _check_sizes(**named: int) -> None:
    if min(named.values()) < 0:
        sizes = ", ".join(f"{name} {size}" for name, size in named.items())
        raise ValueError(f"Sizes must not be negative: {sizes}.")


def _records(
    seed: int,
    end: datetime,
    nasty: bool,
    special: int,
    accounts: int,
    products: int,
    contacts: int,
    quotes: int,
) -> Iterator[Record]:
    """`special` and `accounts` are the nasty accounts and the ordinary ones; the other sizes are totals."""
    guids = Guids(f"seed {seed}")
    setup = wire_time(end - timedelta(days=90))
    special_people, special_offers = _room_for_special(special, accounts, contacts, quotes)
    contacts -= special_people
    quotes -= special_offers
    known = product_rows.special_products(products, nasty)
    sold = catalog.quoted_products(products - len(known), seed)
    world = QuoteWorld(seed, guids, end, accounts, contacts, sold or (product_rows.ADOPTED,))
    parents = find_parents(world.walk_accounts()) if special_people else None

    yield from _reference_data(guids, setup)
    ordinary = product_rows.generated_products(products - len(known), seed)
    yield from product_rows.finops_products(chain(known, ordinary))
    yield from catalog.sales_products(guids, nasty, setup)

    yield from world.walk_accounts()
    if special:
        yield from account_rows.nasty_accounts(special, seed, guids, end)
        yield from finops_before.customers()

    yield from ordinary_contacts(contacts, world.walk_accounts(), accounts, seed, guids, end)
    if parents is not None:
        yield from special_contacts(parents, guids, end)
        yield from finops_before.contact_persons()
    if accounts and products:
        yield from orders_and_invoices(world)
        if parents is not None:
            yield from special_documents(world)
        if quotes or special_offers:
            yield from catalog.products_of_quotes(sold, guids, setup)
        yield from _quotes(world, quotes, parents if special_offers else None)


def _room_for_special(special: int, accounts: int, contacts: int, quotes: int) -> tuple[int, int]:
    """How many special contacts and quotes there are: all of them, or none where there is no room for all."""
    whole_cast = special == account_rows.NASTY_ACCOUNTS and accounts > 0
    if not whole_cast or contacts < len(SPECIAL_CONTACTS):
        return 0, 0
    return len(SPECIAL_CONTACTS), len(SPECIAL_QUOTES) if quotes >= len(SPECIAL_QUOTES) else 0


def _reference_data(guids: Guids, setup: str) -> Iterator[Record]:
    """Companies, business units, currencies, units and price lists of both systems."""
    yield from reference.companies()
    yield from reference.decision_roles()
    yield from reference.business_units(setup)
    yield from reference.finops_currencies((c.code, c.name, c.symbol) for c in CURRENCIES.values())
    yield from reference.finops_units(product_rows.UNITS)
    yield from reference.sales_currencies(guids, CURRENCIES.values(), setup)
    yield from reference.price_lists(guids, PRICE_LISTS, setup)
    yield from reference.sales_units(guids, product_rows.SALES_UNITS, setup)


def _quotes(world: QuoteWorld, count: int, parents: Parents | None) -> Iterator[Record]:
    """All headers, then all lines: of `count` ordinary quotes and, given their contacts, of the special ones, with
    what F&O held before of these."""

    def documents() -> Iterator[Document]:
        yield from ordinary_quotes(world, count)
        if parents is not None:
            yield from special_quotes(world, parents)

    for document in documents():
        yield SALES, "quotes", document.header
    for document in documents():
        for line in document.lines:
            yield SALES, "quotedetails", line
    if parents is not None:
        yield from finops_before.quotations()
