"""Data entities that show the rows of another one's table under their own key and with their own fields.

F&O has several entities over one table, such as `SalesQuotationHeadersV2` beside `CDSSalesQuotationHeaders`:
what is written through one is read through the other. Some show only a part of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from d365_sandbox.schemas.entity import Entity, Field, Key, Wire, fold
from d365_sandbox.store.table import Row, Table

CUSTOMERS = "CustomersV3"
ORDERS = "CDSSalesOrderHeaders"
ORDER_LINES = "CDSSalesOrderLines"
INVOICES = "SalesInvoiceHeadersV2"
INVOICE_LINES = "SalesInvoiceV2Lines"

Tables = Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class View:
    """The set whose table an entity shows, and which of its rows; `beside` are tables that decide it too."""

    table: str
    shows: Callable[[Tables, Row], bool] | None = None
    beside: tuple[str, ...] = ()


def _is_external(tables: Tables, invoice: Row) -> bool:
    """Whether an invoice is one of a customer whom another system maintains (finops-odata sheet, section 3)."""
    account = fold(str(invoice.fields.get("InvoiceCustomerAccountNumber") or ""))
    customer = tables[CUSTOMERS].get((str(invoice.key[0]), account))
    return customer is not None and customer.fields.get("IsExternallyMaintained") == "Yes"


def _is_line_of_external(tables: Tables, line: Row) -> bool:
    company, number, _, day, voucher = (str(part) for part in line.key)
    invoice = tables[INVOICES].get((company, number, day, voucher))
    return invoice is not None and _is_external(tables, invoice)


def _is_distinct(_: Tables, row: Row) -> bool:
    """Products without variants; a master is not a distinct product."""
    return row.fields.get("ProductSubType", "Product") == "Product"


_EXTERNAL_INVOICES = View(INVOICES, _is_external, (CUSTOMERS,))
_EXTERNAL_LINES = View(INVOICE_LINES, _is_line_of_external, (CUSTOMERS, INVOICES))
VIEWS: Mapping[str, View] = {
    "CustomersV2": View(CUSTOMERS),
    "CustomersBase": View(CUSTOMERS),
    "CDSContactPersonsV2": View("CDSContactPersons"),
    "ContactPersons": View("CDSContactPersons"),
    "Companies": View("LegalEntities"),
    "ReleasedDistinctProducts": View("ReleasedProductsV2", _is_distinct),
    "ReleasedDistinctProductsV2": View("ReleasedProductsV2", _is_distinct),
    "SalesQuotationHeadersV2": View("CDSSalesQuotationHeaders"),
    "SalesQuotationLines": View("CDSSalesQuotationLines"),
    "SalesOrderHeadersV2": View(ORDERS),
    "SalesOrderHeadersV4": View(ORDERS),
    "CDSSalesOrderLinesV2": View(ORDER_LINES),
    "SalesOrderLines": View(ORDER_LINES),
    "SalesOrderLinesV3": View(ORDER_LINES),
    "SalesInvoiceHeadersV4": View(INVOICES),
    "SalesInvoiceJournalHeaders": View(INVOICES),
    "ExternallyMaintainedCustomerSalesInvoiceHeaders": _EXTERNAL_INVOICES,
    "SalesInvoiceLines": View(INVOICE_LINES),
    "ExternallyMaintainedCustomerSalesInvoiceLines": _EXTERNAL_LINES,
    "ExternallyMaintainedCustomerSalesInvoiceLinesV2": _EXTERNAL_LINES,
}
"""Entity set -> what it shows of which table."""


def stored_entities(entities: Mapping[str, Entity]) -> dict[str, Entity]:
    """The entities that have a table, each with every field that any entity over it shows."""
    fields: dict[str, dict[str, Field]] = {}
    for entity in sorted(entities.values(), key=lambda e: e.set_name in VIEWS):
        shown = fields.setdefault(table_name(entity), {})
        for field in entity.fields.values():
            shown.setdefault(field.name, field)
    return {name: replace(entities[name], fields=found) for name, found in fields.items()}


def table_name(entity: Entity) -> str:
    view = VIEWS.get(entity.set_name)
    return view.table if view else entity.set_name


def look_up(tables: Tables, entity: Entity, key: Key) -> Row | None:
    """The row that has this key in the entity, whichever entity's table keeps it."""
    view = VIEWS.get(entity.set_name)
    table = tables[table_name(entity)]
    row = table.get(key) if entity.key_fields == table.entity.key_fields else _search(table, entity, key)
    if row is None or view is None or view.shows is None or view.shows(tables, row):
        return row
    return None


def _search(table: Table, entity: Entity, key: Key) -> Row | None:
    names = entity.key_fields
    at = min(1, len(names) - 1)
    for candidate in table.pick(table.holding(names[at], key[at])):
        shown = (candidate.fields.get(name, entity.fields[name].empty) for name in names)
        if tuple(fold(str(value)) for value in shown) == key:
            return candidate
    return None


def as_seen(tables: Tables, entity: Entity) -> Table:
    """The entity's rows for queries, which know the fields of this entity only."""
    table = tables[table_name(entity)]
    view = VIEWS.get(entity.set_name)
    if view is None and len(table.entity.fields) == len(entity.fields):
        return table
    return cast(Table, _Shown(entity, table, view, tables))


class _Shown:
    """What queries need of a table."""

    def __init__(self, entity: Entity, table: Table, view: View | None, tables: Tables) -> None:
        self.entity = entity
        self._table = table
        self._view = view
        self._tables = tables

    @property
    def revision(self) -> int:
        """Grows with every change of a table that the entity looks at."""
        beside = self._view.beside if self._view else ()
        return self._table.revision + sum(self._tables[name].revision for name in beside)

    def rows(self) -> list[Row]:
        return self._narrowed(self._table.rows())

    def pick(self, keys: Iterable[Key]) -> list[Row]:
        return self._narrowed(self._table.pick(keys))

    def holding(self, name: str, value: Wire) -> set[Key]:
        return self._table.holding(name, value)

    def _narrowed(self, rows: list[Row]) -> list[Row]:
        shows = self._view.shows if self._view else None
        return rows if shows is None else [row for row in rows if shows(self._tables, row)]
