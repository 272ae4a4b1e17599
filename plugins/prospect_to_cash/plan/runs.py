"""One row per DAG run of a flow: its params, its counts and its report (table ``sync.run``)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one


@dataclass(frozen=True)
class Params:
    """The params of the trigger form; a scheduled run has none of them set.

    ``safety_limit_share`` and ``safety_limit_floor`` replace the card's where they are given.
    """

    dry_run: bool = False
    full: bool = False
    force: bool = False
    retry_rejected: bool = False
    release_safety_limit: bool = False
    safety_limit_share: float | None = None
    safety_limit_floor: int | None = None

    @classmethod
    def of(cls, params: Mapping[str, object]) -> Params:
        """The values of the DAG run's params; a missing one has its default."""
        flags = {f.name: bool(params.get(f.name, False)) for f in fields(cls) if f.type == "bool"}
        share, floor = params.get("safety_limit_share"), params.get("safety_limit_floor")
        return cls(
            **flags,
            safety_limit_share=None if share is None else float(str(share)),
            safety_limit_floor=None if floor is None else int(str(floor)),
        )


class RunFacts(NamedTuple):
    """What a report needs to know of a run; ``seconds`` since it started."""

    flow: str
    counts: Mapping[str, Any]
    params: Mapping[str, object]
    exceeds_safety_limit: bool
    seconds: float


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


def record_plan(
    cursor: Cursor,
    run_id: int,
    counts: Mapping[str, object],
    mapping_version: str,
    exceeded: Mapping[str, object],
) -> None:
    """Store the plan's counts; ``exceeded`` are the writes beyond the safety limit. Belongs in the plan's transaction."""
    cursor.execute(
        """
        update sync.run
        set counts = %s, mapping_version = %s, planned_at = transaction_timestamp(), safety_limit = %s
        where run_id = %s
        """,
        (json.dumps(counts), mapping_version, json.dumps(exceeded) if exceeded else None, run_id),
    )


def mapping_version(connection: Connection, run_id: int) -> str:
    """The mapping version that the run was planned with."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select mapping_version from sync.run where run_id = %s", (run_id,))
        return str(one(cursor)[0])


def facts(cursor: Cursor, run_id: int) -> RunFacts:
    """The facts that a report starts from."""
    cursor.execute(
        """
        select
            flow, coalesce(counts, '{}'), params, safety_limit is not null,
            extract(epoch from clock_timestamp() - started_at)::float8
        from sync.run where run_id = %s
        """,
        (run_id,),
    )
    return RunFacts._make(one(cursor))


def finish_run(connection: Connection, run_id: int, report: Mapping[str, object]) -> None:
    """Store the run's report."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "update sync.run set report = %s, finished_at = clock_timestamp() where run_id = %s",
            (json.dumps(report), run_id),
        )


def reports(connection: Connection, run_ids: Sequence[int]) -> list[dict[str, object]]:
    """The stored reports of some runs, in the order given; a run without one is left out."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select run_id, report from sync.run where run_id = any(%s)", (list(run_ids),))
        found = dict(cursor.fetchall())
    return [found[run_id] for run_id in run_ids if found.get(run_id)]
