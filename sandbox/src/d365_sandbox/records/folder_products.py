"""products.csv as released products of Finance and Operations."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from d365_sandbox.records.reference import ACCOUNTING_CURRENCY, MASTER_COMPANY, Unit
from d365_sandbox.records.shapes import FINOPS, Record, wire_number, without_nulls
from d365_sandbox.records.tables import Line, read_table

PRODUCTS = "products.csv"
COLUMNS = ("product_number", "name", "list_price", "standard_cost", "sales_uom", "is_sellable")
LONGEST_NUMBER = 20
"""An item number's length: without variants, a product's number is its item's."""

MOST = 1_000_000_000_000
"""The largest price and cost that Sales takes."""


def product_records(folder: Path, units: dict[str, Unit]) -> Iterator[Record]:
    """Every line as a released product of company usmf; one with `is_sellable` = true as a sellable one too.

    The other lines are items that are made or bought but not sold: released, and offered by no flow.
    `sell_end` is kept as the item's own date and does not stop the sale, as in Finance and Operations.
    """
    for line in read_table(folder, PRODUCTS, COLUMNS, key="product_number", folded=True):
        number = line.required("product_number", LONGEST_NUMBER)
        unit = units.get(line.required("sales_uom"))
        if unit is None:
            raise line.wrong("sales_uom", "is no code in units_of_measure.csv. Add it there or correct it.")
        sales = {
            "dataAreaId": MASTER_COMPANY,
            "ProductNumber": number,
            "ProductType": "Item",
            "SalesPrice": _amount(line, "list_price"),
            "UnitCost": _amount(line, "standard_cost"),
            "SalesUnitSymbol": unit.symbol,
            "InventoryUnitSymbol": unit.symbol,
        }
        distinct = {
            **sales,
            "ProductName": line.required("name"),
            "FieldServiceProductType": "Inventory",
            "IsStockedProduct": "Yes",
            "CurrencyCode": ACCOUNTING_CURRENCY[MASTER_COMPANY],
            "SalesUnitDecimalPrecision": unit.precision,
            "InventoryUnitDecimalPrecision": unit.precision,
        }
        yield (
            FINOPS,
            "ReleasedProductsV2",
            without_nulls(
                {
                    **sales,
                    "ItemNumber": number,
                    "ProductSubType": "Product",
                    "SalesPriceQuantity": 1,
                    "UnitCostQuantity": 1,
                    "SellStartDate": _noon(line.moment("sell_start")),
                    "SellEndDate": _noon(line.moment("sell_end")),
                }
            ),
        )
        yield (
            FINOPS,
            "CDSReleasedDistinctProducts",
            without_nulls(
                {
                    **distinct,
                    "ItemNumber": number,
                    "ProductColorId": line.text("color"),
                    "ProductSizeId": line.text("size"),
                }
            ),
        )
        if line.choice("is_sellable", {"true": True, "false": False}):
            yield FINOPS, "SellableReleasedProducts", {**distinct, "IsSalesStopped": "No"}


def _amount(line: Line, column: str) -> int | float:
    """A price or cost, 0 where the cell is empty: the field takes no null."""
    return wire_number(line.decimal(column, MOST) or Decimal(0))


def _noon(day: datetime | None) -> str | None:
    """A date as Finance and Operations writes it: at noon, so that no time zone moves the day."""
    return None if day is None else f"{day:%Y-%m-%d}T12:00:00Z"
