"""Which Postgres cluster the transaction ids in ``landed_xid`` belong to.

A dump restored into another cluster brings transaction ids that mean nothing there: a build would
miss rows that land from now on. All rows then count as landed just now.
"""

from __future__ import annotations

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from prospect_to_cash.stores.rows import one


def instance_changed(connection: Connection) -> bool:
    """Whether the data came from another cluster than the one they are in now."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select exists (select 1 from sync.instance, pg_control_system() as here"
            " where instance.system_identifier <> here.system_identifier::text)"
        )
        return bool(one(cursor)[0])


def adopt_instance(connection: Connection) -> bool:
    """Let every raw row count as landed just now if the cluster is another one; returns whether it was."""
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
        cursor.execute(
            "select table_name from information_schema.columns"
            " where table_schema = 'raw' and column_name = 'landed_xid'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("update {} set landed_xid = pg_current_xact_id()").format(
                    sql.Identifier("raw", table)
                )
            )
        return True
