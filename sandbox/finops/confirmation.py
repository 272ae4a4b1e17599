"""Confirming a quotation: a sales order with its lines comes of it, which names the quotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.description import Fields
from sandbox.finops.quotations import LINES, NUMBER, lines_of
from sandbox.finops.views import ORDER_LINES, ORDERS
from sandbox.store.store import Transaction
from sandbox.store.table import Row

if TYPE_CHECKING:
    from sandbox.finops.service import FinopsService

_RENAMED = {
    "RequestingCustomerAccountNumber": "OrderingCustomerAccountNumber",
    "SalesQuotationName": "SalesOrderName",
    "RequestedSalesQuantity": "OrderedSalesQuantity",
}
_LEFT_OUT = {"SalesOrderNumber", "ConfirmedShippingDate", "ConfirmedReceiptDate", "InventoryLotId"}


def order_of(service: FinopsService, tx: Transaction, quotation: Row) -> str:
    """Make the order of a quotation that is confirmed; its number. Raises Refused."""
    company, number = str(quotation.key[0]), str(quotation.fields[NUMBER])
    header = {**_carried(service, ORDERS, quotation.fields), "dataAreaId": company, "QuotationNumber": number}
    order = service.add(tx, service.entities[ORDERS], header)
    for key in sorted(lines_of(tx, company, number)):
        line = tx.table(LINES).get(key)
        if line is not None:
            given = _carried(service, ORDER_LINES, line.fields)
            given["SalesOrderNumber"] = order.fields["SalesOrderNumber"]
            service.add(tx, service.entities[ORDER_LINES], given)
    return str(order.fields["SalesOrderNumber"])


def _carried(service: FinopsService, set_name: str, fields: Fields) -> Fields:
    """The fields that both documents have and that a caller could set."""
    described = service.entities[set_name].fields
    found: Fields = {}
    for name, value in fields.items():
        target = _RENAMED.get(name, name)
        if target in described and described[target].on_create and target not in _LEFT_OUT:
            found[target] = value
    return found
