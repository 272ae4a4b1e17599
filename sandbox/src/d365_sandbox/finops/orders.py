"""Sales order headers: what they take from the customer, and what they pass on to their lines.

Nothing that is written here posts: an order is confirmed, picked, packed and invoiced by functions of the
application (posting.py), so its statuses cannot be written (finops-odata sheet, section 7; assumed).
"""

from __future__ import annotations

from d365_sandbox.finops import errors
from d365_sandbox.finops.addresses import Block, check_addresses, fill_countries
from d365_sandbox.finops.parties import CUSTOMERS, customer_name
from d365_sandbox.finops.views import ORDER_LINES, ORDERS
from d365_sandbox.finops.write import SetRules, Write, failed, frozen, missing, not_found
from d365_sandbox.schemas.entity import Entity, Fields, Key, Wire, fold
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

NUMBER = "SalesOrderNumber"
SHIPPING_DATE = "RequestedShippingDate"
NO_TOTALS: Fields = {"AreTotalsCalculated": "No", "AreTotalsUpdated": "No"}

_CUSTOMER = "OrderingCustomerAccountNumber"
_INVOICED_TO = "InvoiceCustomerAccountNumber"
_CLOSED = ("Invoiced", "Canceled")
_STATUSES: Fields = {"SalesOrderStatus": "Backorder", "SalesOrderProcessingStatus": "Active"}
_BLOCKS = (Block("DeliveryAddress"), Block("InvoiceAddress"))
_OF_CUSTOMER = {
    "DefaultShippingSiteId": "SiteId",
    "DefaultShippingWarehouseId": "WarehouseId",
    "LanguageId": "LanguageId",
    "CurrencyCode": "SalesCurrencyCode",
    "DeliveryModeCode": "DeliveryMode",
    "DeliveryTermsCode": "DeliveryTerms",
    "SalesTaxGroupCode": "SalesTaxGroup",
    "CashDiscountCode": "PaymentCashDiscount",
    "PriceCustomerGroupCode": "DiscountPriceGroupId",
    "Email": "PrimaryContactEmail",
}
_ADDRESS = {
    "Street": "Street",
    "StreetNumber": "StreetNumber",
    "City": "City",
    "ZipCode": "ZipCode",
    "StateId": "State",
    "CountyId": "County",
    "CountryRegionId": "CountryRegionId",
}
_NO_DATE = ("", "1900-01-01")


class OrderRules(SetRules):
    """A header names a customer of its company; the rest defaults from the customer (finops-odata sheet,
    section 7)."""

    def prepare(self, write: Write) -> None:
        account = write.text(_CUSTOMER)
        if not account:
            raise missing(write, "Customer account")
        customer = write.in_company(CUSTOMERS, account)
        if customer is None:
            raise not_found(write.entity, _CUSTOMER, account, "Customer account", "Customers")
        _default_from(customer.fields, write)
        if write.text(SHIPPING_DATE)[:10] in _NO_DATE:
            write.fields[SHIPPING_DATE] = f"{write.today}T12:00:00Z"
        if write.text("RequestedReceiptDate")[:10] in _NO_DATE:
            write.fields["RequestedReceiptDate"] = write.fields[SHIPPING_DATE]
        write.fields["OrderCreationDateTime"] = write.now

    def check(self, write: Write) -> None:
        if write.before is not None:
            check_open(write.entity, write.before)
        check_statuses(write, _STATUSES)
        check_shipping_date(write)
        if write.fields.get("IsDeliveryAddressOrderSpecific") == "Yes":
            _check_own_address(write)
        check_addresses(write, _BLOCKS)

    def complete(self, write: Write) -> None:
        fill_countries(write, _BLOCKS)
        for block in _BLOCKS:
            formatted = _formatted(write.fields, block.prefix)
            name = f"Formatted{block.prefix}"
            write.fields[name if name in write.stored.fields else "FormattedDelveryAddress"] = formatted
        write.fields.update(ownership(write.tx, write.company, write.fields))
        write.fields.update(NO_TOTALS)

    def stored(self, tx: Transaction, before: Row | None, after: Row | None) -> None:
        """A header takes its lines along when it is deleted."""
        if before is not None and after is None:
            for key in lines_of(tx, str(before.key[0]), str(before.fields[NUMBER])):
                tx.drop(ORDER_LINES, key)

    def check_delete(self, tx: Transaction, entity: Entity, row: Row) -> None:
        check_open(entity, row)
        for key in lines_of(tx, str(row.key[0]), str(row.fields[NUMBER])):
            line = tx.table(ORDER_LINES).get(key)
            if line is not None:
                check_untouched(entity, line)


def check_open(entity: Entity, header: Row) -> None:
    """Invoiced and cancelled orders cannot be changed or deleted (assumed)."""
    status = header.fields.get("SalesOrderStatus")
    if status in _CLOSED:
        raise errors.rejected(
            entity.label,
            [f"Error: Sales order {header.fields[NUMBER]} has the status {status} and cannot be changed"],
        )


def check_untouched(entity: Entity, line: Row) -> None:
    """A line of which something is delivered or invoiced cannot be changed or deleted (assumed)."""
    status = line.fields.get("SalesOrderLineStatus", "Backorder")
    if status not in ("None", "Backorder"):
        raise errors.rejected(
            entity.label, [f"Error: The order line has the status {status} and cannot be changed"]
        )


