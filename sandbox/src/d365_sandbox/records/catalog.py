"""Products that stand in Sales before any flow has run, each with its price on one price list."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from d365_sandbox.records.products import ADOPTED, DEFAULT_LIST, STOPPED, UNITS, Product, generated_products
from d365_sandbox.records.reference import UNIT_GROUP, Unit
from d365_sandbox.records.shapes import SALES, Guids, Record

ACTIVE, UNDER_REVISION = (0, 1), (3, 3)  # statecode and statuscode
EACH = Unit("ea", "Each")
HAND_MADE = "HAND-1"
"""A product that was entered in Sales by hand and that Finance and Operations does not know."""

_SCANNED = 300
_IN_ONE_COMPANY, _IN_BOTH = 24, 6


@dataclass(frozen=True)
class SalesProduct:
    """A product as quotes can name it: with unit group, unit, decimals, default price list and state."""

    number: str
    name: str
    price: int | float
    unit: Unit = EACH
    price_list: str = DEFAULT_LIST
    currency: str = "USD"
    state: tuple[int, int] = ACTIVE
    service: bool = False

    def records(self, guids: Guids, modified: str) -> Iterator[Record]:
        """The product and its price list item."""
        product, price_list = guids.of("products", self.number), guids.of("pricelevels", self.price_list)
        unit, group = guids.of("uoms", self.unit.name), guids.of("uomschedules", UNIT_GROUP)
        currency = guids.of("transactioncurrencies", self.currency)
        state, status = self.state
        yield (
            SALES,
            "products",
            {
                "productid": product,
                "productnumber": self.number,
                "name": self.name,
                "productstructure": 1,
                "producttypecode": 3 if self.service else 1,
                "quantitydecimal": self.unit.precision,
                "price": self.price,
                "_defaultuomscheduleid_value": group,
                "_defaultuomid_value": unit,
                "_pricelevelid_value": price_list,
                "_transactioncurrencyid_value": currency,
                "statecode": state,
                "statuscode": status,
                "modifiedon": modified,
            },
        )
        yield (
            SALES,
            "productpricelevels",
            {
                "productpricelevelid": guids.of("productpricelevels", self.number),
                "_productid_value": product,
                "productnumber": self.number,
                "_pricelevelid_value": price_list,
                "_uomid_value": unit,
                "_uomscheduleid_value": group,
                "_transactioncurrencyid_value": currency,
                "pricingmethodcode": 1,
                "quantitysellingcode": 1,
                "roundingpolicycode": 1,
                "amount": self.price,
                "modifiedon": modified,
            },
        )


def sales_products(guids: Guids, nasty: bool, modified: str) -> Iterator[Record]:
    """Products entered in Sales by hand: one to adopt and one that only Sales knows.

    With `nasty` also one that Finance and Operations has stopped since, and one under revision.
    """
    known = [
        SalesProduct(ADOPTED.number, "Known before wheel (old name)", 10),
        SalesProduct(HAND_MADE, "Sales Own Gift Card", 10),
    ]
    if nasty:
        known += [
            SalesProduct(STOPPED.number, STOPPED.name, 10),
            SalesProduct("P-REVISE", "Frame", 10, state=UNDER_REVISION),
        ]
    for product in known:
        yield from product.records(guids, modified)


def quoted_products(count: int, seed: int) -> tuple[Product, ...]:
    """What quotes may name of `count` generated products: some of usmf alone, and some that demf sells too.

    They stand in Sales already, as in an organisation that has been connected before; flow products adopts
    them by number.
    """
    alone: list[Product] = []
    both: list[Product] = []
    for product in generated_products(min(count, _SCANNED), seed):
        if product.price_quantity == 1:
            (both if len(product.companies) > 1 else alone).append(product)
    return (*alone[:_IN_ONE_COMPANY], *both[:_IN_BOTH])


def products_of_quotes(products: Iterable[Product], guids: Guids, modified: str) -> Iterator[Record]:
    units = {unit.symbol: unit for unit in UNITS}
    for product in products:
        entry = SalesProduct(
            product.number, product.name, product.price, units[product.unit], service=product.service
        )
        yield from entry.records(guids, modified)
