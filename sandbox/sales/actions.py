"""Unbound actions on quotes: `POST /WinQuote`, `/CloseQuote` and `/ReviseQuote` (dataverse-web-api sheet, 9).

The activity rows (`quoteclose`) that the actions leave behind are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.clock import Clock
from sandbox.description import Fields, Wire
from sandbox.odata_subset.addresses import is_guid
from sandbox.sales import documents, errors
from sandbox.sales.documents import ACTIVE, CLOSED, DRAFT, QUOTES, REVISED, WON
from sandbox.sales.payload import PayloadReader, parse_body
from sandbox.sales.rows import RowFinder
from sandbox.sales.writes import Writer
from sandbox.store.store import Transaction
from sandbox.store.table import Row

_NOT_SIMULATED = {
    "CalculatePrice",
    "CancelSalesOrder",
    "ConvertQuoteToSalesOrder",
    "ConvertSalesOrderToInvoice",
    "FulfillSalesOrder",
    "GenerateInvoiceFromOpportunity",
    "GenerateQuoteFromOpportunity",
    "GenerateSalesOrderFromOpportunity",
    "GetQuoteProductsFromOpportunity",
    "LockInvoicePricing",
    "LockSalesOrderPricing",
    "UnlockInvoicePricing",
    "UnlockSalesOrderPricing",
}
_ENDS = {"WinQuote": (WON, (4,)), "CloseQuote": (CLOSED, (5, 6, REVISED))}
NAMES = {*_ENDS, "ReviseQuote", *_NOT_SIMULATED}
_DEFAULT_STATUS = -1  # the first status of the state


class Actions:
    """Carries actions out, inside a transaction of the caller."""

    def __init__(self, finder: RowFinder, writer: Writer, clock: Clock) -> None:
        self._finder = finder
        self._writer = writer
        self._clock = clock
        self._quotes = finder.entities[QUOTES.headers]
        self._lines = finder.entities[QUOTES.lines]

    def run(self, name: str, body: bytes, reader: PayloadReader, tx: Transaction) -> Row | None:
        """Carry the action out; the row is what it answers with. Raises Refused."""
        if name in _NOT_SIMULATED:
            raise errors.not_simulated(f"The action {name}")
        given = parse_body(self._quotes, body)
        if name == "ReviseQuote":
            _check_parameters(name, given, {"QuoteId", "ColumnSet"})
            return self._revise(tx, given)
        _check_parameters(name, given, {"Status", "QuoteClose"})
        self._end(tx, name, given, reader)
        return None

    def _end(self, tx: Transaction, name: str, given: Mapping[str, Any], reader: PayloadReader) -> None:
        """An active quote becomes won or closed. That CloseQuote too wants an active one is assumed."""
        close = given["QuoteClose"]
        bind = close.get("quoteid@odata.bind") if isinstance(close, dict) else None
        if not isinstance(bind, str):
            raise errors.bad_payload("quoteclose", "The quote is missing: give quoteid@odata.bind.")
        found = reader.read(self._lines, {"quoteid@odata.bind": bind}, creating=True)
        row = tx.table(QUOTES.headers).get(str(found[QUOTES.parent]))
        state, accepted = _ENDS[name]
        status = accepted[0] if given["Status"] == _DEFAULT_STATUS else given["Status"]
        if row is None or status not in accepted:
            raise errors.Refused(
                400, "0x80048408", f"{status} is not a valid status code for state code quoteState.{state}."
            )
        if row.fields.get("statecode") != ACTIVE:
            raise errors.Refused(400, "0x80040233", f"{name} needs an active quote.")
        today = self._clock.stamp()[:10]
        self._writer.move(
            tx, self._quotes, row, {"statecode": state, "statuscode": status, "closedon": today}
        )

    def _revise(self, tx: Transaction, given: Mapping[str, Any]) -> Row:
        """A new draft of the newest revision, which was closed as Revised, with copies of its lines.

        It is refused while a draft or active quote has the number (seen). That a lost or canceled quote, or an
        older revision, cannot be revised is assumed.
        """
        quote_id = given["QuoteId"]
        if not isinstance(quote_id, str) or not is_guid(quote_id):
            raise errors.bad_payload(QUOTES.headers, "QuoteId must be a GUID.")
        table = tx.table(QUOTES.headers)
        row = table.get(quote_id.lower())
        if row is None:
            raise errors.no_row(self._quotes.type_name, quote_id)
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
        revised = self._writer.copy(tx, self._quotes, row, fresh)
        for line in documents.lines_of(tx, QUOTES, str(row.key)):
            parent: dict[str, Wire] = {QUOTES.parent: str(revised.key), "quotestatecode": DRAFT}
            self._writer.copy(tx, self._lines, line, parent)
        return revised


def _revision(row: Row) -> int:
    number = row.fields.get("revisionnumber")
    return number if isinstance(number, int) else 0


def _check_parameters(name: str, given: Mapping[str, Any], wanted: set[str]) -> None:
    """Parameter names are case-sensitive and all of them are needed."""
    for parameter in given:
        if parameter not in wanted:
            raise errors.bad_payload(
                name,
                f"The parameter '{parameter}' in the request payload is not a valid parameter for the operation "
                f"'{name}'.",
            )
    for parameter in sorted(wanted - set(given)):
        raise errors.bad_payload(name, f"The parameter '{parameter}' of the operation '{name}' is missing.")
