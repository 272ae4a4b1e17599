"""Quotes, orders and invoices with their lines: numbers, states, prices, totals (dataverse-web-api sheet, 9).

One set of rules serves the three families; which state may follow which is in `document_states`.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass

from d365_sandbox.dataverse import catalog_lines, document_states, errors, pricing
from d365_sandbox.dataverse.document_states import DRAFT
from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

_FIRST_NUMBER = 1000
_INHERITED = (
    "_transactioncurrencyid_value",
    "_ownerid_value",
    "_owninguser_value",
    "_owningteam_value",
    "_owningbusinessunit_value",
)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of document: its two sets, the line's lookup of the header, and what lines copy from it."""

    headers: str
    lines: str
    parent: str
    number: str
    prefix: str
    copies: Mapping[str, str]


FAMILIES = (
    Family("quotes", "quotedetails", "_quoteid_value", "quotenumber", "QUO", {"quotestatecode": "statecode"}),
    Family(
        "salesorders",
        "salesorderdetails",
        "_salesorderid_value",
        "ordernumber",
        "ORD",
        {"salesorderstatecode": "statecode", "salesorderispricelocked": "ispricelocked"},
    ),
    Family(
        "invoices",
        "invoicedetails",
        "_invoiceid_value",
        "invoicenumber",
        "INV",
        {"invoicestatecode": "statecode", "invoiceispricelocked": "ispricelocked"},
    ),
)
QUOTES, ORDERS, INVOICES = FAMILIES
OF_HEADER = {family.headers: family for family in FAMILIES}
OF_LINE = {family.lines: family for family in FAMILIES}


def number(tx: Transaction, entity: Entity, fields: Fields) -> None:
    """Give a new document without a number one such as `QUO-01000-` and six characters (seen; the alphabet is
    assumed)."""
    family = OF_HEADER.get(entity.set_name)
    if family is None or fields.get(family.number):
        return
    tail = "".join(random.choices(string.ascii_uppercase + string.digits, k=6))
    fields[family.number] = f"{family.prefix}-{tx.next_number(family.number, _FIRST_NUMBER):05d}-{tail}"


def check(tx: Transaction, entity: Entity, before: Row | None, given: Fields, fields: Fields) -> None:
    """Check a header or line, and price a line. Raises Refused."""
    if entity.set_name in OF_LINE:
        _check_line(tx, OF_LINE[entity.set_name], entity, before, fields)
    elif entity.set_name in OF_HEADER:
        document_states.check(entity.set_name, before, given, fields)
        _check_currency(tx, OF_HEADER[entity.set_name], before, fields)


def check_delete(tx: Transaction, entity: Entity, row: Row) -> None:
    """Refuse to delete a line of a document that is not open. A document itself can be deleted in any state
    (assumed)."""
    family = OF_LINE.get(entity.set_name)
    if family is not None:
        header = header_of(tx, family, row.fields)
        if header is not None:
            _check_open(family, header)


def header_of(tx: Transaction, family: Family, line: Mapping[str, Wire]) -> Row | None:
    return tx.table(family.headers).get(str(line.get(family.parent)))


def lines_of(tx: Transaction, family: Family, header_id: Wire) -> list[Row]:
    table = tx.table(family.lines)
    return table.pick(table.holding(family.parent, header_id))


def repriced(tx: Transaction, family: Family, before: Row, fields: Fields) -> list[Fields]:
    """The lines of a header whose price list was changed, with the prices of the new one."""
    if before.fields.get("_pricelevelid_value") == fields.get("_pricelevelid_value"):
        return []
    changed: list[Fields] = []
    for row in lines_of(tx, family, _id(before)):
        line = dict(row.fields)
        price(tx, fields, line)
        changed.append(line)
    return changed


def inherit(family: Family, header: Mapping[str, Wire], line: Fields) -> None:
    """What a line has from its header: currency, owner, state."""
    for name in _INHERITED:
        line[name] = header.get(name)
    for copy, name in family.copies.items():
        line[copy] = header.get(name)


