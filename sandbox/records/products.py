"""Generated products: released and sellable in Finance and Operations; a few stand in Sales already."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from sandbox.records.pools import draw
from sandbox.records.reference import ACCOUNTING_CURRENCY, CURRENCIES, UNIT_GROUP, Unit
from sandbox.records.shapes import FINOPS, SALES, Guids, Record, Row

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


ADOPTED = Product("P-ADOPT", "Known Before Wheel", 89.5)
STOPPED = Product("P-STOP", "Discontinued Lamp", 12.0, stopped=True)
NASTY_PRODUCTS = (
    STOPPED,
    Product("P-FRANC", "Swiss Pump", 45.0, currency="CHF"),
    Product("P-PALLET", "Rack by the Pallet", 5200.0, unit="pal"),
    Product("P-REVISE", "Frame Under Revision", 310.0),
)


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
    told = set()
    for product in products:
        for company in product.companies:
            currency = product.currency if company == "usmf" else ACCOUNTING_CURRENCY[company]
            price = (
                round(product.price * CURRENCIES[currency].rate, 2) if company != "usmf" else product.price
            )
            shared = _shared_fields(product, company, price)
            if (company, product.item_number) not in told:
                told.add((company, product.item_number))
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


def sales_products(guids: Guids, nasty: bool, modified: str) -> Iterator[Record]:
    """Products entered in Sales by hand: one to adopt and one that only Sales knows.

    With `nasty` also one that Finance and Operations has stopped since, and one under revision.
    """
    known = [("P-ADOPT", "Known before wheel (old name)", 0, 1), ("HAND-1", "Sales Own Gift Card", 0, 1)]
    if nasty:
        known += [("P-STOP", "Discontinued Lamp", 0, 1), ("P-REVISE", "Frame", 3, 3)]
    for number, name, state, status in known:
        product = guids.of("products", number)
        yield (
            SALES,
            "products",
            {
                "productid": product,
                "productnumber": number,
                "name": name,
                "productstructure": 1,
                "producttypecode": 1,
                "quantitydecimal": 0,
                "price": 10,
                "_defaultuomscheduleid_value": guids.of("uomschedules", UNIT_GROUP),
                "_defaultuomid_value": guids.of("uoms", "Each"),
                "_pricelevelid_value": guids.of("pricelevels", DEFAULT_LIST),
                "_transactioncurrencyid_value": guids.of("transactioncurrencies", "USD"),
                "statecode": state,
                "statuscode": status,
                "modifiedon": modified,
            },
        )
        yield (
            SALES,
            "productpricelevels",
            {
                "productpricelevelid": guids.of("productpricelevels", number),
                "_productid_value": product,
                "productnumber": number,
                "_pricelevelid_value": guids.of("pricelevels", DEFAULT_LIST),
                "_uomid_value": guids.of("uoms", "Each"),
                "_uomscheduleid_value": guids.of("uomschedules", UNIT_GROUP),
                "_transactioncurrencyid_value": guids.of("transactioncurrencies", "USD"),
                "pricingmethodcode": 1,
                "quantitysellingcode": 1,
                "roundingpolicycode": 1,
                "amount": 10,
                "modifiedon": modified,
            },
        )
