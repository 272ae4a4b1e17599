"""Confirming a quotation creates a sales order with its lines, which refers to the quotation."""

from __future__ import annotations

from d365_sandbox.finops.quotations import LINES, NUMBER, lines_of
from d365_sandbox.finops.views import ORDER_LINES, ORDERS
from d365_sandbox.finops.writer import Writer
from d365_sandbox.schemas.entity import Fields
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_RENAMED = {
    "RequestingCustomerAccountNumber": "OrderingCustomerAccountNumber",
    "SalesQuotationName": "SalesOrderName",
    "RequestedSalesQuantity": "OrderedSalesQuantity",
}
_LEFT_OUT = {"SalesOrderNumber", "ConfirmedShippingDate", "ConfirmedReceiptDate", "InventoryLotId"}


def order_of(writer: Writer, tx: Transaction, quotation: Row) -> str:
    """Create the order of a confirmed quotation and return its number. Raises Refused."""
    company, number = str(quotation.key[0]), str(quotation.fields[NUMBER])
    header = {**_carried(writer, ORDERS, quotation.fields), "dataAreaId": company, "QuotationNumber": number}
    order = writer.add(tx, writer.entities[ORDERS], header)
    for key in sorted(lines_of(tx, company, number)):
        line = tx.table(LINES).get(key)
        if line is not None:
            given = _carried(writer, ORDER_LINES, line.fields)
            given["SalesOrderNumber"] = order.fields["SalesOrderNumber"]
            writer.add(tx, writer.entities[ORDER_LINES], given)
    return str(order.fields["SalesOrderNumber"])


def _carried(writer: Writer, set_name: str, fields: Fields) -> Fields:
    """The fields that both documents have and that a caller could set."""
    described = writer.entities[set_name].fields
    found: Fields = {}
    for name, value in fields.items():
        target = _RENAMED.get(name, name)
        if target in described and described[target].on_create and target not in _LEFT_OUT:
            found[target] = value
    return found
