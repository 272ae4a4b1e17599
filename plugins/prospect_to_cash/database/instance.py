"""Which Postgres cluster the transaction ids in ``landed_xid`` belong to (table ``sync.instance``).

A dump restored into another cluster brings transaction ids that mean nothing there: a build would miss rows that land
from then on. All rows then count as landed just now.
"""

from __future__ import annotations

from psycopg2.extensions import connection as Connection

from prospect_to_cash.database import raw_tables


def adopt_instance(connection: Connection) -> bool:
    """Let every raw row count as landed just now if the cluster has changed; returns whether it has."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into sync.instance (system_identifier)"
            " select system_identifier::text from pg_control_system() on conflict (only_row) do nothing"
        )
        cursor.execute(
            "update sync.instance"
            " set system_identifier = here.system_identifier::text, since = clock_timestamp()"
            " from pg_control_system() as here"
            " where instance.system_identifier <> here.system_identifier::text"
        )
        if cursor.rowcount == 0:
            return False
        raw_tables.mark_all_landed(cursor)
        return True
