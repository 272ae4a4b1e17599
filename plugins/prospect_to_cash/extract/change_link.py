"""The link that returns the next changes of an entity (table ``sync.change_link``), stored with the page that brought it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor


@dataclass(frozen=True)
class ChangeLink:
    """A link to the changes since the source issued it, and its age by Postgres' clock."""

    link: str
    age: timedelta


def find(connection: Connection, env_id: str, entity: str, select_hash: str) -> ChangeLink | None:
    """The settled link of this selection of fields; a link holds for its own selection alone."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select link, clock_timestamp() - given_at from sync.change_link
            where env_id = %s and entity = %s and select_hash = %s and settled
            """,
            (env_id, entity, select_hash),
        )
        row = cursor.fetchone()
    return ChangeLink(*row) if row else None


def store(cursor: Cursor, env_id: str, entity: str, select_hash: str, link: str, settled: bool) -> None:
    """Replace the link; belongs in the transaction of the page that brought it."""
    cursor.execute(
        """
        insert into sync.change_link (env_id, entity, select_hash, link, settled) values (%s, %s, %s, %s, %s)
        on conflict (env_id, entity) do update set
            select_hash = excluded.select_hash, link = excluded.link, settled = excluded.settled,
            given_at = excluded.given_at
        """,
        (env_id, entity, select_hash, link, settled),
    )


def settle(cursor: Cursor, env_id: str, entity: str) -> None:
    """The full read that brought the link is complete; belongs in the transaction that completes it."""
    cursor.execute(
        "update sync.change_link set settled = true where env_id = %s and entity = %s", (env_id, entity)
    )
