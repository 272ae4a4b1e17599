"""Lines of quotations: product, quantity, unit, site and warehouse, and the amount that the server computes."""

from __future__ import annotations

from decimal import Decimal

from d365_sandbox.finops.addresses import Block, check_addresses, fill_countries
from d365_sandbox.finops.numbers import as_decimal, line_amount
from d365_sandbox.finops.parties import CUSTOMERS
from d365_sandbox.finops.products import check_dimensions, take_product
from d365_sandbox.finops.quotations import (
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
from d365_sandbox.finops.write import SetRules, Write, failed, not_found
from d365_sandbox.schemas.entity import Entity, Fields, fold
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_BLOCKS = (Block("DeliveryAddress"),)
_SEQUENCE = "LineCreationSequenceNumber"


class QuotationLineRules(SetRules):
    """A line belongs to an open header and names a product that is released in the company."""

    def prepare(self, write: Write) -> None:
        number = write.text(NUMBER)
        header = write.in_company(HEADERS, number)
        if number and header is None:
            raise not_found(write.entity, NUMBER, number, "Quotation", "Quotations")
        if header is not None:
            write.fields[NUMBER] = header.fields[NUMBER]
            take_product(write)
            self._default_from(header, write)
        if _SEQUENCE not in write.entity.key_fields and not write.fields.get(_SEQUENCE):
            write.fields[_SEQUENCE] = _next_sequence(write)

    def check(self, write: Write) -> None:
        header = write.in_company(HEADERS, write.text(NUMBER))
        if header is not None:
            check_open(write.entity, header)
        check_status(write)
        if not write.creating and {"ProductNumber", "ItemNumber"} & write.given.keys():
            take_product(write)
        if not write.fields.get("RequestedSalesQuantity"):
            raise failed(write.entity, "RequestedSalesQuantity", "Field 'Quantity' must not be zero.")
        check_shipping_date(write)
        check_dimensions(write)
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