def outdated(tx: Transaction, family: Family, header: Row) -> list[tuple[Row, Fields]]:
    """Lines whose copies of the header differ from it, as they should be.

    The copies are read through the header, so that they change without a new version or time of change of the
    line (assumed).
    """
    found = []
    for row in lines_of(tx, family, _id(header)):
        line = dict(row.fields)
        inherit(family, header.fields, line)
        sparse: Fields = {name: value for name, value in line.items() if value is not None}
        if sparse != row.fields:
            found.append((row, sparse))
    return found


def price(tx: Transaction, header: Mapping[str, Wire], line: Fields) -> None:
    """Set unit price, amounts and `pricingerrorcode` of a line.

    Nothing happens where the organisation calculates by itself (`oobpricecalculationenabled` is false) or the
    prices of the document are locked. Errors do not refuse the line: its price is then 0.
    """
    organization = tx.table("organizations").rows()[0].fields
    if organization.get("oobpricecalculationenabled") is False or header.get("ispricelocked") is True:
        return
    error = catalog_lines.NO_ERROR
    if line.get("isproductoverridden") or line.get("ispriceoverridden"):
        error = catalog_lines.MISSING_UNIT_PRICE if line.get("priceperunit") is None else error
    else:
        line["priceperunit"], error = catalog_lines.list_price(tx, header, line)
    if line.get("quantity") is None:
        error = error or catalog_lines.MISSING_QUANTITY
    per_unit = organization.get("discountcalculationmethod") == 1
    amounts = pricing.price_line(line, per_unit, _precision(tx, header))
    line.update({name: float(amount) for name, amount in amounts.items()})
    line["pricingerrorcode"] = error


def total(tx: Transaction, family: Family, header: Fields) -> None:
    """Set the totals of a header from its lines, and `pricingerrorcode` 1 when one of them has an error."""
    organization = tx.table("organizations").rows()[0].fields
    if organization.get("oobpricecalculationenabled") is False:
        return
    key = tx.table(family.headers).entity.key_fields[0]
    lines = [row.fields for row in lines_of(tx, family, header[key])]
    totals = pricing.total_document(header, lines, _precision(tx, header))
    header.update({name: float(amount) for name, amount in totals.items()})
    header["pricingerrorcode"] = int(any(line.get("pricingerrorcode") for line in lines))


def _id(row: Row) -> str:
    return str(row.key)


def _precision(tx: Transaction, header: Mapping[str, Wire]) -> int:
    row = tx.table("transactioncurrencies").get(str(header.get("_transactioncurrencyid_value")))
    precision = row.fields.get("currencyprecision") if row else None
    return precision if isinstance(precision, int) else 2


def _check_line(tx: Transaction, family: Family, entity: Entity, before: Row | None, fields: Fields) -> None:
    header = header_of(tx, family, fields)
    if header is None:
        raise errors.invalid(f"The {entity.type_name} belongs to no document.")
    if before is not None and before.fields.get(family.parent) != fields.get(family.parent):
        raise errors.invalid(f"A {entity.type_name} cannot be moved to another document.")  # assumed
    _check_open(family, header)
    if before is None and header.fields.get("ispricelocked") is True:
        raise errors.Refused(
            400, "0x80043b1d", "The prices of the document are locked: it takes no more lines."
        )
    catalog_lines.check_product(tx, entity, before, fields)
    inherit(family, header.fields, fields)
    price(tx, header.fields, fields)


def _check_open(family: Family, header: Row) -> None:
    """The sentence is the one users see; the code is that of operations in a wrong state (assumed)."""
    if header.fields.get("statecode") != DRAFT:
        raise document_states.read_only(family.headers)


def _check_currency(tx: Transaction, family: Family, before: Row | None, fields: Fields) -> None:
    """Header and price list share a currency; without one the header takes the list's (assumed)."""
    name = "_transactioncurrencyid_value"
    price_list = tx.table("pricelevels").get(str(fields.get("_pricelevelid_value")))
    of_list = price_list.fields.get(name) if price_list else None
    if fields.get(name) is None:
        fields[name] = of_list
    changed = before is not None and fields.get(name) != before.fields.get(name)
    if before is not None and changed and lines_of(tx, family, _id(before)):
        raise errors.Refused(400, "0x8004480e", "The currency cannot be changed: the document has lines.")
    if of_list is not None and fields.get(name) != of_list:
        raise errors.Refused(
            400, "0x80048cf6", "The currency of the record does not match the currency of the price list."
        )
