"""States of quotes, orders and invoices: what a PATCH may set, and what is read-only then (dataverse sheet, 9).

Documented: only Draft quotes can be edited; orders are editable while Active. Assumed, as the stricter reading of what
is unverified: the other states of orders and invoices are read-only but for state, owner and the columns of the back
office; documents are created in their first state; Canceled and Fulfilled orders come from actions alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from d365_sandbox.dataverse import errors
from d365_sandbox.schemas.entity import Fields, Wire
from d365_sandbox.store.table import Row

DRAFT, ACTIVE, WON, CLOSED = 0, 1, 2, 3  # statecode of a quote
REVISED = 7  # statuscode of a quote that was closed in order to be revised
OPEN, SUBMITTED, CANCELED, FULFILLED, INVOICED = 0, 1, 2, 3, 4  # statecode of an order
PAID, INVOICE_CANCELED = 2, 3  # statecode of an invoice, beside OPEN

_ORDER_MOVES: Mapping[object, set[int]] = {
    OPEN: {SUBMITTED, INVOICED},
    SUBMITTED: {OPEN, INVOICED},
    FULFILLED: {INVOICED},
}
_STATE = {"statecode", "statuscode"}
_OWNER = {"_ownerid_value", "_owninguser_value", "_owningteam_value"}
_STILL_OPEN = {
    *_STATE,
    *_OWNER,
    "lastbackofficesubmit",
    "submitdate",
    "submitstatus",
    "submitstatusdescription",
    "datefulfilled",
    "datedelivered",
}


def check(set_name: str, before: Row | None, given: Fields, fields: Fields) -> None:
    """Refuse a change to a state that is not allowed, or of a read-only document. Raises Refused."""
    if set_name == "quotes":
        _check_quote(before, given, fields)
        return
    old = OPEN if before is None else before.fields.get("statecode")
    new = fields.get("statecode")
    if before is None and new != OPEN:
        raise errors.Refused(
            400, "0x80048408", "The document is created as active and changes its state afterwards."
        )
    if new != old and set_name == "salesorders":
        _move_order(old, new)
    elif new != old:
        _move_invoice(old, new)
    elif old != OPEN and not set(given) <= _STILL_OPEN:
        raise read_only(set_name)


def read_only(set_name: str) -> errors.Refused:
    """A change of a document, or of its lines, that is not open. The code is that of a wrong state (assumed)."""
    open_state = "a draft" if set_name == "quotes" else "active"
    return errors.Refused(
        400, "0x80040233", f"Cannot update a read-only entity: the {set_name[:-1]} is not {open_state}."
    )


def _move_order(old: object, new: object) -> None:
    if new not in _ORDER_MOVES.get(old, set()):
        raise errors.Refused(
            400, "0x80040233", f"An order cannot be set from state {old} to state {new} by an update."
        )


def _move_invoice(old: object, new: object) -> None:
    if old == OPEN and new in (PAID, INVOICE_CANCELED):
        return
    code = {PAID: "0x80100000", INVOICE_CANCELED: "0x80100001"}.get(int(str(new)), "0x80040233")
    raise errors.Refused(
        400, code, f"An invoice cannot be set from state {old} to state {new}: it is not active."
    )


def _check_activation(old: Wire, fields: Fields) -> None:
    if old != DRAFT:
        raise errors.Refused(400, "0x80100003", "The quote cannot be activated because it is not a draft.")
    if fields.get("_pricelevelid_value") is None:
        raise errors.Refused(400, "0x80043b12", "The price level id is missing.")
    if fields.get("_customerid_value") is None:
        raise errors.invalid("The customer of the quote is missing.")


def _check_quote(before: Row | None, given: Fields, fields: Fields) -> None:
    """Only drafts can be edited and activated. Other states change through actions, and an active quote is
    edited by revising it. Assigning a quote to another owner is not an edit (assumed)."""
    old = DRAFT if before is None else before.fields.get("statecode")
    new = fields.get("statecode")
    if before is None and new != DRAFT:
        raise errors.Refused(400, "0x80048408", "A quote is created as a draft and activated afterwards.")
    if "statecode" in given and new == ACTIVE:
        _check_activation(old, fields)
    elif new in (WON, CLOSED) and new != old:
        raise errors.Refused(400, "0x80040233", "A quote is won by WinQuote and closed by CloseQuote.")
    elif old != DRAFT and not set(given) <= _OWNER:
        raise read_only("quotes")
