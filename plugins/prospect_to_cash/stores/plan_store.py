"""Freeze what a run will send: outbound compared with what the target was last known to accept.

Pending is what differs from the accepted body, or is in doubt, while nothing blocks it and all it
requires has been accepted or goes before it in the same run. Everything is decided in SQL over the
whole flow; what is unchanged is never copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.flow_card import FlowCard, Write
from prospect_to_cash.stores import brake
from prospect_to_cash.stores.plan_statements import GONE, PLAN
from prospect_to_cash.stores.rows import one
from prospect_to_cash.stores.run_store import Params
from prospect_to_cash.stores.standing import standing


@dataclass(frozen=True)
class PlanContext:
    """What a plan is made for: ``environments`` maps system to env_id."""

    run_id: int
    card: FlowCard
    environments: Mapping[str, str]
    mapping_version: str
    params: Params


def freeze(connection: Connection, context: PlanContext) -> dict[str, object]:
    """Write the plan of a run and return its counts: read, excluded, held, warned.

    A repeated transform plans anew what was not yet sent. Raises ``RecordsLost`` when the counts
    would not add up, and ``Stopped``, with the plan kept, when the brake stops it.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("set local jit = off; set local work_mem = '64MB'")
        cursor.execute(
            """
            delete from sync.plan
            where run_id = %s and state in ('planned', 'waiting', 'held', 'resting')
            """,
            (context.run_id,),
        )
        for write in context.card.writes:
            if write.creates:
                _pin_identities(cursor, context, write)
            else:
                _forget_needless_doubt(cursor, context, write)
            if write.gone:
                _plan_gone(cursor, context, write)
            _plan_write(cursor, context, write)
            if cursor.rowcount > 1000:
                # What follows looks its parents up among these rows; unseen, all rows of the run would be read for each.
                cursor.execute("select sync.refresh_statistics()")
        planned = standing(
            cursor, context.card.name, context.run_id, [w.relation for w in context.card.writes]
        )
        seen = brake.look(cursor, context.run_id, context.card, context.params)
        cursor.execute(
            """
            update sync.run set planned = %s, mapping_version = %s, planned_at = transaction_timestamp(), brake = %s
            where run_id = %s
            """,
            (
                json.dumps(planned),
                context.mapping_version,
                json.dumps(seen) if seen else None,
                context.run_id,
            ),
        )
        cursor.execute("select count(*) from sync.plan where run_id = %s", (context.run_id,))
        if one(cursor)[0] > 1000:
            cursor.execute("select sync.refresh_statistics()")
    brake.pull(context.card.name, seen, context.params)
    return planned


def _outbound(write: Write) -> sql.Identifier:
    return sql.Identifier("outbound", write.relation)


def _pin_identities(cursor: Cursor, context: PlanContext, write: Write) -> None:
    """One identity per record; until something was accepted or is in doubt it may still move."""
    names = {"outbound": _outbound(write)}
    values = {
        "env": context.environments[write.system],
        "entity": write.entity,
        "write": write.name,
        "run": context.run_id,
    }
    cursor.execute(
        sql.SQL(
            """
            delete from sync.identity as pinned
            using {outbound} as said
            where pinned.env_id = %(env)s and pinned.entity = %(entity)s and pinned.source_key = said.source_key
                and pinned.target_key <> said.target_key
                and not exists (
                    select 1 from sync.ledger
                    where env_id = %(env)s and write = %(write)s and ledger.source_key = said.source_key
                        and (accepted_hash is not null or state = 'in_doubt')
                )
            """
        ).format(**names),
        values,
    )
    cursor.execute(
        sql.SQL(
            """
            insert into sync.identity (env_id, entity, source_key, company, target_key, pinned_run)
            select %(env)s, %(entity)s, said.source_key, said.company, said.target_key, %(run)s
            from (select * from {outbound} where operation <> 'absent') as said
            left join sync.identity as pinned
                on pinned.env_id = %(env)s and pinned.entity = %(entity)s and pinned.source_key = said.source_key
            where pinned.source_key is null
            on conflict do nothing
            """
        ).format(**names),
        values,
    )


def _forget_needless_doubt(cursor: Cursor, context: PlanContext, write: Write) -> None:
    """A change in doubt that nobody asks for any more: the source has it already, or wants something else.

    Should it be asked for again it goes whole. A create in doubt is never forgotten.
    """
    needless = """
        doubtful.env_id = %s and doubtful.write = %s and doubtful.state = 'in_doubt'
        and not exists (select 1 from {} as said where said.source_key = doubtful.source_key)
    """
    values = (context.environments[write.system], write.name)
    cursor.execute(
        sql.SQL(
            f"delete from sync.ledger as doubtful where {needless} and doubtful.accepted_hash is null"
        ).format(_outbound(write)),
        values,
    )
    cursor.execute(
        sql.SQL(
            f"""
            update sync.ledger as doubtful
            set state = 'accepted', accepted_hash = 'unsure', accepted_body = '{{{{}}}}', changed_at = clock_timestamp()
            where {needless}
            """
        ).format(_outbound(write)),
        values,
    )


def _plan_gone(cursor: Cursor, context: PlanContext, write: Write) -> None:
    """Parts that their documents have no more; a document of which nothing is said at all loses nothing."""
    documents = sql.SQL(" union all ").join(
        sql.SQL("select document, locked from {}").format(_outbound(other)) for other in context.card.writes
    )
    cursor.execute(
        sql.SQL(GONE).format(outbound=_outbound(write), documents=documents),
        {
            "run": context.run_id,
            "write": write.name,
            "env": context.environments[write.system],
            "entity": write.entity,
            "body": json.dumps(write.gone) if isinstance(write.gone, Mapping) else None,
            "retry": context.params.retry_rejected or context.params.force,
        },
    )


def _plan_write(cursor: Cursor, context: PlanContext, write: Write) -> None:
    cursor.execute(
        sql.SQL(PLAN).format(outbound=_outbound(write)),
        {
            "run": context.run_id,
            "write": write.name,
            "env": context.environments[write.system],
            "envs": list(context.environments.values()),
            "entity": write.entity,
            "creates": write.creates,
            "mapping": context.mapping_version,
            "force": context.params.force,
            "retry": context.params.retry_rejected or context.params.force,
        },
    )
