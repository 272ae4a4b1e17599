"""Quotation headers, and what they pass on to their lines.

Nothing here posts: a quotation is sent, confirmed, lost or cancelled by people in F&O, so its status cannot
be written (finops-odata sheet, section 7; assumed for quotations). Quotations for prospects are not simulated.
"""

from __future__ import annotations

from decimal import Decimal

from d365_sandbox.finops import errors
from d365_sandbox.finops.addresses import Block, check_addresses, fill_countries
from d365_sandbox.finops.numbers import added
from d365_sandbox.finops.parties import CUSTOMERS, customer_name
from d365_sandbox.finops.write import SetRules, Write, failed, frozen, missing, not_found
from d365_sandbox.schemas.entity import Entity, Fields, Key, fold
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

HEADERS = "CDSSalesQuotationHeaders"
LINES = "CDSSalesQuotationLines"
STATUS = "SalesQuotationStatus"
NUMBER = "SalesQuotationNumber"
SHIPPING_DATE = "RequestedShippingDate"

_CLOSED = ("Confirmed", "Lost", "Cancelled")
_BLOCKS = (Block("DeliveryAddress"), Block("InvoiceAddress"))
_NO_DATE = "1900-01-01"


class QuotationRules(SetRules):
    """A header names a customer of its company and the day of shipping; the rest defaults from the
    customer."""

    def prepare(self, write: Write) -> None:
        account = write.text("RequestingCustomerAccountNumber")
        if not account:
            raise missing(write, "Customer account")
        customer = write.in_company(CUSTOMERS, account)
        if customer is None:
            raise not_found(
                write.entity, "RequestingCustomerAccountNumber", account, "Customer account", "Customers"
            )
        _default_from(customer.fields, write)

    def check(self, write: Write) -> None:
        if write.before is not None:
            check_open(write.entity, write.before)
        check_status(write)
        check_shipping_date(write)
        if write.fields.get("IsDeliveryAddressOrderSpecific") == "Yes":
            _check_own_address(write)
        check_addresses(write, _BLOCKS)

    def complete(self, write: Write) -> None:
        fill_countries(write, _BLOCKS)
        write.fields["AreTotalsCalculated"] = "Yes"
        write.fields["QuotationTotalAmount"] = (
            write.before.fields.get("QuotationTotalAmount", 0) if write.before else 0
        )

    def stored(self, tx: Transaction, before: Row | None, after: Row | None) -> None:
        """A header takes its lines along when it is deleted."""
        if before is not None and after is None:
            for key in lines_of(tx, str(before.key[0]), str(before.fields[NUMBER])):
                tx.drop(LINES, key)

    def check_delete(self, tx: Transaction, entity: Entity, row: Row) -> None:
        check_open(entity, row)


def check_open(entity: Entity, header: Row) -> None:
    """Confirmed, Lost and Cancelled quotations cannot be changed or deleted (assumed)."""
    status = header.fields.get(STATUS)
    if status in _CLOSED:
        number = header.fields[NUMBER]
        raise errors.rejected(
            entity.label, [f"Error: Quotation {number} has the status {status} and cannot be changed"]
        )


def check_status(write: Write) -> None:
    """The status of a new row is Created, and it stays as it is (assumed)."""
    stands = write.before.fields.get(STATUS, "Created") if write.before else "Created"
    if write.fields.get(STATUS, stands) != stands:
        raise frozen(write.entity, STATUS)


def check_shipping_date(write: Write) -> None:
    """A shipping date is required; one in the past is refused under delivery date control (the sentence is
    assumed)."""
    day = write.text(SHIPPING_DATE)[:10]
    if day in ("", _NO_DATE):
        raise missing(write, "Requested ship date")
    if write.parameters.delivery_date_control and SHIPPING_DATE in write.changed and day < write.today:
        sentence = f"The requested ship date {day} is earlier than today and is not allowed."
        raise failed(write.entity, SHIPPING_DATE, sentence)


def lines_of(tx: Transaction, company: str, number: str) -> list[Key]:
    """Keys of a quotation's lines, found through the index of quotation numbers."""
    return [key for key in tx.table(LINES).holding(NUMBER, number) if key[0] == company]


def count_in(tx: Transaction, row: Row, *amounts: Decimal) -> None:
    """Add amounts of the line to the total of its header, which keeps its version: totals live in a
    table of their own (assumed). Rows that were planted past the rules are not in it."""
    header = tx.table(HEADERS).get((row.key[0], fold(str(row.fields[NUMBER]))))
    if header is None:
        return
    before = header.fields.get("QuotationTotalAmount", 0)
    after = added(before, *amounts)
    if after != before:
        tx.put(HEADERS, {**header.fields, "QuotationTotalAmount": after}, header.version)


def _default_from(customer: Fields, write: Write) -> None:
    write.fill("InvoiceCustomerAccountNumber", customer.get("InvoiceAccount") or customer["CustomerAccount"])
    write.fill("DefaultShippingSiteId", customer.get("SiteId"))
    write.fill("DefaultShippingWarehouseId", customer.get("WarehouseId"))
    write.fill("LanguageId", customer.get("LanguageId"))
    write.fill("CurrencyCode", customer.get("SalesCurrencyCode"))
    if write.fields.get("IsDeliveryAddressOrderSpecific") != "Yes":
        write.fill("DeliveryAddressName", customer_name(customer))


def _check_own_address(write: Write) -> None:
    """A quotation-specific delivery address needs a country, a name and a description (reported by users of
    dual-write)."""
    if not (
        write.text("DeliveryAddressCountryRegionId") or write.text("DeliveryAddressCountryRegionISOCode")
    ):
        raise missing(write, "Delivery country/region")
    if not write.text("DeliveryAddressName"):
        raise missing(write, "Delivery name")
    if not write.text("DeliveryAddressDescription"):
        raise missing(write, "Delivery address description")
