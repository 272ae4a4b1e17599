"""What a complete full read did not meet: candidates, their confirmation by key, tombstones."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.stores.raw_store import RawTable
from prospect_to_cash.stores.rows import one

MOST_ABSENT_READS = 10


@dataclass(frozen=True)
class Absences:
    """Live records that a full read did not meet (``keys``), of how many, and how many rows it met.

    ``seen`` is None when the notes on the read were lost in a crash of Postgres.
    """

    keys: list[str]
    standing: int
    seen: int | None

    @property
    def looks_emptied(self) -> bool:
        """Whether most of a table of some size would vanish at once: rather a fault than a clean-up."""
        return self.standing > 20 and len(self.keys) * 2 > self.standing


def absences(table: RawTable, read_id: int) -> Absences:
    """Compare what stands with what the read met."""
    with table.connection, table.connection.cursor() as cursor:
        cursor.execute(
            "select case when bool_or(key is null) then count(key) end from raw.seen where read_id = %s",
            (read_id,),
        )
        seen = one(cursor)[0]
        cursor.execute(
            sql.SQL("select count(*) from {} where env_id = %s and deleted_at is null").format(table.name),
            (table.env_id,),
        )
        standing = one(cursor)[0]
        cursor.execute(
            sql.SQL(
                "select key from {} as standing where env_id = %s and deleted_at is null and not exists"
                " (select 1 from raw.seen where read_id = %s and seen.key = standing.key) order by key"
            ).format(table.name),
            (table.env_id, read_id),
        )
        return Absences([key for (key,) in cursor.fetchall()], standing, seen)


def numbers_in_key(table: RawTable) -> frozenset[str]:
    """The key fields that are numbers: a lookup has to write these without quotes."""
    fields = table.read.key
    kinds = sql.SQL(", ").join(
        sql.SQL("json_typeof(payload -> {})").format(sql.Literal(field)) for field in fields
    )
    with table.connection, table.connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("select {} from {} where env_id = %s limit 1").format(kinds, table.name), (table.env_id,)
        )
        found = cursor.fetchone() or ()
    return frozenset(field for field, kind in zip(fields, found, strict=False) if kind == "number")


def bury(cursor: Cursor, table: RawTable, read_id: int, confirmed: list[str], observed_at: object) -> int:
    """Set tombstones on confirmed absences, count one more read on those that stood; returns new ones.

    Quarantined records that the read did not meet are gone too, and hold nothing any more.
    """
    values = {
        "env": table.env_id,
        "system": table.read.system,
        "entity": table.read.entity,
        "read_id": read_id,
        "keys": confirmed,
        "observed": observed_at,
        "most": MOST_ABSENT_READS,
    }
    cursor.execute(
        sql.SQL(
            "update {} set absent_reads = absent_reads + 1, landed_at = clock_timestamp(),"
            " landed_xid = pg_current_xact_id()"
            " where env_id = %(env)s and deleted_at is not null and absent_reads < %(most)s"
        ).format(table.name),
        values,
    )
    cursor.execute(
        sql.SQL(
            "update {} set deleted_at = %(observed)s, observed_at = %(observed)s, absent_reads = 1,"
            " landed_at = clock_timestamp(), landed_xid = pg_current_xact_id()"
            " where env_id = %(env)s and deleted_at is null and key = any(%(keys)s)"
        ).format(table.name),
        values,
    )
    buried = cursor.rowcount
    cursor.execute(
        "update raw.quarantine set resolved_at = clock_timestamp(), landed_xid = pg_current_xact_id()"
        " where env_id = %(env)s and system = %(system)s and entity = %(entity)s and resolved_at is null"
        " and not exists (select 1 from raw.seen where read_id = %(read_id)s and seen.key = quarantine.key)",
        values,
    )
    return buried
