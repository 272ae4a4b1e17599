"""The link that brings the next changes of an entity, kept with the rows of the page that brought it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.stores.raw_store import RawTable


@dataclass(frozen=True)
class ChangeLink:
    """A link to the changes since it was given, and its age by Postgres' clock."""

    link: str
    age: timedelta


def find(connection: Connection, env_id: str, entity: str, shape: str) -> ChangeLink | None:
    """The settled link of this shape; another selection of fields begins anew (dataverse sheet, section 5.8)."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select link, clock_timestamp() - given_at from sync.change_link
            where env_id = %s and entity = %s and select_hash = %s and settled
            """,
            (env_id, entity, shape),
        )
        row = cursor.fetchone()
    return ChangeLink(*row) if row else None


def keep(cursor: Cursor, env_id: str, entity: str, shape: str, link: str, settled: bool) -> None:
    """Replace the link; belongs into the transaction of the page that brought it (section 5.9)."""
    cursor.execute(
        """
        insert into sync.change_link (env_id, entity, select_hash, link, settled) values (%s, %s, %s, %s, %s)
        on conflict (env_id, entity) do update set
            select_hash = excluded.select_hash, link = excluded.link, settled = excluded.settled,
            given_at = excluded.given_at
        """,
        (env_id, entity, shape, link, settled),
    )


def settle(cursor: Cursor, env_id: str, entity: str) -> None:
    """The full read that brought the link is complete; belongs into the transaction that says so."""
    cursor.execute(
        "update sync.change_link set settled = true where env_id = %s and entity = %s", (env_id, entity)
    )


def bury(cursor: Cursor, table: RawTable, keys: list[str], observed_at: object) -> int:
    """Set tombstones on records that the source says are deleted; returns new ones.

    A key that never landed is nothing to do. What was seen alive by a later request stays alive.
    """
    if not keys:
        return 0
    values = {
        "env": table.env_id,
        "system": table.read.system,
        "entity": table.read.entity,
        "keys": keys,
        "observed": observed_at,
    }
    cursor.execute(
        sql.SQL(
            "update {} set deleted_at = %(observed)s, observed_at = %(observed)s, absent_reads = 1,"
            " landed_at = clock_timestamp(), landed_xid = pg_current_xact_id()"
            " where env_id = %(env)s and deleted_at is null and key = any(%(keys)s)"
            " and observed_at <= %(observed)s"
        ).format(table.name),
        values,
    )
    buried = cursor.rowcount
    cursor.execute(
        "update raw.quarantine set resolved_at = clock_timestamp(), landed_xid = pg_current_xact_id()"
        " where env_id = %(env)s and system = %(system)s and entity = %(entity)s and resolved_at is null"
        " and key = any(%(keys)s) and observed_at <= %(observed)s",
        values,
    )
    return buried
