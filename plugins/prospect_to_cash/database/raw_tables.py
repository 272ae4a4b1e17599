"""The raw tables as a set: created when the database is migrated, checked for new rows before a build."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import Read

_SAME = (
    "key", "strategy", "changed_at", "version", "filter", "change_tracking_expires_after", "select", "package",
)  # fmt: skip


def ensure_all(connection: Connection, reads: Iterable[Read]) -> list[str]:
    """Create the raw table of every read that has none; returns their names.

    Raises Misconfigured when two cards read the same entity in different ways: they share its table.
    """
    known: dict[str, Read] = {}
    for read in reads:
        first = known.setdefault(read.name, read)
        differing = [name for name in _SAME if getattr(first, name, None) != getattr(read, name, None)]
        if differing:
            raise Misconfigured(
                f"Two cards read {read.entity} of {read.system} with different '{differing[0]}': "
                "give both the same."
            )
    return [name for name, read in known.items() if ensure(connection, read)]


def ensure(connection: Connection, read: Read) -> bool:
    """Create the raw table of one read unless it exists; returns whether it was created."""
    table = sql.Identifier("raw", read.name)
    with connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass(%s) is not null", (f"raw.{read.name}",))
        if one(cursor)[0]:
            return False
        cursor.execute(_TABLE.format(table=table, index=sql.Identifier(f"{read.name}_landed")))
        cursor.execute(
            "select 'lz4' = any(enumvals) from pg_settings where name = 'default_toast_compression'"
        )
        if one(cursor)[0]:
            cursor.execute(sql.SQL("alter table {} alter column payload set compression lz4").format(table))
    return True


def landed_since(cursor: Cursor, tables: Sequence[str], transaction: str) -> tuple[str, ...]:
    """Those of the raw tables in which a row has landed in or after a transaction, given by its id."""
    landed = []
    for table in tables:
        cursor.execute(
            sql.SQL("select exists (select 1 from {} where landed_xid >= %s::xid8)").format(
                sql.Identifier("raw", table)
            ),
            (transaction,),
        )
        if one(cursor)[0]:
            landed.append(table)
    return tuple(landed)


def newest_landing(cursor: Cursor, env_id: str, tables: Sequence[str]) -> datetime | None:
    """When a row of an environment has landed last in some raw tables, on the clock of Postgres."""
    newest = []
    for table in tables:
        cursor.execute("select to_regclass(%s) is not null", (f"raw.{table}",))
        if one(cursor)[0]:
            cursor.execute(
                sql.SQL("select max(landed_at) from {} where env_id = %s").format(
                    sql.Identifier("raw", table)
                ),
                (env_id,),
            )
            newest.append(one(cursor)[0])
    return max(filter(None, newest), default=None)


def mark_all_landed(cursor: Cursor) -> None:
    """Let every row in schema raw, the quarantine included, count as landed in this transaction."""
    cursor.execute(
        "select table_name from information_schema.columns"
        " where table_schema = 'raw' and column_name = 'landed_xid'"
    )
    for (table,) in cursor.fetchall():
        cursor.execute(
            sql.SQL("update {} set landed_xid = pg_current_xact_id()").format(sql.Identifier("raw", table))
        )


_TABLE = sql.SQL(
    """
    create table {table} (
        env_id text not null,
        key text collate "C" not null,
        payload json not null,
        content_hash uuid not null,
        version numeric,
        observed_at timestamptz not null,
        read_order bigint not null default nextval('sync.read_order'),
        deleted_at timestamptz,
        absent_reads integer not null default 0,
        landed_at timestamptz not null default clock_timestamp(),
        landed_xid xid8 not null default pg_current_xact_id(),
        primary key (env_id, key)
    );
    create index {index} on {table} (landed_xid);
    grant select, insert, update, delete on {table} to p2c_loader;
    grant select on {table} to p2c_dbt, p2c_dev, p2c_console;
    """
)
