"""Parameters of unbound actions: which there are, and what their values must be (dataverse sheet, section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from d365_sandbox.dataverse import errors
from d365_sandbox.odata.addresses import is_guid
from d365_sandbox.schemas.entity import Entity
from d365_sandbox.store.store import Transaction
from d365_sandbox.store.table import Row


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters that an action needs and those that it takes besides."""

    needed: frozenset[str]
    optional: frozenset[str] = frozenset()

    def check(self, name: str, given: Mapping[str, Any]) -> None:
        """Parameter names are case-sensitive. Raises Refused."""
        for parameter in given:
            if parameter not in self.needed | self.optional:
                raise errors.bad_payload(
                    name,
                    f"The parameter '{parameter}' in the request payload is not a valid parameter for the operation "
                    f"'{name}'.",
                )
        for parameter in sorted(self.needed - set(given)):
            raise errors.bad_payload(
                name, f"The parameter '{parameter}' of the operation '{name}' is missing."
            )


def row_of(tx: Transaction, entity: Entity, parameter: str, value: Any) -> Row:
    """The row whose id a parameter holds. Raises Refused."""
    if not isinstance(value, str) or not is_guid(value):
        raise errors.bad_payload(entity.set_name, f"{parameter} must be a GUID.")
    row = tx.table(entity.set_name).get(value.lower())
    if row is None:
        raise errors.no_row(entity.type_name, value)
    return row


def columns_of(entity: Entity, column_set: Any) -> list[str] | None:
    """The columns that a ColumnSet asks the answer to hold; None are all of them. Raises Refused."""
    members = column_set if isinstance(column_set, dict) else {"": None}
    given = {name: value for name, value in members.items() if "@" not in name}
    columns = given.get("Columns", [])
    if not set(given) <= {"AllColumns", "Columns"} or not isinstance(columns, list):
        raise errors.bad_payload("ColumnSet", "A ColumnSet holds AllColumns or Columns.")
    if given.get("AllColumns") is True:
        return None
    return _wire_names(entity, columns) or [entity.key_fields[0]]


def _wire_names(entity: Entity, columns: list[Any]) -> list[str]:
    """The wire names of columns that are given by logical name. Raises Refused."""
    by_logical = {described.logical: name for name, described in entity.fields.items()}
    for column in columns:
        if not isinstance(column, str) or column not in by_logical:
            raise errors.bad_payload("ColumnSet", f"'{entity.type_name}' has no column '{column}'.")
    return [by_logical[column] for column in columns]


def status_of(given: Any, accepted: tuple[int, ...], type_name: str, state: int) -> int:
    """The status that an end needs; -1 stands for the first of its state. Raises Refused."""
    status = accepted[0] if given == -1 else given
    if not isinstance(status, int) or status not in accepted:
        raise errors.Refused(
            400, "0x80048408", f"{status} is not a valid status code for state code {type_name}State.{state}."
        )
    return status
