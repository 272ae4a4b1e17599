"""Generated products: released and sellable in Finance and Operations."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from d365_sandbox.records.pools import draw
from d365_sandbox.records.reference import ACCOUNTING_CURRENCY, CURRENCIES, Unit
from d365_sandbox.records.shapes import FINOPS, Record, Row

UNITS = (
    Unit("ea", "Each"),
    Unit("pcs", "Piece"),
    Unit("box", "Box", pieces=10),
    Unit("dz", "Dozen", pieces=12),
    Unit("kg", "Kilogram", "Mass", precision=2),
    Unit("hr", "Hour", "Time", precision=2),
    Unit("pal", "Pallet", pieces=480),
)
SALES_UNITS = UNITS[:-1]
DEFAULT_LIST = "Retail USD"

_PRECISION = {unit.symbol: unit.precision for unit in UNITS}
_QUALITIES = (
    "Road",
    "Mountain",
    "Touring",
    "City",
    "Junior",
    "Racing",
    "Classic",
    "Light",
    "Heavy Duty",
    "Compact",
)
_THINGS = (
    "Frame",
    "Saddle",
    "Pedal",
    "Chain",
    "Wheel",
    "Helmet",
    "Bottle Cage",
    "Brake",
    "Fork",
    "Lamp",
    "Rack",
    "Pump",
)
_VARIANTS = ("Black : M", "Red/White : L", '28" : Cotton+', "Black & Tan : 50%")


@dataclass(frozen=True)
class Product:
    """A distinct product as released in the master company."""

    number: str
    name: str
    price: float
    item: str = ""
    unit: str = "ea"
    currency: str = ACCOUNTING_CURRENCY["usmf"]
    service: bool = False
    stopped: bool = False
    price_quantity: int = 1
    companies: tuple[str, ...] = field(default=("usmf",))

    @property
    def item_number(self) -> str:
        """The released product's number: the master's for a variant, else the product's own."""
        return self.item or self.number

    def currency_in(self, company: str) -> str:
        return self.currency if company == "usmf" else ACCOUNTING_CURRENCY[company]

    def price_in(self, currency: str) -> float:
        """The price as another currency has it."""
        return self.price if currency == self.currency else round(self.price * CURRENCIES[currency].rate, 2)


ADOPTED = Product("P-ADOPT", "Known Before Wheel", 89.5)
STOPPED = Product("P-STOP", "Discontinued Lamp", 12.0, stopped=True)
NASTY_PRODUCTS = (
    STOPPED,
    Product("P-FRANC", "Swiss Pump", 45.0, currency="CHF"),
    Product("P-PALLET", "Rack by the Pallet", 5200.0, unit="pal"),
    Product("P-REVISE", "Frame Under Revision", 310.0),
)


def special_products(count: int, nasty: bool) -> tuple[Product, ...]:
    """The products that come before all others, as far as `count` reaches."""
    return ((ADOPTED, *NASTY_PRODUCTS) if nasty else (ADOPTED,))[:count]


def generated_products(count: int, seed: int) -> Iterator[Product]:
    """`count` products: items, one in twelve a service, one item in ten a master with up to four variants."""
    random = Random(f"{seed}/products")
    made = index = 0
    while made < count:
        number = f"P-{10_000 + index}"
        name = f"{draw(_QUALITIES, random)} {draw(_THINGS, random)}"
        price = int(500 + random.random() * 90_000) / 100
        if index % 10 == 3:
            batch = [Product(f"{number} : {v}", f"{name} {v}", price, item=number) for v in _VARIANTS]
        elif index % 12 == 5:
            batch = [Product(number, f"{name} Service", price, unit="hr", service=True)]
        elif index % 25 == 1:
            batch = [Product(number, name, price, unit="pcs", price_quantity=100)]
        else:
            sold_in = ("usmf", "demf") if index % 20 == 7 else ("usmf",)
            batch = [
                Product(
                    number, name, price, unit=draw(("ea", "ea", "ea", "box", "kg"), random), companies=sold_in
                )
            ]
        yield from batch[: count - made]
        made += len(batch)
        index += 1


def finops_products(products: Iterator[Product]) -> Iterator[Record]:
    """The three sets that a released product shows up in; a master's item comes once for all its variants."""
    listed = set()
    for product in products:
        for company in product.companies:
            currency = product.currency_in(company)
            price = product.price_in(currency)
            shared = _shared_fields(product, company, price)
            if (company, product.item_number) not in listed:
                listed.add((company, product.item_number))
                yield FINOPS, "ReleasedProductsV2", _released_item(product, company, price)
            yield (
                FINOPS,
                "CDSReleasedDistinctProducts",
                {
                    **shared,
                    "ItemNumber": product.item_number,
                    "CurrencyCode": currency,
                },
            )
            yield (
                FINOPS,
                "SellableReleasedProducts",
                {
                    **shared,
                    "CurrencyCode": currency,
                    "IsSalesStopped": "Yes" if product.stopped else "No",
                },
            )


def _shared_fields(product: Product, company: str, price: float) -> Row:
    return {
        "dataAreaId": company,
        "ProductNumber": product.number,
        "ProductName": product.name,
        "ProductDescription": f"{product.name}, sold by the {product.unit}",
        "ProductType": "Service" if product.service else "Item",
        "FieldServiceProductType": "Service" if product.service else "Inventory",
        "IsStockedProduct": "No" if product.service else "Yes",
        "SalesPrice": price,
        "UnitCost": round(price * 0.6 / product.price_quantity, 2),
        "SalesUnitSymbol": product.unit,
        "SalesUnitDecimalPrecision": _PRECISION[product.unit],
        "InventoryUnitSymbol": product.unit,
        "InventoryUnitDecimalPrecision": _PRECISION[product.unit],
    }


def _released_item(product: Product, company: str, price: float) -> Row:
    return {
        "dataAreaId": company,
        "ItemNumber": product.item_number,
        "ProductNumber": product.item_number,
        "ProductType": "Service" if product.service else "Item",
        "ProductSubType": "ProductMaster" if product.item else "Product",
        "SalesPrice": price,
        "SalesPriceQuantity": product.price_quantity,
        "UnitCost": round(price * 0.6 / product.price_quantity, 2),
        "UnitCostQuantity": 1,
        "SalesUnitSymbol": product.unit,
        "InventoryUnitSymbol": product.unit,
    }
