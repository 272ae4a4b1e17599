"""Posting of sales orders, as people and batch jobs in F&O do it: confirm, pick, pack, invoice, cancel,
calculate totals.

None of this is done by writing a field (finops-odata sheet, section 7). How far an order must have come for each
step is assumed: every later step can be posted at once, as the standard setup of the posting forms allows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from d365_sandbox.finops.numbers import added, as_decimal, exact
from d365_sandbox.finops.orders import NUMBER, lines_of
from d365_sandbox.finops.rows import changed_version, new_version
from d365_sandbox.finops.views import INVOICE_LINES, INVOICES, ORDER_LINES, ORDERS
from d365_sandbox.schemas.entity import Fields, fold
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_SEQUENCE = "LineCreationSequenceNumber"
_TO_INVOICE = (
    "CurrencyCode", "SalesOrderNumber", "DeliveryTermsCode", "ContactPersonId", "PaymentTermsName", "DeliveryModeCode",
    "CustomersOrderReference", "SalesOrderOriginCode", "SalesOrderOriginType",
    "InvoiceCustomerAccountNumber", "InvoiceAddressStreet", "InvoiceAddressStreetNumber", "InvoiceAddressCity",
    "InvoiceAddressZipCode", "InvoiceAddressCountryRegionId", "InvoiceAddressCountryRegionISOCode",
)  # fmt: skip
_TO_INVOICE_LINE = {
    "ProductNumber": "ProductNumber",
    "ProductName": "ProductName",
    "LineDescription": "ProductDescription",
    "SalesUnitSymbol": "SalesUnitSymbol",
    "SalesPrice": "SalesPrice",
    "CurrencyCode": "CurrencyCode",
    "ConfirmedShippingDate": "ConfirmedShippingDate",
    "ShippingSiteId": "InventorySiteId",
    "ShippingWarehouseId": "InventoryWarehouseId",
    "ItemBatchNumber": "ItemBatchNumber",
    "SalesProductCategoryName": "SalesProductCategoryName",
    "SalesProductCategoryHierarchyName": "SalesProductCategoryHierarchyName",
}


class PostingError(ValueError):
    """The order cannot be posted; the message is a sentence."""


@dataclass(slots=True)
class Posting:
    """One step with one order: `quantities` limits an invoice to some lines, by line sequence number."""

    tx: Transaction
    company: str
    number: str
    now: str
    quantities: Mapping[str, str] = field(default_factory=dict)

    @property
    def header(self) -> Row:
        row = self.tx.table(ORDERS).get((self.company, fold(self.number)))
        if row is None:
            raise PostingError(f"There is no sales order {self.number} in {self.company}.")
        return row

    @property
    def lines(self) -> list[Row]:
        table = self.tx.table(ORDER_LINES)
        return [row for key in lines_of(self.tx, self.company, self.number) if (row := table.get(key))]

    def change(self, row: Row, set_name: str, **fields: str) -> None:
        self.tx.put(set_name, {**row.fields, **fields}, changed_version(row))


def run(step: str, posting: Posting) -> dict[str, str]:
    """Post a step by its name and return its documents. Raises PostingError."""
    function = STEPS.get(step)
    if function is None:
        raise PostingError(f"There is no step {step}: {', '.join(STEPS)} can be posted.")
    header = posting.header
    if header.fields.get("SalesOrderStatus") in ("Invoiced", "Canceled") and step != "calculate-totals":
        raise PostingError(f"Sales order {posting.number} is {header.fields['SalesOrderStatus']}.")
    if not posting.lines:
        raise PostingError(f"Sales order {posting.number} has no lines.")
    return function(posting)


def _confirm(posting: Posting) -> dict[str, str]:
    header = posting.header
    if header.fields.get("SalesOrderProcessingStatus", "Active") != "Active":
        raise PostingError(f"Sales order {posting.number} is confirmed already.")
    day = str(header.fields.get("RequestedShippingDate"))
    for line in posting.lines:
        shipping = str(line.fields.get("RequestedShippingDate") or day)
        posting.change(
            line, ORDER_LINES, SalesOrderProcessingStatus="Confirmed", ConfirmedShippingDate=shipping
        )
    posting.change(header, ORDERS, SalesOrderProcessingStatus="Confirmed", ConfirmedShippingDate=day)
    return {"SalesOrderProcessingStatus": "Confirmed"}


def _pick(posting: Posting) -> dict[str, str]:
    for line in posting.lines:
        fields = {**line.fields, "SalesOrderProcessingStatus": "Picked"}
        fields["PickedQuantity"] = line.fields.get("OrderedSalesQuantity")
        posting.tx.put(ORDER_LINES, fields, changed_version(line))
    posting.change(posting.header, ORDERS, SalesOrderProcessingStatus="Picked")
    return {"SalesOrderProcessingStatus": "Picked"}


def _pack(posting: Posting) -> dict[str, str]:
    statuses = {"SalesOrderLineStatus": "Delivered", "SalesOrderProcessingStatus": "Delivered"}
    for line in posting.lines:
        if line.fields.get("SalesOrderLineStatus") != "Invoiced":
            posting.change(line, ORDER_LINES, **statuses)
    posting.change(
        posting.header, ORDERS, SalesOrderStatus="Delivered", SalesOrderProcessingStatus="Delivered"
    )
    return {"SalesOrderProcessingStatus": "Delivered"}


def _cancel(posting: Posting) -> dict[str, str]:
    for line in posting.lines:
        if line.fields.get("SalesOrderLineStatus", "Backorder") != "Backorder":
            raise PostingError(f"Sales order {posting.number} is delivered or invoiced in part.")
        posting.change(
            line, ORDER_LINES, SalesOrderLineStatus="Canceled", SalesOrderProcessingStatus="Canceled"
        )
    posting.change(posting.header, ORDERS, SalesOrderStatus="Canceled", SalesOrderProcessingStatus="Canceled")
    return {"SalesOrderStatus": "Canceled"}


def _calculate_totals(posting: Posting) -> dict[str, str]:
    """The batch job *Calculate sales totals*. Sales tax is not simulated: its amounts are 0."""
    amounts: dict[str, list[Decimal]] = {"amount": [], "discount": [], "charges": []}
    for line in posting.lines:
        own = _line_totals(line.fields)
        for name, value in own.items():
            amounts[name].append(value)
        fields = {**line.fields, "AreTotalsCalculated": "Yes", "AreSalesOrderTotalsUpdated": "Yes"}
        fields["TotalDiscountAmount"] = exact(f"{own['discount']:f}")
        fields["TotalChargesAmount"] = exact(f"{own['charges']:f}")
        posting.tx.put(ORDER_LINES, fields, line.version)
    header = posting.header
    totals: Fields = {
        "AreTotalsCalculated": "Yes",
        "AreTotalsUpdated": "Yes",
        "OrderTotalAmount": added(0, *amounts["amount"]),
        "OrderTotalDiscountAmount": added(0, *amounts["discount"]),
        "OrderTotalChargesAmount": added(0, *amounts["charges"]),
    }
    posting.tx.put(ORDERS, {**header.fields, **totals}, header.version)
    return {"AreTotalsCalculated": "Yes"}


def _invoice(posting: Posting) -> dict[str, str]:
    header, tx = posting.header, posting.tx
    taken = {line.key: _quantity(posting, line) for line in posting.lines}
    if not any(taken.values()):
        raise PostingError(f"There is nothing to invoice on sales order {posting.number}.")
    key: Fields = {
        "dataAreaId": posting.company,
        "InvoiceNumber": f"CIV-{tx.next_number(f'Invoice.{posting.company}'):06d}",
        "InvoiceDate": f"{posting.now[:10]}T12:00:00Z",
        "LedgerVoucher": f"SIV-{tx.next_number(f'Voucher.{posting.company}'):06d}",
    }
    amounts: dict[str, list[Decimal]] = {"amount": [], "discount": [], "charges": []}
    for line in posting.lines:
        quantity = taken[line.key]
        if quantity:
            for name, value in _invoice_line(posting, key, line, quantity).items():
                amounts[name].append(value)
    invoice = {name: header.fields[name] for name in _TO_INVOICE if header.fields.get(name)}
    invoice["InvoiceAddressState"] = header.fields.get("InvoiceAddressStateId", "")
    invoice["TotalInvoiceAmount"] = added(0, *amounts["amount"])
    invoice["TotalDiscountAmount"] = invoice["TotalLineDiscount"] = added(0, *amounts["discount"])
    invoice["TotalChargeAmount"] = added(0, *amounts["charges"])
    tx.put(INVOICES, {**key, **invoice}, new_version(tx))
    _follow(posting, header)
    return {name: str(value) for name, value in key.items()}


def _invoice_line(posting: Posting, key: Fields, line: Row, quantity: Decimal) -> dict[str, Decimal]:
    """One line of the invoice: its share of the amounts of the order line."""
    share = quantity / as_decimal(line.fields["OrderedSalesQuantity"])
    own = {name: _cents(value * share) for name, value in _line_totals(line.fields).items()}
    fields: Fields = {
        **key,
        _SEQUENCE: line.fields[_SEQUENCE],
        "InvoicedQuantity": exact(f"{quantity:f}"),
        "LineAmount": exact(f"{own['amount']:f}"),
        "LineTotalDiscountAmount": exact(f"{own['discount']:f}"),
        "LineTotalChargeAmount": exact(f"{own['charges']:f}"),
    }
    for name, target in _TO_INVOICE_LINE.items():
        if line.fields.get(name):
            fields[target] = line.fields[name]
    posting.tx.put(INVOICE_LINES, fields, new_version(posting.tx))
    return own


def _follow(posting: Posting, header: Row) -> None:
    """The statuses of lines and header after an invoice: Invoiced only when nothing is left."""
    left = False
    for line in posting.lines:
        invoiced = invoiced_quantity(posting.tx, line)
        if invoiced == as_decimal(line.fields["OrderedSalesQuantity"]):
            posting.change(
                line, ORDER_LINES, SalesOrderLineStatus="Invoiced", SalesOrderProcessingStatus="Invoiced"
            )
        else:
            left = True
            if invoiced:
                posting.change(line, ORDER_LINES, SalesOrderProcessingStatus="PartiallyInvoiced")
    delivered = header.fields.get("SalesOrderStatus") == "Delivered"
    if not left:
        posting.change(header, ORDERS, SalesOrderStatus="Invoiced", SalesOrderProcessingStatus="Invoiced")
    elif delivered:
        posting.change(header, ORDERS, SalesOrderProcessingStatus="DeliveredPartiallyInvoiced")
    else:
        posting.change(header, ORDERS, SalesOrderProcessingStatus="PartiallyInvoiced")


def invoiced_quantity(tx: Transaction, line: Row) -> Decimal:
    """How much of an order line earlier invoices hold."""
    company, found = line.key[0], Decimal(0)
    invoices, lines = tx.table(INVOICES), tx.table(INVOICE_LINES)
    for key in invoices.holding(NUMBER, line.fields[NUMBER]):
        if key[0] == company:
            for row in lines.pick(lines.holding("InvoiceNumber", str(key[1]))):
                if row.key[0] == company and row.fields[_SEQUENCE] == line.fields[_SEQUENCE]:
                    found += as_decimal(row.fields.get("InvoicedQuantity"))
    return found


def _quantity(posting: Posting, line: Row) -> Decimal:
    left = as_decimal(line.fields["OrderedSalesQuantity"]) - invoiced_quantity(posting.tx, line)
    if not posting.quantities:
        return left
    wanted = Decimal(str(posting.quantities.get(str(line.fields[_SEQUENCE]), 0)))
    if not 0 <= wanted <= left:
        raise PostingError(f"Line {line.fields[_SEQUENCE]} has {left} left to invoice, not {wanted}.")
    return wanted


def _line_totals(line: Fields) -> dict[str, Decimal]:
    quantity = as_decimal(line.get("OrderedSalesQuantity"))
    charges = as_decimal(line.get("FixedPriceCharges"))
    full = (
        as_decimal(line.get("SalesPrice"))
        / max(as_decimal(line.get("SalesPriceQuantity")), Decimal(1))
        * quantity
    )
    amount = as_decimal(line.get("LineAmount"))
    return {"amount": amount, "discount": _cents(full - amount + charges), "charges": charges}


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


STEPS: Mapping[str, Callable[[Posting], dict[str, str]]] = {
    "confirm": _confirm,
    "pick": _pick,
    "pack": _pack,
    "invoice": _invoice,
    "cancel": _cancel,
    "calculate-totals": _calculate_totals,
}