def check_statuses(write: Write, statuses: Fields) -> None:
    """The statuses of a new row are the first ones, and they stay as they are."""
    for name, first in statuses.items():
        stands = write.before.fields.get(name, first) if write.before else first
        if write.given.get(name, stands) != stands:
            raise frozen(write.entity, name)
        write.fields[name] = stands


def check_shipping_date(write: Write) -> None:
    """A date in the past is refused under delivery date control (the sentence is assumed)."""
    day = write.text(SHIPPING_DATE)[:10]
    if write.parameters.delivery_date_control and SHIPPING_DATE in write.given and day < write.today:
        sentence = f"The requested ship date {day} is earlier than today and is not allowed."
        raise failed(write.entity, SHIPPING_DATE, sentence)


def lines_of(tx: Transaction, company: str, number: str) -> list[Key]:
    """Keys of an order's lines, found through the index of order numbers."""
    return sorted(key for key in tx.table(ORDER_LINES).holding(NUMBER, number) if key[0] == company)


def ownership(tx: Transaction, company: str, header: Fields) -> Fields:
    """Whether another system maintains the customers of an order."""
    found: Fields = {}
    for account, name in (
        (_CUSTOMER, "OrderingCustomerIsExternallyMaintained"),
        (_INVOICED_TO, "InvoiceCustomerIsExternallyMaintained"),
    ):
        customer = tx.table(CUSTOMERS).get((company, fold(str(header.get(account) or ""))))
        found[name] = customer.fields.get("IsExternallyMaintained", "No") if customer else "No"
    return found


def outdate_totals(tx: Transaction, company: str, number: str) -> None:
    """Mark the totals of the header and its lines as outdated, without new versions."""
    header = tx.table(ORDERS).get((company, fold(number)))
    if header is None or header.fields.get("AreTotalsCalculated") != "Yes":
        return
    tx.put(ORDERS, {**header.fields, **NO_TOTALS}, header.version)
    for key in lines_of(tx, company, number):
        line = tx.table(ORDER_LINES).get(key)
        if line is not None:
            tx.put(ORDER_LINES, {**line.fields, "AreSalesOrderTotalsUpdated": "No"}, line.version)


def follow_customer(tx: Transaction, before: Row | None, after: Row | None) -> None:
    """Orders show whether their customers are externally maintained, so they follow a change of it."""
    if before is None or after is None:
        return
    name = "IsExternallyMaintained"
    if before.fields.get(name, "No") == after.fields.get(name, "No"):
        return
    orders, company, account = tx.table(ORDERS), str(after.key[0]), after.fields["CustomerAccount"]
    for key in orders.holding(_CUSTOMER, account) | orders.holding(_INVOICED_TO, account):
        header = orders.get(key)
        if header is None or key[0] != company:
            continue
        found = ownership(tx, company, header.fields)
        tx.put(ORDERS, {**header.fields, **found}, header.version)
        for line_key in lines_of(tx, company, str(header.fields[NUMBER])):
            line = tx.table(ORDER_LINES).get(line_key)
            if line is not None:
                tx.put(ORDER_LINES, {**line.fields, **found}, line.version)


def _default_from(customer: Fields, write: Write) -> None:
    invoiced = write.text(_INVOICED_TO) or str(customer.get("InvoiceAccount") or customer["CustomerAccount"])
    write.fields[_INVOICED_TO] = invoiced
    for name, source in _OF_CUSTOMER.items():
        write.fill(name, customer.get(source))
    terms = str(customer.get("PaymentTerms") or "")
    if write.in_company("PaymentTerms", terms):
        write.fill("PaymentTermsName", terms)
    write.fill("SalesOrderName", customer_name(customer))
    if write.fields.get("IsDeliveryAddressOrderSpecific") != "Yes":
        write.fill("DeliveryAddressName", customer_name(customer))
        _take_address(write, customer, "DeliveryAddress")
    payer = write.in_company(CUSTOMERS, invoiced)
    _take_address(write, payer.fields if payer else {}, "InvoiceAddress")


def _take_address(write: Write, customer: Fields, block: str) -> None:
    """Take the customer's address of that role, else the primary one, as a whole; nothing if the caller sent
    any part of it."""
    if any(write.given.get(f"{block}{end}") for end in (*_ADDRESS, "CountryRegionISOCode")):
        return
    source = block if any(customer.get(f"{block}{end}") for end in _ADDRESS.values()) else "Address"
    for end, of_customer in _ADDRESS.items():
        write.fill(f"{block}{end}", customer.get(f"{source}{of_customer}"))


def _check_own_address(write: Write) -> None:
    """An order-specific delivery address needs a country, a name and a description (assumed, as for
    quotations)."""
    if not (write.text(_BLOCKS[0].region) or write.text(_BLOCKS[0].iso)):
        raise missing(write, "Delivery country/region")
    for name, caption in (
        ("DeliveryAddressName", "Delivery name"),
        ("DeliveryAddressDescription", "Delivery address description"),
    ):
        if not write.text(name):
            raise missing(write, caption)


def _formatted(fields: Fields, prefix: str) -> Wire:
    city = " ".join(
        str(fields[n]) for n in (f"{prefix}City", f"{prefix}StateId", f"{prefix}ZipCode") if fields.get(n)
    )
    lines = (fields.get(f"{prefix}Street"), city, fields.get(f"{prefix}CountryRegionId"))
    return "\n".join(str(line) for line in lines if line)
