"""Lines of quotations: product, quantity, unit, site and warehouse, and the amount that the server computes."""

from __future__ import annotations

from decimal import Decimal

from sandbox.description import Entity, Fields, fold
from sandbox.finops import errors
from sandbox.finops.addresses import Block, check_addresses, fill_countries
from sandbox.finops.numbers import as_decimal, line_amount
from sandbox.finops.parties import CUSTOMERS
from sandbox.finops.quotations import (
    HEADERS,
    LINES,
    NUMBER,
    SHIPPING_DATE,
    check_open,
    check_shipping_date,
    check_status,
    count_in,
    lines_of,
)
from sandbox.finops.write import SetRules, Write, failed, missing, not_found
from sandbox.store.store import Transaction
from sandbox.store.table import Row

_BLOCKS = (Block("DeliveryAddress"),)
_SEQUENCE = "LineCreationSequenceNumber"
_SELLABLE = "SellableReleasedProducts"
_DISTINCT = "CDSReleasedDistinctProducts"


class QuotationLineRules(SetRules):
    """A line belongs to an open header and names a product that is released in the company."""

    def prepare(self, write: Write) -> None:
        number = write.text(NUMBER)
        header = write.in_company(HEADERS, number)
        if number and header is None:
            raise not_found(write.entity, NUMBER, number, "Quotation", "Quotations")
        if header is not None:
            write.fields[NUMBER] = header.fields[NUMBER]
            self._take_product(write)
            self._default_from(header, write)
        if _SEQUENCE not in write.entity.key_fields and not write.fields.get(_SEQUENCE):
            write.fields[_SEQUENCE] = _next_sequence(write)

    def check(self, write: Write) -> None:
        header = write.in_company(HEADERS, write.text(NUMBER))
        if header is not None:
            check_open(write.entity, header)
        check_status(write)
        if not write.creating and {"ProductNumber", "ItemNumber"} & write.given.keys():
            self._take_product(write)
        if not write.fields.get("RequestedSalesQuantity"):
            raise failed(write.entity, "RequestedSalesQuantity", "Field 'Quantity' must not be zero.")
        check_shipping_date(write)
        for name, caption in (("ShippingSiteId", "Site"), ("ShippingWarehouseId", "Warehouse")):
            if not write.text(name):
                sentence = f"Inventory dimension {caption} is mandatory and must consequently be specified."
                raise errors.rejected(write.entity.label, [f"Error: {sentence}"])
        check_addresses(write, _BLOCKS)

    def complete(self, write: Write) -> None:
        fill_countries(write, _BLOCKS)
        fill_line(write.tx, write.fields)
        fields = write.fields
        fields["AreTotalsCalculated"] = "Yes"
        try:
            fields["LineAmount"] = line_amount(
                fields.get("SalesPrice"),
                fields.get("SalesPriceQuantity"),
                fields.get("LineDiscountAmount"),
                fields.get("LineDiscountPercentage"),
                fields.get("RequestedSalesQuantity"),
                fields.get("FixedPriceCharges"),
            )
        except ValueError:
            raise failed(write.entity, "LineAmount", "The net amount is too large.") from None

    def stored(self, tx: Transaction, before: Row | None, after: Row | None) -> None:
        """The header's total follows."""
        row = after or before
        if row is not None:
            count_in(tx, row, -_amount(before), _amount(after))

    def check_delete(self, tx: Transaction, entity: Entity, row: Row) -> None:
        header = tx.table(HEADERS).get((row.key[0], fold(str(row.fields[NUMBER]))))
        if header is not None:
            check_open(entity, header)

    def _take_product(self, write: Write) -> None:
        """Product and item number stand for each other: SalesQuotationLines names an item, whose first
        variant is taken when it has several (assumed)."""
        name = "ProductNumber" if "ProductNumber" in write.entity.fields else "ItemNumber"
        number = write.text(name)
        if not number:
            raise missing(write.entity, name, "Product number" if name == "ProductNumber" else "Item number")
        distinct = (
            write.in_company(_DISTINCT, number)
            if name == "ProductNumber"
            else write.where(_DISTINCT, name, number)
        )
        sellable = write.in_company(_SELLABLE, str(distinct.fields["ProductNumber"]) if distinct else number)
        if distinct is None and sellable is None:
            caption = "Product number" if name == "ProductNumber" else "Item number"
            raise not_found(write.entity, name, number, caption, "Released products")
        product: Fields = {**(distinct.fields if distinct else {}), **(sellable.fields if sellable else {})}
        write.fields["ProductNumber"] = product["ProductNumber"]
        write.fields["ItemNumber"] = product.get("ItemNumber") or product["ProductNumber"]
        if write.creating:
            self._default_from_product(product, write)

    def _default_from_product(self, product: Fields, write: Write) -> None:
        """Unit and name, and the price together with its quantity where the caller sends no price (that a
        price which is sent is one per unit is assumed)."""
        write.fill("SalesUnitSymbol", product.get("SalesUnitSymbol"))
        write.fill("ProductName", product.get("ProductName"))
        write.fill("LineDescription", product.get("ProductName"))
        if "SalesPrice" not in write.given:
            write.fields["SalesPrice"] = product.get("SalesPrice", 0)
            item = write.in_company("ReleasedProductsV2", write.text("ItemNumber"))
            write.fill("SalesPriceQuantity", item.fields.get("SalesPriceQuantity") if item else None)
        write.fill("SalesPriceQuantity", 1)

    def _default_from(self, header: Row, write: Write) -> None:
        """Site, warehouse, shipping date and currency. Default order settings of products are not
        simulated."""
        customer = write.in_company(CUSTOMERS, str(header.fields.get("RequestingCustomerAccountNumber", "")))
        below: Fields = customer.fields if customer else {}
        for name, of_header, of_customer in (
            ("ShippingSiteId", "DefaultShippingSiteId", "SiteId"),
            ("ShippingWarehouseId", "DefaultShippingWarehouseId", "WarehouseId"),
        ):
            write.fill(name, header.fields.get(of_header) or below.get(of_customer))
        write.fields["CurrencyCode"] = header.fields.get("CurrencyCode")
        write.fill("RequestingCustomerAccountNumber", header.fields.get("RequestingCustomerAccountNumber"))
        if write.text(SHIPPING_DATE)[:10] in ("", "1900-01-01"):
            write.fields[SHIPPING_DATE] = header.fields.get(SHIPPING_DATE)


def fill_line(tx: Transaction, fields: Fields) -> None:
    """The inventory lot of a line that has none: a number of the server's own."""
    if not fields.get("InventoryLotId"):
        fields["InventoryLotId"] = f"LOT-{tx.next_number('InventoryLotId'):08d}"


def _amount(row: Row | None) -> Decimal:
    return as_decimal(row.fields.get("LineAmount")) if row else Decimal(0)


def _next_sequence(write: Write) -> int:
    lines = write.tx.table(LINES)
    rows = [lines.get(key) for key in lines_of(write.tx, write.company, write.text(NUMBER))]
    return max((int(row.fields[_SEQUENCE] or 0) for row in rows if row), default=0) + 1
