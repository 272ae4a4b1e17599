"""One row per DAG run: what it was asked, what it planned, what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

from psycopg2.extensions import connection as Connection

from prospect_to_cash.stores.rows import one


@dataclass(frozen=True)
class Params:
    """What the trigger form may ask of a run; every one is off on schedule.

    ``brake_share`` and ``brake_floor`` stand for the card's where they are given.
    """

    dry_run: bool = False
    full: bool = False
    force: bool = False
    retry_rejected: bool = False
    release_brake: bool = False
    brake_share: float | None = None
    brake_floor: int | None = None

    @classmethod
    def of(cls, said: Mapping[str, object]) -> Params:
        flags = {f.name: bool(said.get(f.name, False)) for f in fields(cls) if f.type == "bool"}
        share, floor = said.get("brake_share"), said.get("brake_floor")
        return cls(
            **flags,
            brake_share=None if share is None else float(str(share)),
            brake_floor=None if floor is None else int(str(floor)),
        )


def open_run(connection: Connection, flow: str, dag_run_id: str, kind: str, params: Params) -> int:
    """The run's number; a cleared and repeated DAG run keeps its own."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            insert into sync.run (flow, dag_run_id, kind, params) values (%s, %s, %s, %s)
            on conflict (flow, dag_run_id) do update set params = excluded.params, finished_at = null
            returning run_id
            """,
            (flow, dag_run_id, kind, json.dumps(vars(params))),
        )
        return int(one(cursor)[0])


def find_run(connection: Connection, flow: str, dag_run_id: str) -> int | None:
    """The run's number, or None when its transform never began."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select run_id from sync.run where flow = %s and dag_run_id = %s", (flow, dag_run_id))
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def environment_of(connection: Connection, conn_id: str) -> str:
    """The environment that a connection is bound to; the extract binds it before anything is read."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select env_id from sync.connection_environment where conn_id = %s", (conn_id,))
        row = cursor.fetchone()
    if row is None:
        raise LookupError(f"connection {conn_id} has not been read yet: run the flow's extract first.")
    return str(row[0])


def finish_run(connection: Connection, run_id: int, report: Mapping[str, object]) -> None:
    """Store the report beside the run."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update sync.run set report = %s, finished_at = clock_timestamp() where run_id = %s",
            (json.dumps(report), run_id),
        )
