"""The raw tables themselves: one per system and entity, made when the database is migrated."""

from __future__ import annotations

from collections.abc import Iterable

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores.rows import one

_SAME = (
    "key", "strategy", "changed_at", "version", "filter", "expires", "select",
    "package_group", "package_entity", "package_full_group",
)  # fmt: skip


def ensure_all(connection: Connection, reads: Iterable[Read]) -> list[str]:
    """Make the raw table of every read that has none; returns their names.

    Raises Misconfigured when two cards read the same entity in different ways: they share its table.
    """
    known: dict[str, Read] = {}
    for read in reads:
        first = known.setdefault(read.name, read)
        differing = [name for name in _SAME if getattr(first, name) != getattr(read, name)]
        if differing:
            raise Misconfigured(
                f"Two cards read {read.entity} of {read.system} with different '{differing[0]}': "
                "give both the same."
            )
    return [name for name, read in known.items() if ensure(connection, read)]


def ensure(connection: Connection, read: Read) -> bool:
    """Make the raw table of one read unless it is there; returns whether it was made."""
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


_TABLE = sql.SQL(
    """
    create table {table} (
        env_id text not null,
        key text collate "C" not null,
        payload json not null,
        content_hash uuid not null,
        version numeric,
        observed_at timestamptz not null,
        deleted_at timestamptz,
        absent_reads integer not null default 0,
        landed_at timestamptz not null default clock_timestamp(),
        landed_xid xid8 not null default pg_current_xact_id(),
        primary key (env_id, key)
    );
    create index {index} on {table} (landed_xid);
    grant select, insert, update, delete on {table} to p2c_loader;
    grant select on {table} to p2c_dbt, p2c_console;
    """
)
