"""What the target has: pages and look-ups, copied as they are into a temporary table of this session.

``pg_temp.target`` has one row per record: its place (the GUID, or the key in lower case), the record, and when the page
that brought it was asked for, by Postgres' clock. Memory holds one page.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.metadata import SetDescription
from prospect_to_cash.clients.odata.pages import whole_rows
from prospect_to_cash.database.rows import one
from prospect_to_cash.flow_card import Write
from prospect_to_cash.load.references import json_text

# Neither occurs in a valid JSON text, so rows are copied without being parsed or escaped.
_COPY = r"copy pg_temp.arrived (began, record) from stdin (format csv, delimiter e'\x02', quote e'\x01')"
LOOK_UPS_AT_ONCE = 1_000


class TargetRecords:
    """Reads the records of one write's entity set."""

    def __init__(
        self,
        connection: Connection,
        client: SystemClient,
        write: Write,
        columns: Sequence[str],
        described: SetDescription,
    ) -> None:
        self._connection = connection
        self._client = client
        self._write = write
        self._described = described
        more = (
            write.key,
            write.marks or (),
            write.match_on,
            write.read_back,
            (write.id,) if write.id else (),
        )
        known = described.properties
        self._columns = sorted(
            set(columns).union(*({name for name in names if name in known} for names in more))
        )
        self._store = sql.SQL(
            """
            insert into pg_temp.target as target (place, began, record)
            select distinct on (1) {place}, began, record from pg_temp.arrived order by 1, began desc
            on conflict (place) do update set began = excluded.began, record = excluded.record
            """
        ).format(place=place_of(write, "record"))
        with connection, connection.cursor() as cursor:
            cursor.execute(
                """
                drop table if exists pg_temp.arrived, pg_temp.target;
                create temp table arrived (began timestamptz not null, record jsonb not null);
                create temp table target (
                    place text collate "C" primary key, began timestamptz not null, record jsonb not null
                )
                """
            )

    def now(self) -> datetime:
        """The clock of Postgres, with which every moment of the ledger is written."""
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("select clock_timestamp()")
            moment: datetime = one(cursor)[0]
            return moment

    def read_all(self) -> int:
        """Copy the whole set, or those of its records that carry our mark; returns how many."""
        orderby = (self._write.id,) if self._write.id else self._write.key
        pages = self._client.pages(self._write.target_set, self._columns, self._filter(), orderby)
        return self._copy(whole_rows(page) for page in pages)

    def look_up(self, keys: Sequence[Mapping[str, Any]]) -> int:
        """Copy the records with these keys (GUIDs as text); returns how many there are."""
        if self._write.id:
            keys = [{name: UUID(str(value)) for name, value in key.items()} for key in keys]
        rows = self._client.lookup(self._write.target_set, keys, self._columns)
        return self._copy(list(rows) for _ in range(1))  # nothing is asked for before the clock is read

    def _copy(self, pages: Iterator[list[bytes]]) -> int:
        """A page counts as read when it was asked for, so the clock is read before the next one is."""
        copied = 0
        began = self.now()
        for rows in pages:
            self._copy_page(began, rows)
            copied += len(rows)
            began = self.now()
        return copied

    def _copy_page(self, began: datetime, rows: Sequence[bytes]) -> None:
        if not rows:
            return
        prefix = began.isoformat().encode() + b"\x02\x01"
        text = b"".join(b"%b%b\x01\n" % (prefix, storable(row)) for row in rows)
        with self._connection, self._connection.cursor() as cursor:
            cursor.copy_expert(_COPY, io.BytesIO(text))
            cursor.execute(self._store)
            cursor.execute("delete from pg_temp.arrived")

    def _filter(self) -> str | None:
        """The mark as a filter; a value of an enumeration is written with its type."""
        terms = []
        for name, value in (self._write.marks or {}).items():
            known = self._described.properties.get(name)
            text = self._client.literal(value, name)  # type: ignore[arg-type]
            terms.append(f"{name} eq {known.type if known and known.is_enum else ''}{text}")
        return " and ".join(terms) or None


def place_of(write: Write, column: str) -> sql.Composable:
    """SQL: where a record is found, from a jsonb column; both systems compare keys without regard to case."""
    names = (write.id,) if write.id else write.key
    return sql.SQL(" || chr(31) || ").join(
        sql.SQL("lower(rtrim(coalesce({} ->> {}, '')))").format(sql.Identifier(column), sql.Literal(name))
        for name in names
    )


def storable(row: bytes) -> bytes:
    """A record as Postgres can store it: U+0000 and halves of characters become U+FFFD."""
    if b"\\u0000" not in row and b"\\ud" not in row.lower():
        try:
            row.decode("utf-8")
        except UnicodeDecodeError:
            return row.decode("utf-8", "replace").encode()
        return row
    record = json.loads(row.decode("utf-8", "replace"), parse_float=Decimal)
    text = json_text({name: _storable_value(value) for name, value in record.items()})
    return text.encode("utf-8", "replace")


def _storable_value(value: object) -> object:
    """Properties of a body are plain values; anything else is not compared."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    return value if isinstance(value, int | Decimal) else None
