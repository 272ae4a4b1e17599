"""Which properties of a write are compared, under which name they are read, and of which type they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from prospect_to_cash.clients.odata.metadata import SetDescription
from prospect_to_cash.database.rows import one
from prospect_to_cash.flow_card import Write
from prospect_to_cash.load.look_ups import BIND, lookup_column
from prospect_to_cash.load.references import CREATE_ONLY, WAS_OURS

NOT_READABLE = (CREATE_ONLY, WAS_OURS, "block:", "guard:")


class Compared(NamedTuple):
    """A property as outbound names it, the column in which the target shows it, and its type in ``$metadata``."""

    name: str
    column: str
    type: str | None


def is_built(connection: Connection, write: Write) -> bool:
    """Whether the write's outbound model has been built."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select to_regclass(format('outbound.%%I', %s::text)) is not null", (write.relation,))
        return bool(one(cursor)[0])


def owned_names(connection: Connection, write: Write, env_id: str) -> list[str]:
    """The properties that outbound bodies of a write have, and those that the ledger believes to have sent or is in doubt of."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                """
                select distinct field.name
                from {outbound} as outbound
                cross join lateral jsonb_object_keys(sync.flatten(coalesce(outbound.body, '{{}}'))) as field (name)
                union
                select distinct field.name
                from sync.ledger as known
                cross join lateral jsonb_object_keys(
                    known.belief || coalesce(known.doubt -> 'body', '{{}}')
                ) as field (name)
                where known.env_id = %s and known.write = %s
                order by 1
                """
            ).format(outbound=sql.Identifier("outbound", write.relation)),
            (env_id, write.name),
        )
        return [str(name) for (name,) in cursor.fetchall() if not name.startswith(NOT_READABLE)]


def compared(
    names: Iterable[str], immutable: Iterable[str], described: SetDescription
) -> tuple[list[Compared], list[str]]:
    """The properties that can be compared, and the names of those that the service does not show."""
    columns = {name.lower(): name for name in described.properties}
    exempt = set(immutable)
    found: list[Compared] = []
    hidden: list[str] = []
    for name in names:
        if name in exempt:
            continue
        column = columns.get(_column(name, described).lower())
        if column is None:
            hidden.append(name)
        else:
            found.append(Compared(name, column, described.properties[column].type))
    return found, hidden


def _column(name: str, described: SetDescription) -> str:
    """A lookup is written under its navigation property and read under the property that holds the key."""
    columns = described.navigation.get(name.removesuffix(BIND), ()) if name.endswith(BIND) else ()
    if len(columns) == 1:
        return columns[0]
    return lookup_column(name) if name.endswith(BIND) else name


def stage(connection: Connection, fields: Iterable[Compared]) -> None:
    """Write the compared properties into ``pg_temp.compared``, which the comparison joins."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            drop table if exists pg_temp.compared;
            create temp table compared (name text primary key, read_as text not null, type text)
            """
        )
        execute_values(cursor, "insert into pg_temp.compared values %s", list(fields))
