"""Unbound actions on documents: `POST /WinQuote` and the like (dataverse sheet, section 9).

The documented actions on opportunities are left out: there are no opportunities here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse import conversions, documents, endings, errors
from d365_sandbox.dataverse.conversions import Conversions
from d365_sandbox.dataverse.documents import INVOICES, ORDERS
from d365_sandbox.dataverse.endings import Endings
from d365_sandbox.dataverse.parameters import Signature, columns_of, row_of
from d365_sandbox.dataverse.payload import PayloadReader, parse_body
from d365_sandbox.dataverse.rows import RowFinder
from d365_sandbox.dataverse.writes import Writer
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row
from d365_sandbox.web.messages import Call

_NOT_SIMULATED = {
    "GenerateInvoiceFromOpportunity",
    "GenerateQuoteFromOpportunity",
    "GenerateSalesOrderFromOpportunity",
    "GetQuoteProductsFromOpportunity",
}
_LOCKS = {
    "LockSalesOrderPricing": (ORDERS, "SalesOrderId", True),
    "UnlockSalesOrderPricing": (ORDERS, "SalesOrderId", False),
    "LockInvoicePricing": (INVOICES, "InvoiceId", True),
    "UnlockInvoicePricing": (INVOICES, "InvoiceId", False),
}
_SIGNATURES: Mapping[str, Signature] = {
    **endings.SIGNATURES,
    **conversions.SIGNATURES,
    **{name: Signature(frozenset({parameter})) for name, (_, parameter, _) in _LOCKS.items()},
    "CalculatePrice": Signature(frozenset({"Target"}), frozenset({"ParentId"})),
}
NAMES = {*_SIGNATURES, *_NOT_SIMULATED}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row that an action returns, and which of its columns are shown."""

    entity: Entity
    row: Row
    select: list[str] | None


class Actions:
    """Runs actions in the caller's transaction."""

    def __init__(self, finder: RowFinder, writer: Writer, clock: Clock) -> None:
        self._entities = finder.entities
        self._writer = writer
        self._endings = Endings(finder.entities, clock)
        self._conversions = Conversions(finder.entities, self._endings, clock)

    def run(self, name: str, call: Call, reader: PayloadReader, tx: Transaction) -> Outcome | None:
        """Run the action and return its result, None if it has none. Raises Refused."""
        if name in _NOT_SIMULATED:
            raise errors.not_simulated(f"The action {name}")
        given = parse_body(name, call.body)
        _SIGNATURES[name].check(name, given)
        writer = self._writer.for_call(call)
        if name in conversions.RESULTS:
            entity = self._entities[conversions.RESULTS[name]]
            select = columns_of(entity, given["ColumnSet"])
            return Outcome(entity, self._conversions.run(tx, writer, name, given), select)
        if name in endings.ENDINGS:
            self._endings.run(tx, writer, reader, name, given)
        elif name in _LOCKS:
            self._lock(tx, writer, name, given)
        else:
            self._calculate(tx, writer, given["Target"])
        return None

    def _lock(self, tx: Transaction, writer: Writer, name: str, given: Mapping[str, Any]) -> None:
        """Lock or unlock the prices of a document. Locking twice is refused, unlocking twice is not
        (assumed)."""
        family, parameter, locked = _LOCKS[name]
        entity = self._entities[family.headers]
        row = row_of(tx, entity, parameter, given[parameter])
        if locked and row.fields.get("ispricelocked") is True:
            raise errors.Refused(
                400, "0x80043b1d", f"The prices of the {entity.type_name} are already locked."
            )
        writer.move(tx, entity, row, {"ispricelocked": locked})

    def _calculate(self, tx: Transaction, writer: Writer, target: Any) -> None:
        """CalculatePrice recalculates lines and totals. The shape of its body is unverified."""
        given = target if isinstance(target, dict) else {}
        for family in documents.FAMILIES:
            entity = self._entities[family.headers]
            key = entity.key_fields[0]
            if key in given:
                writer.recalculate(tx, family, row_of(tx, entity, key, given[key]))
                return
        raise errors.bad_payload(
            "CalculatePrice", "The Target is a quote, an order or an invoice with its key."
        )
