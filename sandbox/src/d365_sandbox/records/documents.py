"""Quotes as Sales keeps them: header and lines with the amounts that Sales computes from the lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from d365_sandbox.dataverse.pricing import price_line, total_document
from d365_sandbox.records.shapes import Row, wire_number, without_nulls

DRAFT, ACTIVE, WON = (0, 1), (1, 2), (2, 4)  # statecode and statuscode
LOST, CANCELED, REVISED = (3, 5), (3, 6), (3, 7)
PRODUCT, BUNDLE, BUNDLE_PRODUCT, PROJECT_SERVICE = 1, 2, 3, 5  # producttypecode of a line

PER_LINE = False
"""How a fresh organisation reads a line's discount: once for the line, not once for each unit."""


@dataclass(frozen=True)
class Customer:
    """The customer of a document, an account or a contact, with the ship-to address."""

    guid: str
    name: str
    currency: str
    unit: str | None = None
    ship_to: Row = field(default_factory=dict)


@dataclass(frozen=True)
class Document:
    """One revision of a quote: its header with totals and its lines with amounts, both as on the wire."""

    header: Row
    lines: tuple[Row, ...]


def priced(header: Row, lines: Sequence[Row], precision: int = 2) -> Document:
    """A document from its header and its lines without computed amounts; decimals may be Decimal."""
    amounts = [price_line(line, PER_LINE, precision) for line in lines]
    totals = total_document(
        header, ({**line, **a} for line, a in zip(lines, amounts, strict=True)), precision
    )
    return Document(
        as_wire({**header, **totals, "pricingerrorcode": 0}),
        tuple(as_wire({**line, **a, "pricingerrorcode": 0}) for line, a in zip(lines, amounts, strict=True)),
    )


def line_row(guid: str, header: Row, number: int, quantity: Decimal, price: Decimal) -> Row:
    """A line without its product: what every line has."""
    return without_nulls(
        {
            "quotedetailid": guid,
            "_quoteid_value": header["quoteid"],
            "quotestatecode": header["statecode"],
            "lineitemnumber": number,
            "producttypecode": PRODUCT,
            "propertyconfigurationstatus": 2,
            "isproductoverridden": False,
            "ispriceoverridden": True,
            "quantity": quantity,
            "priceperunit": price,
            "requestdeliveryby": header.get("requestdeliveryby"),
            "_transactioncurrencyid_value": header["_transactioncurrencyid_value"],
            "_owningbusinessunit_value": header.get("_owningbusinessunit_value"),
            "modifiedon": header["modifiedon"],
        }
    )


def as_wire(row: Row) -> Row:
    """The row with every decimal as a JSON number."""
    return {name: wire_number(value) if isinstance(value, Decimal) else value for name, value in row.items()}
