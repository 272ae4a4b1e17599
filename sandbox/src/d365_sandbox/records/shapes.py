"""What a record is: (system, entity set, row), the row in wire shape and without null fields."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid5

SALES = "sales"
FINOPS = "finops"

Row = dict[str, object]
Record = tuple[str, str, Row]

_NAMESPACE = UUID("6f3c2f0e-5d1b-5b8e-9a55-0c5d7c7f2a10")


class RecordsError(ValueError):
    """A file of records cannot be used; the message names file, line, column, value and what to do."""


class Guids:
    """GUIDs of Sales rows, made from a world's name and a row's natural key: the same on every run."""

    def __init__(self, world: str) -> None:
        self._namespace = uuid5(_NAMESPACE, world)

    def of(self, entity_set: str, *key: str | int) -> str:
        return str(uuid5(self._namespace, json.dumps([entity_set, *key])))


def without_nulls(row: Row) -> Row:
    """The row with its null fields left out."""
    return {field: value for field, value in row.items() if value is not None}


def wire_time(moment: datetime) -> str:
    """A moment as both systems write it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def wire_number(number: Decimal) -> int | float:
    """A decimal as a JSON number: whole amounts as integers."""
    return int(number) if number == number.to_integral_value() else float(number)
