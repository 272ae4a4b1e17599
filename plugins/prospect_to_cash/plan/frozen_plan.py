"""Freeze what the records of a run are to be: outbound rows that are not known to be what the target has.

A row is planned when its body differs from what is believed of the target or something about the record is unsure, nothing
blocks it, and everything it requires is present or goes before it in the same run. SQL decides this over the whole flow;
unchanged rows are never copied. What is sent is decided when it is sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database import raw_tables
from prospect_to_cash.flow_card import FlowCard, Write
from prospect_to_cash.plan import identities, plan_rows, runs, safety_limit
from prospect_to_cash.plan.completeness import count_unplanned
from prospect_to_cash.plan.runs import Params
from prospect_to_cash.transform import builds

MANY_ROWS = 1000


@dataclass(frozen=True)
class PlanContext:
    """The inputs of a plan: ``environments`` maps system to env_id."""

    run_id: int
    card: FlowCard
    environments: Mapping[str, str]
    mapping_version: str
    params: Params


def freeze(connection: Connection, context: PlanContext) -> dict[str, object]:
    """Write the plan of a run and return its counts: read, excluded, held, warned.

    A repeated transform plans again what was not sent. Raises ``RecordsLost`` when the counts do not add up, and
    ``Stopped``, with the plan kept, when it exceeds the safety limit.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("set local jit = off; set local work_mem = '64MB'")
        plan_rows.discard_unsent(cursor, context.run_id)
        build = builds.newest_green(cursor, context.card.name)
        for write in context.card.writes:
            if write.creates:
                identities.pin(
                    cursor, context.run_id, context.environments[write.system], write, _outbound(write)
                )
            if write.absent_parts:
                _plan_absent_parts(cursor, context, write, build)
            if _plan_changes(cursor, context, write, build) > MANY_ROWS:
                # Later writes look up their parents among these rows; without statistics each lookup reads them all.
                plan_rows.refresh_statistics(cursor)
        plan_rows.hold_together(cursor, context.run_id, list(context.environments.values()))
        for document in context.card.documents:
            plan_rows.put_together(cursor, context.run_id, document)
        counts = count_unplanned(
            cursor, context.card.name, context.run_id, context.card.writes, context.environments
        )
        exceeded = safety_limit.find_exceeded(cursor, context.run_id, context.card, context.params)
        runs.record_plan(cursor, context.run_id, counts, context.mapping_version, exceeded)
        if plan_rows.count(cursor, context.run_id) > MANY_ROWS:
            plan_rows.refresh_statistics(cursor)
    safety_limit.stop(context.card.name, exceeded, context.params)
    return counts


def _outbound(write: Write) -> sql.Identifier:
    return sql.Identifier("outbound", write.relation)


def _plan_absent_parts(cursor: Cursor, context: PlanContext, write: Write, build: int) -> None:
    """Plan the end of parts that their document no longer has; a document without any outbound row loses nothing."""
    documents = sql.SQL(" union all ").join(
        sql.SQL("select document, locked from {}").format(_outbound(other)) for other in context.card.writes
    )
    values = {
        "run": context.run_id,
        "write": write.name,
        "env": context.environments[write.system],
        "entity": write.entity,
        "body": json.dumps(write.absent_parts) if isinstance(write.absent_parts, Mapping) else None,
        "retry": context.params.retry_rejected or context.params.force,
        "build": build,
    }
    plan_rows.add_absent_parts(cursor, _outbound(write), documents, values)


def _references(card: FlowCard, write: Write) -> list[str]:
    """The raw tables of the small sets in the target that bodies refer to, such as sites and units."""
    written = {other.entity for other in card.writes}
    return [
        read.name
        for read in card.reads
        if read.system == write.system and not read.large and read.entity not in written
    ]


def _plan_changes(cursor: Cursor, context: PlanContext, write: Write, build: int) -> int:
    values = {
        "run": context.run_id,
        "write": write.name,
        "env": context.environments[write.system],
        "envs": list(context.environments.values()),
        "entity": write.entity,
        "creates": write.creates,
        "mapping": context.mapping_version,
        "force": context.params.force,
        "retry": context.params.retry_rejected or context.params.force,
        "build": build,
        "references_landed": raw_tables.newest_landing(
            cursor, context.environments[write.system], _references(context.card, write)
        ),
    }
    return plan_rows.add_changes(cursor, _outbound(write), values)
