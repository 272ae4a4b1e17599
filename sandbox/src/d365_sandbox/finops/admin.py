"""The part of the admin API that only F&O has: its parameters, and steps that people take inside F&O.

`GET parameters` and `PUT parameters`; `POST finops/<step>` posts a sales order (posting.py) and `POST
finops/quotation-status` sets the status of a quotation, as its form does: confirming it creates an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from d365_sandbox.clock import Clock
from d365_sandbox.finops import posting
from d365_sandbox.finops.confirmation import order_of
from d365_sandbox.finops.errors import Refused
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.posting import Posting
from d365_sandbox.finops.quotations import HEADERS as QUOTATIONS
from d365_sandbox.finops.quotations import STATUS
from d365_sandbox.finops.rows import changed_version
from d365_sandbox.finops.writer import Writer
from d365_sandbox.schemas.entity import fold
from d365_sandbox.store.store import Store

_ORDER = "finops/"


class Administered(Protocol):
    """What the admin API of F&O works on."""

    parameters: Parameters
    store: Store
    clock: Clock
    writer: Writer

    def flush(self) -> None:
        """Make everything durable."""
        ...


def administer(service: Administered, method: str, what: str, body: Any) -> Any:
    """Answer an admin call; None when it is none of these. Raises ValueError, KeyError or TypeError for a body
    that cannot be used."""
    if what == "parameters" and method == "GET":
        return service.parameters.shown()
    if what == "parameters" and method == "PUT":
        service.parameters = service.parameters.changed(body)
        return service.parameters.shown()
    if what == "finops/quotation-status" and method == "POST":
        return _set_quotation_status(service, body)
    if what.startswith(_ORDER) and method == "POST":
        return _post_order(service, what.removeprefix(_ORDER), body)
    return None


def _post_order(service: Administered, step: str, given: Mapping[str, Any]) -> Mapping[str, str]:
    quantities = {str(name): str(value) for name, value in (given.get("quantities") or {}).items()}
    company, number = str(given.get("dataAreaId", "")).lower(), str(given["SalesOrderNumber"])
    with service.store.transaction() as tx:
        found = posting.run(step, Posting(tx, company, number, service.clock.stamp(), quantities))
    service.flush()
    return found


def _set_quotation_status(service: Administered, given: Mapping[str, Any]) -> Mapping[str, str]:
    status = str(given["status"])
    table = service.store.tables[QUOTATIONS]
    if status not in table.entity.fields[STATUS].members:
        raise ValueError(f"There is no status {status}.")
    row = table.get((str(given.get("dataAreaId", "")).lower(), fold(str(given["SalesQuotationNumber"]))))
    if row is None:
        raise ValueError(f"There is no quotation {given['SalesQuotationNumber']}.")
    found = {STATUS: status}
    try:
        with service.store.transaction() as tx:
            tx.put(QUOTATIONS, {**row.fields, STATUS: status}, changed_version(row))
            if status == "Confirmed" and row.fields.get(STATUS) != status:
                found["SalesOrderNumber"] = order_of(service.writer, tx, row)
    except Refused as refusal:
        raise ValueError(refusal.message) from None
    service.flush()
    return found
