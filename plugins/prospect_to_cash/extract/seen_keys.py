"""The keys that a full read has met, with their versions where it met the keys alone (table ``raw.seen``).

The table is unlogged. A row without key marks the beginning of a read: where it is missing, a crash of Postgres has
emptied the table.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one

# Adds every key of the relation {page}; takes part in the statement that lands the page.
INSERT_PAGE = sql.SQL("insert into raw.seen (read_id, key) select %(read_id)s, page.key from {page} as page")


INSERT_VERSIONS = sql.SQL(
    "insert into raw.seen (read_id, key, version) select %(read_id)s, page.key, page.version::numeric from {page} as page"
)


def begin(cursor: Cursor, read_id: int) -> None:
    """Mark the beginning of a read; belongs in the transaction that begins it."""
    cursor.execute("insert into raw.seen (read_id) values (%s)", (read_id,))


def add(cursor: Cursor, read_id: int, key: str) -> None:
    """Add one key, of a row that was quarantined."""
    cursor.execute("insert into raw.seen (read_id, key) values (%s, %s)", (read_id, key))


def count(cursor: Cursor, read_id: int) -> int | None:
    """How many keys the read has met; None when a crash has emptied the table."""
    cursor.execute(
        "select case when bool_or(key is null) then count(key) end from raw.seen where read_id = %s",
        (read_id,),
    )
    found = one(cursor)[0]
    return None if found is None else int(found)


def clear(cursor: Cursor, env_id: str, entity: str) -> None:
    """Delete the keys of the entity's current read."""
    cursor.execute(
        """
        delete from raw.seen using sync.reading
        where seen.read_id = reading.read_id and env_id = %s and entity = %s
        """,
        (env_id, entity),
    )
