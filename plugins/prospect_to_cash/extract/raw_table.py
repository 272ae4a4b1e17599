"""Raw tables: the newest payload of every record, as the source sent it (tables ``raw.<system>_<entity>``).

A page lands whole or not at all, in one transaction with the note of how far the read has come. A deleted record keeps its
row, with ``deleted_at`` set.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.odata.pages import Garbled, Page
from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.extract import raw_statements, read_order, seen_keys
from prospect_to_cash.extract.landing import Arrival, copy_streams, prepare
from prospect_to_cash.extract.quarantine import Quarantine
from prospect_to_cash.extract.raw_statements import Statements
from prospect_to_cash.extract.read_order import Asked
from prospect_to_cash.extract.unreadable_rows import UnreadableRow, diagnose, readable_text
from prospect_to_cash.flow_card import Read

MOST_ABSENT_READS = 10


@dataclass(frozen=True)
class Landed:
    """Counts of rows: landed (new or changed), unchanged (or older than the existing row), quarantined; and of pages."""

    landed: int = 0
    unchanged: int = 0
    quarantined: int = 0
    pages: int = 0

    def __add__(self, other: Landed) -> Landed:
        return Landed(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


class RawTable:
    """The raw table of one read for one environment, written through a loader's session."""

    def __init__(self, connection: Connection, env_id: str, read: Read) -> None:
        self.connection = connection
        self.env_id = env_id
        self.read = read
        self.name = sql.Identifier("raw", read.name)
        self._quarantine = Quarantine(env_id, read.system, read.entity)
        self._statements = Statements.of(read)

    def check(self) -> None:
        """Raises Misconfigured when the table does not exist."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("select to_regclass(%s) is null", (f"raw.{self.read.name}",))
            if one(cursor)[0]:
                raise Misconfigured(
                    f"The staging database has no table raw.{self.read.name}: "
                    "run `python -m prospect_to_cash.database.migrate`."
                )

    def land(
        self,
        arrival: Arrival,
        progress: Callable[[Cursor, Page], None],
        asked: int | Asked,
        read_id: int | None = None,
    ) -> Landed:
        """Land a page and call ``progress`` in the same transaction.

        ``asked``: the number of the read that asked for the page, or more exactly when. A row replaces the existing one
        when it is newer: by version where both have one, else by the order of reads; a deleted record by order alone.
        ``read_id``: the full read that notes the keys it meets. It compares by order alone: a source that was restored
        to an earlier state has lower versions.
        Unreadable rows go to raw.quarantine. Raises Garbled for a page that is not JSON or nested too deeply for Postgres.
        """
        deduplicate = check_all = False
        split_slowly = not arrival.page.body
        while True:
            try:
                with self.connection, self.connection.cursor() as cursor:
                    landed = self._land(cursor, arrival, asked, read_id, deduplicate, check_all)
                    progress(cursor, arrival.page)
                return landed
            except (errors.NotNullViolation, errors.CardinalityViolation):
                # A row without key, or a record twice in a page. That is rare, so other pages go without the sort.
                if deduplicate:
                    raise
                deduplicate = True
            except errors.StatementTooComplex:
                raise Garbled(f"A record of {self.read.entity} is nested deeper than can be read.") from None
            except errors.InvalidTextRepresentation:
                # Either the page was split wrongly, or one of its rows is not JSON to Postgres.
                if check_all:
                    raise
                check_all = split_slowly
                if not split_slowly:
                    arrival, split_slowly = prepare(arrival.page.split_slow(), self.read), True

    def _land(
        self,
        cursor: Cursor,
        arrival: Arrival,
        asked: int | Asked,
        read_id: int | None,
        deduplicate: bool,
        check_all: bool,
    ) -> Landed:
        rows = arrival.page.rows
        moment = read_order.asked(cursor, asked, arrival.page.observed_at)
        unreadable = self._unreadable(cursor, rows, range(len(rows)) if check_all else arrival.suspects)
        refused = list(unreadable.values())
        pieces: Iterable[bytes] = arrival.pieces
        if arrival.suspects or check_all:
            pieces = copy_streams([row for n, row in enumerate(rows) if n not in unreadable])
        landed = 0
        if len(unreadable) < len(rows):
            _copy(cursor, pieces)
            keyed = arrival.keyed and not check_all
            if deduplicate and not keyed:
                refused += self._without_key(cursor)
            cursor.execute(
                self._statements.upsert(self.name, keyed, deduplicate, note_seen=read_id is not None),
                {
                    "env": self.env_id,
                    "observed": moment.at,
                    "order": moment.order,
                    "read_id": read_id,
                    "ignore_versions": read_id is not None,
                },
            )
            landed = one(cursor)[0]
            self._quarantine.resolve_landed(cursor, self._statements.page(keyed), moment.order)
        for row in refused:
            self._quarantine.add(cursor, row, moment)
            if read_id is not None:
                seen_keys.add(cursor, read_id, row.key)
        return Landed(landed, len(rows) - landed - len(refused), len(refused), 1)

    def _unreadable(
        self, cursor: Cursor, rows: Sequence[bytes], positions: Sequence[int]
    ) -> dict[int, UnreadableRow]:
        """The unreadable rows among those at ``positions``, by position."""
        if not positions:
            return {}
        cursor.execute(
            "select coalesce(pg_input_is_valid(row_text, 'jsonb'), false) from unnest(%s::text[])"
            " with ordinality as page (row_text, n) order by n",
            ([readable_text(rows[n]) for n in positions],),
        )
        verdicts = [good for (good,) in cursor.fetchall()]
        return {
            n: diagnose(rows[n], self.read.key)
            for n, good in zip(positions, verdicts, strict=True)
            if not good
        }

    def _without_key(self, cursor: Cursor) -> list[UnreadableRow]:
        cursor.execute(self._statements.take_keyless())
        return [diagnose(text.encode(), self.read.key) for (text,) in cursor.fetchall()]

    def count(self, cursor: Cursor) -> int:
        """How many records the table has that are not deleted."""
        cursor.execute(raw_statements.COUNT.format(table=self.name), {"env": self.env_id})
        return int(one(cursor)[0])

    def keys_not_seen(self, cursor: Cursor, read_id: int) -> list[str]:
        """Keys of the records, not deleted, that a full read has not met."""
        cursor.execute(
            raw_statements.KEYS_NOT_SEEN.format(table=self.name), {"env": self.env_id, "read_id": read_id}
        )
        return [key for (key,) in cursor.fetchall()]

    def numeric_key_fields(self) -> frozenset[str]:
        """The key fields that are numbers: a lookup writes these without quotes."""
        fields = self.read.key
        kinds = sql.SQL(", ").join(
            sql.SQL("json_typeof(payload -> {})").format(sql.Literal(field)) for field in fields
        )
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("select {} from {} where env_id = %s limit 1").format(kinds, self.name),
                (self.env_id,),
            )
            found = cursor.fetchone() or ()
        return frozenset(field for field, kind in zip(fields, found, strict=False) if kind == "number")

    def note_seen(self, arrival: Arrival, read_id: int) -> None:
        """Note keys and versions of a page, of which nothing lands, as met by a full read."""
        rows, held = arrival.page.rows, set(arrival.suspects)
        with self.connection, self.connection.cursor() as cursor:
            _copy(cursor, copy_streams([row for n, row in enumerate(rows) if n not in held]))
            page = self._statements.page(keyed=False)
            cursor.execute(seen_keys.INSERT_VERSIONS.format(page=page), {"read_id": read_id})
            for n in arrival.suspects:
                seen_keys.add(cursor, read_id, diagnose(rows[n], self.read.key).key)

    def keys_with_another_version(self, read_id: int) -> list[str]:
        """Keys whose version a full read has met differs from the one that landed, or that have not landed."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                raw_statements.KEYS_WITH_ANOTHER_VERSION.format(table=self.name),
                {"env": self.env_id, "read_id": read_id},
            )
            return [key for (key,) in cursor.fetchall()]

    def mark_absent(self, cursor: Cursor, read_id: int, keys: Sequence[str], order: int) -> int:
        """Mark records as deleted that a full read has not met; returns how many are newly deleted.

        Records deleted before count one more read without them. Quarantined rows that the read has not met are resolved.
        """
        cursor.execute(
            raw_statements.COUNT_ABSENT_READ.format(table=self.name),
            {"env": self.env_id, "most": MOST_ABSENT_READS},
        )
        deleted = self._mark_deleted(cursor, keys, order)
        self._quarantine.resolve_unseen(cursor, read_id)
        return deleted

    def mark_deleted(self, cursor: Cursor, keys: Sequence[str], order: int) -> int:
        """Mark records as deleted that the source reports as such; returns how many are newly deleted.

        A key that never landed is skipped, and so is a record that a later read has returned.
        """
        if not keys:
            return 0
        deleted = self._mark_deleted(cursor, keys, order)
        self._quarantine.resolve_deleted(cursor, keys, order)
        return deleted

    def _mark_deleted(self, cursor: Cursor, keys: Sequence[str], order: int) -> int:
        cursor.execute(
            sql.SQL(raw_statements.MARK_DELETED).format(table=self.name),
            {"env": self.env_id, "keys": list(keys), "order": order},
        )
        return cursor.rowcount


def _copy(cursor: Cursor, pieces: Iterable[bytes]) -> None:
    cursor.execute(raw_statements.ARRIVING)
    for piece in pieces:
        cursor.copy_expert("copy pg_temp.arriving from stdin (format binary)", io.BytesIO(piece), 1 << 20)
