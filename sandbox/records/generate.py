"""A world of sample records grown from a seed."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import chain

from sandbox.records import accounts as account_rows
from sandbox.records import products as product_rows
from sandbox.records import reference
from sandbox.records.reference import CURRENCIES, PriceList
from sandbox.records.shapes import Guids, Record, wire_time

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


def generate(
    accounts: int = 200,
    products: int = 100,
    seed: int = 7,
    *,
    nasty: bool | None = None,
    until: datetime | None = None,
) -> Iterator[Record]:
    """Yield (system, entity set, row), what a row points at before the row; the same for the same arguments.

    `accounts` counts the accounts in Sales, `products` the sellable products of company usmf.
    `nasty` puts records among them that break a rule each; by default 100 to 1 000 accounts have them.
    `until` (default: today 00:00 UTC): `modifiedon` lies in the 90 days before; nothing else depends on it.
    """
    if accounts < 0 or products < 0:
        raise ValueError(f"Sizes must not be negative: accounts {accounts}, products {products}.")
    if nasty is None:
        nasty = accounts in _DEMO_SIZES
    end = until or datetime.combine(datetime.now(UTC).date(), time(), UTC)
    guids = Guids(f"seed {seed}")
    setup = wire_time(end - timedelta(days=90))

    yield from reference.companies()
    yield from reference.finops_currencies((c.code, c.name, c.symbol) for c in CURRENCIES.values())
    yield from reference.finops_units(product_rows.UNITS)
    yield from reference.sales_currencies(guids, CURRENCIES.values(), setup)
    yield from reference.price_lists(guids, PRICE_LISTS, setup)
    yield from reference.sales_units(guids, product_rows.SALES_UNITS, setup)
    yield from _products(products, seed, guids, nasty, setup)
    yield from _accounts(accounts, seed, guids, nasty, end)


def _products(count: int, seed: int, guids: Guids, nasty: bool, setup: str) -> Iterator[Record]:
    special = ((product_rows.ADOPTED, *product_rows.NASTY_PRODUCTS) if nasty else (product_rows.ADOPTED,))[
        :count
    ]
    ordinary = product_rows.generated_products(count - len(special), seed)
    yield from product_rows.finops_products(chain(special, ordinary))
    yield from product_rows.sales_products(guids, nasty, setup)


def _accounts(count: int, seed: int, guids: Guids, nasty: bool, end: datetime) -> Iterator[Record]:
    special = min(count, account_rows.NASTY_ACCOUNTS) if nasty else 0
    yield from account_rows.ordinary_accounts(count - special, seed, guids, end)
    if special:
        yield from account_rows.nasty_accounts(special, seed, guids, end)
