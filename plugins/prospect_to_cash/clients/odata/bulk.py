"""Bulk actions of Dataverse: many rows of one table in one request.

learn.microsoft.com/power-apps/developer/data-platform/bulk-operations. On a standard table a bulk action is kept as a
whole or not at all, and its refusal does not name the row at fault. The sender finds that row by sending fewer.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from prospect_to_cash.clients.odata import literals
from prospect_to_cash.clients.odata.operations import Answer, Operation
from prospect_to_cash.clients.odata.pages import BOM

Message = Literal["CreateMultiple", "UpdateMultiple", "UpsertMultiple"]

NAMESPACE = "Microsoft.Dynamics.CRM"
Ask = Callable[[str, float], list[dict[str, object]] | None]
"""Reads the rows behind a path within seconds; None when the service does not answer."""


@dataclass(frozen=True)
class Table:
    """The logical name of a set's table and the property that identifies its rows."""

    logical_name: str
    primary_id: str


def message_of(operation: Operation) -> Message | None:
    """The bulk action that could carry the operation. None of them carries an etag."""
    if operation.create_only or operation.method == "DELETE":
        return None
    if operation.method == "POST":
        return "CreateMultiple"
    if operation.if_match == "*":
        return "UpdateMultiple" if isinstance(operation.key, str) else None
    return None if operation.if_match else "UpsertMultiple"


class BulkActions:
    """The bulk actions that an organisation offers, by table; asked once for all threads."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._tables: dict[str, Table | None] = {}
        self._offered: dict[tuple[str, Message], bool] = {}

    def offered(self, operation: Operation, seconds: float) -> Message | None:
        """The bulk action for the operation; None when that cannot be found out within `seconds`."""
        message = message_of(operation)
        if message is None or not self._can_carry(operation):
            return None
        with self._lock:
            key = (operation.entity, message)
            if key not in self._offered:
                self._offered[key] = self._asked(operation.entity, message, seconds)
            return message if self._offered[key] else None

    def withdraw(self, entity: str, message: Message) -> None:
        """Note that the organisation does not know the action after all."""
        with self._lock:
            self._offered[entity, message] = False

    def body(self, message: Message, operations: Sequence[Operation]) -> bytes:
        """The body of the request; every target names its type and, unless it is a create, its record."""
        table = self._tables[operations[0].entity]
        assert table is not None
        return b'{"Targets":[' + b",".join(_target(message, table, each) for each in operations) + b"]}"

    @staticmethod
    def _can_carry(operation: Operation) -> bool:
        body = (operation.body or b"").strip()
        return body[:1] == b"{" and b'"@odata.type"' not in body and b'"@odata.id"' not in body

    def _asked(self, entity: str, message: Message, seconds: float) -> bool:
        if entity not in self._tables:
            self._tables[entity] = self._table(entity, seconds)
        table = self._tables[entity]
        if table is None:
            return False
        condition = (
            f"primaryobjecttypecode eq {literals.literal(table.logical_name)}"
            f" and sdkmessageid/name eq {literals.literal(message)}"
        )
        options = {"$select": "primaryobjecttypecode", "$filter": condition}
        return bool(self._ask(f"sdkmessagefilters?{literals.query(options)}", seconds))

    def _table(self, entity: str, seconds: float) -> Table | None:
        options = {
            "$select": "LogicalName,PrimaryIdAttribute",
            "$filter": f"EntitySetName eq {literals.literal(entity)}",
        }
        rows = self._ask(f"EntityDefinitions?{literals.query(options)}", seconds) or []
        names = [(row.get("LogicalName"), row.get("PrimaryIdAttribute")) for row in rows]
        if len(names) != 1 or not all(isinstance(name, str) and name for name in names[0]):
            return None
        return Table(str(names[0][0]), str(names[0][1]))


def action_path(entity: str, message: Message) -> str:
    """The action, bound to the set."""
    return f"{literals.record_path(entity)}/{NAMESPACE}.{message}"


def answers(message: Message, operations: Sequence[Operation], body: bytes, base: Answer) -> list[Answer]:
    """One answer per operation of a bulk action that succeeded.

    CreateMultiple returns the ids in order. UpsertMultiple does not say which rows it created.
    """
    created = {"CreateMultiple": True, "UpdateMultiple": False, "UpsertMultiple": None}[message]
    ids = _ids(body) if message == "CreateMultiple" else [each.key for each in operations]
    known = ids if len(ids) == len(operations) else [None] * len(operations)
    return [
        Answer(
            "done",
            base.status,
            created=created,
            entity_id=key.lower() if isinstance(key, str) and literals.is_guid(key) else None,
            request_id=base.request_id,
        )
        for key in known
    ]


def _ids(body: bytes) -> list[object]:
    try:
        found = orjson.loads(body.removeprefix(BOM))
    except orjson.JSONDecodeError:
        return []
    ids = found.get("Ids") if isinstance(found, dict) else None
    return ids if isinstance(ids, list) else []


def _target(message: Message, table: Table, operation: Operation) -> bytes:
    target: dict[str, object] = {"@odata.type": f"{NAMESPACE}.{table.logical_name}"}
    if message == "UpsertMultiple":
        target["@odata.id"] = literals.record_path(operation.entity, operation.key)
    elif message == "UpdateMultiple":
        target[table.primary_id] = str(operation.key).lower()
    fields = (operation.body or b"{}").strip()[1:].lstrip()
    head = orjson.dumps(target)[:-1]
    return head + (fields if fields[:1] == b"}" else b"," + fields)
