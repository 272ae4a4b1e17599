"""Both systems with rules for the parts of their batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from d365_sandbox.dataverse import errors as sales_errors
from d365_sandbox.dataverse.service import SalesService
from d365_sandbox.faults.layer import FaultLayer
from d365_sandbox.finops.service import FinopsService
from d365_sandbox.store.store import Transaction
from d365_sandbox.web.messages import Call, Reply


class _SalesPart(sales_errors.Refused):
    """A part that a rule answers with an error, so that its change set fails."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status, "", "")
        self._reply = reply

    def reply(self, *_: Any, **__: Any) -> Reply:
        return self._reply


class FaultySales(SalesService):
    """Sales whose parts of batches go through the rules."""

    faults: FaultLayer

    def operate(self, call: Call, tx: Transaction | None, references: Mapping[str, str]) -> Reply:
        if not call.in_batch or not self.faults.any_set:
            return super().operate(call, tx, references)
        operate = super().operate
        reply = self.faults.part(call, lambda: operate(call, tx, references))
        if reply.status >= 400:
            raise _SalesPart(reply)
        return reply


class FaultyFinops(FinopsService):
    """F&O whose parts of batches go through the rules; an answer with an error fails a change set there."""

    faults: FaultLayer

    def operate(self, call: Call, tx: Transaction | None) -> Reply:
        if not call.in_batch or not self.faults.any_set:
            return super().operate(call, tx)
        operate = super().operate
        return self.faults.part(call, lambda: operate(call, tx))
