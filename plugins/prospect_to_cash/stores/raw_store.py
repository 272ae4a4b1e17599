"""Raw tables: the newest payload of every record, as the source sent it.

A page lands whole or not at all, in one transaction with the note of how far the read has come.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from psycopg2 import errors, sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.pages import Garbled, Page
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores.landing import Arrival, copy_streams, prepare
from prospect_to_cash.stores.poison import Poison, diagnose, readable_text
from prospect_to_cash.stores.rows import one
from prospect_to_cash.stores.statements import ARRIVING, QUARANTINE, Statements


@dataclass(frozen=True)
class Landed:
    """What became of rows: landed (new or changed), unchanged (or older than what stands), quarantined."""

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
        self._statements = Statements.of(read)

    def check(self) -> None:
        """Raises Misconfigured when the table has not been made."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("select to_regclass(%s) is null", (f"raw.{self.read.name}",))
            if one(cursor)[0]:
                raise Misconfigured(
                    f"The staging database has no table raw.{self.read.name}: "
                    "run `python -m prospect_to_cash.stores.migrate`."
                )

    def land(
        self,
        arrival: Arrival,
        progress: Callable[[Cursor, Page], None],
        read_id: int | None = None,
        trusted: bool = False,
    ) -> Landed:
        """Land a page and run ``progress`` in the same transaction.

        A row wins when it is newer than what stands: by version where both have one, else by the time of
        the request; against a tombstone always by time. ``read_id``: the full read that notes the keys it
        met.
        ``trusted``: versions are not compared (a source set back to an older state has older ones).
        Rows that nothing could read later go to raw.quarantine. Raises Garbled for a page that is not JSON,
        or nested deeper than Postgres can read.
        """
        careful = everyone = False
        cut_again = not arrival.page.body
        while True:
            try:
                with self.connection, self.connection.cursor() as cursor:
                    landed = self._land(cursor, arrival, read_id, trusted, careful, everyone)
                    progress(cursor, arrival.page)
                return landed
            except (errors.NotNullViolation, errors.CardinalityViolation):
                # A row without key, or a record twice in a page: rare, so other pages do without the sort.
                if careful:
                    raise
                careful = True
            except errors.StatementTooComplex:
                raise Garbled(f"A record of {self.read.entity} is nested deeper than can be read.") from None
            except errors.InvalidTextRepresentation:
                # The rows were cut wrongly; or they are right, and one of them is no JSON to Postgres.
                if everyone:
                    raise
                everyone = cut_again
                if not cut_again:
                    arrival, cut_again = prepare(arrival.page.split_slow(), self.read), True

    def _land(
        self,
        cursor: Cursor,
        arrival: Arrival,
        read_id: int | None,
        trusted: bool,
        careful: bool,
        everyone: bool,
    ) -> Landed:
        rows = arrival.page.rows
        values = {
            "env": self.env_id,
            "system": self.read.system,
            "entity": self.read.entity,
            "observed": arrival.page.observed_at,
            "read_id": read_id,
            "trusted": trusted,
        }
        poison = self._poison(cursor, rows, range(len(rows)) if everyone else arrival.suspects)
        refused = list(poison.values())
        pieces: Iterable[bytes] = arrival.pieces
        if arrival.suspects or everyone:
            pieces = copy_streams([row for n, row in enumerate(rows) if n not in poison])
        landed = 0
        if len(poison) < len(rows):
            cursor.execute(ARRIVING)
            for piece in pieces:
                cursor.copy_expert(
                    "copy pg_temp.arriving from stdin (format binary)", io.BytesIO(piece), 1 << 20
                )
            keyed = arrival.keyed and not everyone
            if careful and not keyed:
                refused += self._without_key(cursor)
            cursor.execute(self._statements.upsert(self.name, keyed, careful, read_id is not None), values)
            landed = one(cursor)[0]
            self._statements.resolve(cursor, keyed, values)
        for row in refused:
            cursor.execute(QUARANTINE, {**values, **vars(row)})
            if read_id is not None:
                cursor.execute("insert into raw.seen (read_id, key) values (%s, %s)", (read_id, row.key))
        return Landed(landed, len(rows) - landed - len(refused), len(refused), 1)

    def _poison(self, cursor: Cursor, rows: Sequence[bytes], positions: Sequence[int]) -> dict[int, Poison]:
        """Positions of the rows that a later step could not read, among those that need a closer look."""
        if not positions:
            return {}
        cursor.execute(
            "select coalesce(pg_input_is_valid(row_text, 'jsonb'), false) from unnest(%s::text[])"
            " with ordinality as said (row_text, n) order by n",
            ([readable_text(rows[n]) for n in positions],),
        )
        verdicts = [good for (good,) in cursor.fetchall()]
        return {
            n: diagnose(rows[n], self.read.key)
            for n, good in zip(positions, verdicts, strict=True)
            if not good
        }

    def _without_key(self, cursor: Cursor) -> list[Poison]:
        cursor.execute(self._statements.take_keyless())
        return [diagnose(text.encode(), self.read.key) for (text,) in cursor.fetchall()]
