"""Compare, in SQL, what the target has with the ledger's belief and with outbound."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one
from prospect_to_cash.flow_card import Write
from prospect_to_cash.reconcile import statements
from prospect_to_cash.reconcile.target_records import LOOK_UPS_AT_ONCE, place_of

_SETTINGS = "set local jit = off; set local work_mem = '64MB'"


class Comparison:
    """The comparison of one write with one environment; its temporary tables belong to the session."""

    def __init__(self, connection: Connection, write: Write, env_id: str) -> None:
        self._connection = connection
        self._write = write
        self._values = {
            "env": env_id,
            "write": write.name,
            "entity": write.entity,
            "by_id": write.id is not None,
            "names": [write.id] if write.id else list(write.key),
            "marks": json.dumps(write.marks or {}),
            "number": write.assigned_by_target[0] if write.assigned_by_target else None,
            "absent": json.dumps(write.absent_parts) if isinstance(write.absent_parts, Mapping) else None,
            "match_on": list(write.match_on) if write.assigned_by_target else [],
        }

    def take_ours(self) -> int:
        """Note the ledger and outbound as they are now, in one snapshot; returns how many records there are."""
        with self._connection, self._connection.cursor() as cursor:
            # All rows of three tables are joined; without statistics the planner would look up each of them by a scan.
            cursor.execute("set local enable_nestloop = off")
            cursor.execute(_SETTINGS)
            cursor.execute(
                sql.SQL(statements.OURS).format(
                    outbound=sql.Identifier("outbound", self._write.relation),
                    place=place_of(self._write, "key"),
                ),
                self._values,
            )
            cursor.execute("select count(*) from pg_temp.ours")
            return int(one(cursor)[0])

    def keys(self, only_absent: bool) -> Iterator[list[dict[str, Any]]]:
        """The keys of our records, some at a time; ``only_absent``: delivered ones that the read did not meet."""
        after = ""
        while True:
            with self._connection, self._connection.cursor() as cursor:
                cursor.execute(
                    """
                    select ours.place, ours.key from pg_temp.ours as ours
                    where ours.has_key and not ours.is_doubtful and ours.place collate "C" > %s
                        and (not %s or (ours.present or ours.is_over) and not exists (
                            select 1 from pg_temp.target as target where target.place = ours.place
                        ))
                    order by ours.place collate "C" limit %s
                    """,
                    (after, only_absent, LOOK_UPS_AT_ONCE),
                )
                rows = cursor.fetchall()
            if not rows:
                return
            yield [key for _, key in rows]
            after = rows[-1][0]

    def compare(self, cursor: Cursor, confirmed: datetime, finds_strangers: bool) -> None:
        """Fill ``pg_temp.difference`` and ``pg_temp.settled``. ``confirmed``: when the look-up of what seemed missing began."""
        values = {**self._values, "confirmed": confirmed}
        cursor.execute(_SETTINGS)
        cursor.execute("analyze pg_temp.target; analyze pg_temp.compared")
        for statement in (
            statements.FIELDS, statements.MISSING, statements.PRESENT, statements.UNSETTLED, statements.NORMALISED,
            statements.SETTLED,
        ):  # fmt: skip
            cursor.execute(statement, values)
        if finds_strangers:
            place = place_of(self._write, "key")
            cursor.execute(sql.SQL(statements.STRANGERS).format(place=place), values)

    def judge(self, cursor: Cursor, repairs: bool) -> None:
        """Fill ``pg_temp.verdict`` for the ledger; ``repairs``: what differs becomes unsure there."""
        cursor.execute(statements.VERDICTS, {"repairs": repairs})

    def counts(self, cursor: Cursor) -> dict[str, int]:
        """How many of our records were compared, and how many were not, by reason."""
        cursor.execute(statements.COUNTS)
        names = ("compared", "pending", "in_doubt", "changed_meanwhile", "without_key", "settled")
        return dict(zip(names, map(int, one(cursor)), strict=True))
