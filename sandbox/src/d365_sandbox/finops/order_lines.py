"""Lines of sales orders: product, quantity, unit, site and warehouse, and the amount that the server computes."""

from __future__ import annotations

from d365_sandbox.finops.addresses import Block, check_addresses, fill_countries
from d365_sandbox.finops.numbers import line_amount
from d365_sandbox.finops.orders import (
    NUMBER,
    SHIPPING_DATE,
    check_open,
    check_shipping_date,
    check_statuses,
    check_untouched,
    lines_of,
    outdate_totals,
)
from d365_sandbox.finops.products import check_dimensions, take_product
from d365_sandbox.finops.views import ORDER_LINES, ORDERS
from d365_sandbox.finops.write import SetRules, Write, failed, missing, not_found
from d365_sandbox.schemas.entity import Entity, Fields, fold
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_BLOCKS = (Block("DeliveryAddress"),)
_SEQUENCE = "LineCreationSequenceNumber"
_STATUSES: Fields = {"SalesOrderLineStatus": "Backorder", "SalesOrderProcessingStatus": "Active"}
_NO_DATE = ("", "1900-01-01")


class OrderLineRules(SetRules):
    """A line belongs to an open header and names a product that is released in the company (finops-odata
    sheet, section 7)."""

    def prepare(self, write: Write) -> None:
        number = write.text(NUMBER)
        if not number:
            raise missing(write, "Sales order")
        header = write.in_company(ORDERS, number)
        if header is None:
            raise not_found(write.entity, NUMBER, number, "Sales order", "Sales orders")
        write.fields[NUMBER] = header.fields[NUMBER]
        take_product(write)
        _default_from(header, write)
        if not write.fields.get(_SEQUENCE) and _SEQUENCE not in write.entity.key_fields:
            write.fields[_SEQUENCE] = _next_sequence(write)
        write.fill("LineNumber", write.fields.get(_SEQUENCE))

    def check(self, write: Write) -> None:
        header = write.in_company(ORDERS, write.text(NUMBER))
        if header is not None:
            check_open(write.entity, header)
        if write.before is not None:
            check_untouched(write.entity, write.before)
        check_statuses(write, _STATUSES)
        if not write.creating and {"ProductNumber", "ItemNumber"} & write.given.keys():
            take_product(write)
        if not write.fields.get("OrderedSalesQuantity"):
            raise failed(write.entity, "OrderedSalesQuantity", "Field 'Quantity' must not be zero.")
        check_shipping_date(write)
        _take_site(write)
        check_dimensions(write)
        check_addresses(write, _BLOCKS)

    def complete(self, write: Write) -> None:
        fill_countries(write, _BLOCKS)
        fill_order_line(write.tx, write.fields)
        fields = write.fields
        fields["AreTotalsCalculated"] = fields["AreSalesOrderTotalsUpdated"] = "No"
        try:
            fields["LineAmount"] = line_amount(
                fields.get("SalesPrice"),
                fields.get("SalesPriceQuantity"),
                fields.get("LineDiscountAmount"),
                fields.get("LineDiscountPercentage"),
                fields.get("OrderedSalesQuantity"),
                fields.get("FixedPriceCharges"),
            )
        except ValueError:
            raise failed(write.entity, "LineAmount", "The net amount is too large.") from None

    def stored(self, tx: Transaction, before: Row | None, after: Row | None) -> None:
        """Totals of the order have to be calculated anew."""
        row = after or before
        if row is not None:
            outdate_totals(tx, str(row.key[0]), str(row.fields[NUMBER]))

    def check_delete(self, tx: Transaction, entity: Entity, row: Row) -> None:
        header = tx.table(ORDERS).get((row.key[0], fold(str(row.fields[NUMBER]))))
        if header is not None:
            check_open(entity, header)
        check_untouched(entity, row)


def fill_order_line(tx: Transaction, fields: Fields) -> None:
    """The inventory lot of a line that has none, a number of the server's own, and the number of its order."""
    if not fields.get("InventoryLotId"):
        fields["InventoryLotId"] = f"LOT-{tx.next_number('InventoryLotId'):08d}"
    fields["SalesOrderNumberHeader"] = fields.get(NUMBER)


def _default_from(header: Row, write: Write) -> None:
    """Site, warehouse, dates and currency. Default order settings of products are not simulated."""
    for name, of_header in (
        ("ShippingSiteId", "DefaultShippingSiteId"),
        ("ShippingWarehouseId", "DefaultShippingWarehouseId"),
        ("DeliveryModeCode", "DeliveryModeCode"),
        ("DeliveryTermsId", "DeliveryTermsCode"),
    ):
        write.fill(name, header.fields.get(of_header))
    for name in (SHIPPING_DATE, "RequestedReceiptDate"):
        if write.text(name)[:10] in _NO_DATE:
            write.fields[name] = header.fields.get(name)
    write.fields["CurrencyCode"] = header.fields.get("CurrencyCode")
    for name in ("OrderingCustomerIsExternallyMaintained", "InvoiceCustomerIsExternallyMaintained"):
        write.fields[name] = header.fields.get(name, "No")


def _take_site(write: Write) -> None:
    """A warehouse belongs to one site: it gives the site where there is none, and another site is refused (the
    sentence is assumed)."""
    warehouse = write.in_company("Warehouses", write.text("ShippingWarehouseId"))
    site = str(warehouse.fields.get("OperationalSiteId") or "") if warehouse else ""
    if not site:
        return
    if {"ShippingWarehouseId"} & write.given.keys() and "ShippingSiteId" not in write.given:
        write.fields["ShippingSiteId"] = site
    write.fill("ShippingSiteId", site)
    given = write.text("ShippingSiteId")
    if fold(given) != fold(site):
        sentence = f"Warehouse {write.text('ShippingWarehouseId')} does not belong to site {given}."
        raise failed(write.entity, "ShippingWarehouseId", sentence)


def _next_sequence(write: Write) -> int:
    lines = write.tx.table(ORDER_LINES)
    rows = [lines.get(key) for key in lines_of(write.tx, write.company, write.text(NUMBER))]
    return max((int(row.fields[_SEQUENCE] or 0) for row in rows if row), default=0) + 1
