"""WinQuote, CloseQuote, FulfillSalesOrder and CancelSalesOrder: they close a document and record an activity.

Documented: a quote must be active to be won (dataverse sheet, section 9). That it must be to be closed, and that an
order ends from Active or Submitted, is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse import errors
from d365_sandbox.dataverse.document_states import (
    ACTIVE,
    CANCELED,
    CLOSED,
    FULFILLED,
    OPEN,
    REVISED,
    SUBMITTED,
    WON,
)
from d365_sandbox.dataverse.parameters import Signature, status_of
from d365_sandbox.dataverse.payload import PayloadReader
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.schemas.entity import Entity, Fields, Wire
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row


@dataclass(frozen=True, slots=True)
class Ending:
    """One of the actions: the activity that it takes, the states it starts from, the one it leads to."""

    activity: str
    headers: str
    lookup: str
    starts: tuple[int, ...]
    state: int
    statuses: tuple[int, ...]
    stamp: str


_QUOTE = ("QuoteClose", "quotes", "quoteid", (ACTIVE,))
_ORDER = ("OrderClose", "salesorders", "salesorderid", (OPEN, SUBMITTED))
ENDINGS = {
    "WinQuote": Ending(*_QUOTE, WON, (4,), "closedon"),
    "CloseQuote": Ending(*_QUOTE, CLOSED, (5, 6, REVISED), "closedon"),
    "FulfillSalesOrder": Ending(*_ORDER, FULFILLED, (100001, 100002), "datefulfilled"),
    "CancelSalesOrder": Ending(*_ORDER, CANCELED, (4,), ""),
}
SIGNATURES = {name: Signature(frozenset({"Status", ending.activity})) for name, ending in ENDINGS.items()}
_NUMBERS = {"quotes": ("quotenumber", "quotenumber"), "salesorders": ("ordernumber", "ordernumber")}


class Endings:
    """Closes documents in the caller's transaction."""

    def __init__(self, entities: Mapping[str, Entity], clock: Clock) -> None:
        self._entities = entities
        self._clock = clock

    def run(
        self, tx: Transaction, writer: Writer, reader: PayloadReader, name: str, given: Mapping[str, Any]
    ) -> None:
        """Run one of the actions. Raises Refused."""
        ending = ENDINGS[name]
        activity = self._entities[ending.activity.lower() + "s"]
        body = given[ending.activity]
        bind = f"{ending.lookup}@odata.bind"
        if not isinstance(body, dict) or not isinstance(body.get(bind), str):
            raise errors.bad_payload(ending.activity, f"The document is missing: give {bind}.")
        fields = reader.read(activity, body, creating=True)
        row = tx.table(ending.headers).get(str(fields[f"_{ending.lookup}_value"]))
        if row is None:
            raise errors.invalid("The document does not exist.")
        self.end(tx, writer, name, row, given["Status"], fields)

    def end(
        self, tx: Transaction, writer: Writer, name: str, row: Row, status: object, activity: Fields
    ) -> Row:
        """Close the document; `activity` holds its columns. Raises Refused."""
        ending = ENDINGS[name]
        headers = self._entities[ending.headers]
        settled = status_of(status, ending.statuses, headers.type_name, ending.state)
        if row.fields.get("statecode") not in ending.starts:
            raise errors.Refused(400, "0x80040233", f"{name} needs an active {headers.type_name}.")
        now = self._clock.stamp()
        when = str(activity.get("actualend") or now)
        changes: Fields = {"statecode": ending.state, "statuscode": settled}
        if ending.stamp:
            changes[ending.stamp] = when[:10] if ending.stamp == "closedon" else when
        moved = writer.move(tx, headers, row, changes)
        self._record(tx, writer, ending, moved, {**activity, "actualend": when})
        return moved

    def _record(self, tx: Transaction, writer: Writer, ending: Ending, row: Row, activity: Fields) -> None:
        """Create the completed activity."""
        number, column = _NUMBERS[ending.headers]
        known: dict[str, Wire] = {
            f"_{ending.lookup}_value": str(row.key),
            number: row.fields.get(column),
            "revision": row.fields.get("revisionnumber"),
            "statecode": 1,
            "statuscode": 2,
        }
        writer.create(tx, self._entities[ending.activity.lower() + "s"], {**known, **activity})
