"""One row of an answer, where the statement always gives one."""

from __future__ import annotations

from typing import Any

from psycopg2.extensions import cursor as Cursor


def one(cursor: Cursor) -> tuple[Any, ...]:
    """The row of a statement that always returns one; its absence is a fault of the statement."""
    row = cursor.fetchone()
    if row is None:
        raise AssertionError("a statement that returns a row returned none")
    return row
