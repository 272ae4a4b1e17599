"""ReviseQuote, ConvertQuoteToSalesOrder and ConvertSalesOrderToInvoice: they make a new document with lines
from an existing one.

Assumed (dataverse sheet, section 9, names inputs and results only): amounts are carried over as they stand, a won quote
may be converted too, an order keeps its state when it is invoiced, and a canceled one cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse import documents, errors
from d365_sandbox.dataverse.document_states import ACTIVE, CANCELED, DRAFT, REVISED, WON
from d365_sandbox.dataverse.documents import INVOICES, ORDERS, QUOTES, Family
from d365_sandbox.dataverse.endings import Endings
from d365_sandbox.dataverse.parameters import Signature, row_of
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.odata.moments import to_utc, wire
from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row

SIGNATURES = {
    "ReviseQuote": Signature(frozenset({"QuoteId", "ColumnSet"})),
    "ConvertQuoteToSalesOrder": Signature(
        frozenset({"QuoteId", "ColumnSet"}),
        frozenset({"QuoteCloseDate", "QuoteCloseStatus", "QuoteCloseSubject", "QuoteCloseDescription"}),
    ),
    "ConvertSalesOrderToInvoice": Signature(frozenset({"SalesOrderId", "ColumnSet"})),
}
RESULTS = {
    "ReviseQuote": QUOTES.headers,
    "ConvertQuoteToSalesOrder": ORDERS.headers,
    "ConvertSalesOrderToInvoice": INVOICES.headers,
}


class Conversions:
    """Makes documents from documents in the caller's transaction."""

    def __init__(self, entities: Mapping[str, Entity], endings: Endings, clock: Clock) -> None:
        self._entities = entities
        self._endings = endings
        self._clock = clock

    def run(self, tx: Transaction, writer: Writer, name: str, given: Mapping[str, Any]) -> Row:
        """The new document. Raises Refused."""
        if name == "ReviseQuote":
            return self._revise(tx, writer, given)
        if name == "ConvertQuoteToSalesOrder":
            return self._order(tx, writer, given)
        return self._invoice(tx, writer, given)

    def _revise(self, tx: Transaction, writer: Writer, given: Mapping[str, Any]) -> Row:
        """A new draft of the newest revision, which was closed as Revised, with copies of its lines.

        It is refused while a draft or active quote has the number (seen). That a lost or canceled quote, or an
        older revision, cannot be revised is assumed.
        """
        row = row_of(tx, self._entities[QUOTES.headers], "QuoteId", given["QuoteId"])
        table = tx.table(QUOTES.headers)
        same = table.pick(table.holding(QUOTES.number, row.fields.get(QUOTES.number)))
        if any(other.fields.get("statecode") in (DRAFT, ACTIVE) for other in same):
            raise errors.Refused(
                400,
                "0x80048d00",
                "Quote cannot be revised as there already exists another quote in Draft/Active state and with "
                "same quote number.",
            )
        newest = max(_revision(other) for other in same)
        if row.fields.get("statuscode") != REVISED or _revision(row) != newest:
            raise errors.Refused(
                400, "0x80040233", "Only the newest revision of a quote, closed as Revised, can be revised."
            )
        fresh: Fields = {"statecode": DRAFT, "statuscode": 1, "closedon": None, "revisionnumber": newest + 1}
        revised = writer.copy(tx, self._entities[QUOTES.headers], row, fresh)
        for line in documents.lines_of(tx, QUOTES, str(row.key)):
            parent: dict[str, Wire] = {QUOTES.parent: str(revised.key), "quotestatecode": DRAFT}
            writer.copy(tx, self._entities[QUOTES.lines], line, parent)
        return revised

    def _order(self, tx: Transaction, writer: Writer, given: Mapping[str, Any]) -> Row:
        """The order of an active quote, which is won by it, or of a won one."""
        quote = row_of(tx, self._entities[QUOTES.headers], "QuoteId", given["QuoteId"])
        state = quote.fields.get("statecode")
        if state == ACTIVE:
            subject, text = given.get("QuoteCloseSubject"), given.get("QuoteCloseDescription")
            activity: dict[str, Wire] = {
                "subject": None if subject is None else str(subject)[:200],
                "description": None if text is None else str(text)[:2000],
                "actualend": _moment(given.get("QuoteCloseDate")),
            }
            status = given.get("QuoteCloseStatus", -1)
            quote = self._endings.end(tx, writer, "WinQuote", quote, status, activity)
        elif state != WON:
            raise errors.Refused(400, "0x80040233", "Only an active or won quote becomes an order.")
        link: Fields = {"_quoteid_value": str(quote.key), "submitdate": None}
        return self._made(tx, writer, QUOTES, ORDERS, quote, link)

    def _invoice(self, tx: Transaction, writer: Writer, given: Mapping[str, Any]) -> Row:
        order = row_of(tx, self._entities[ORDERS.headers], "SalesOrderId", given["SalesOrderId"])
        if order.fields.get("statecode") == CANCELED:
            raise errors.Refused(400, "0x80040233", "A canceled order cannot be invoiced.")
        link: Fields = {"_salesorderid_value": str(order.key)}
        return self._made(tx, writer, ORDERS, INVOICES, order, link)

    def _made(
        self, tx: Transaction, writer: Writer, source: Family, target: Family, row: Row, link: Fields
    ) -> Row:
        """A document of the target family with the columns and lines that it shares with its source."""
        headers, lines = self._entities[target.headers], self._entities[target.lines]
        old_lines = self._entities[source.lines]
        made = writer.derive(tx, headers, row, {**link, "ispricelocked": False, "pricingerrorcode": 0})
        for line in documents.lines_of(tx, source, str(row.key)):
            changes: Fields = {
                target.parent: str(made.key),
                lines.primary_name: line.fields.get(old_lines.primary_name),
            }
            if f"_{old_lines.key_fields[0]}_value" in lines.fields:
                changes[f"_{old_lines.key_fields[0]}_value"] = str(line.key)
            documents.inherit(target, made.fields, changes)
            writer.derive(tx, lines, line, changes)
        return writer.retotaled(tx, target, made)


def _revision(row: Row) -> int:
    number = row.fields.get("revisionnumber")
    return number if isinstance(number, int) else 0


def _moment(value: Any) -> Wire:
    """The date of a parameter. Raises Refused."""
    if value is None:
        return None
    try:
        return wire(to_utc(str(value)))
    except ValueError:
        raise errors.bad_payload("QuoteCloseDate", f"'{value}' is not a date.") from None
