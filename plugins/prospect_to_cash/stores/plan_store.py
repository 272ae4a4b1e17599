"""Freeze what a run will send: outbound compared with what the target was last known to accept.

Pending is what differs from the accepted body, or is in doubt, while nothing blocks it and all it
requires has been accepted or goes before it in the same run. Everything is decided in SQL over the
whole flow; what is unchanged is never copied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.errors import P2CError
from prospect_to_cash.flow_card import FlowCard, Write
from prospect_to_cash.stores.rows import one
from prospect_to_cash.stores.run_store import Params


class RecordsLost(P2CError):
    """A driving record has no outcome at all: a fault of the mapping, never of the data."""


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
    would not add up.
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
            _plan_write(cursor, context, write)
        planned = _standing(cursor, context.card.name, context.card.writes)
        cursor.execute(
            """
            update sync.run set planned = %s, mapping_version = %s, planned_at = clock_timestamp()
            where run_id = %s
            """,
            (json.dumps(planned), context.mapping_version, context.run_id),
        )
        cursor.execute("select count(*) from sync.plan where run_id = %s", (context.run_id,))
        if one(cursor)[0] > 1000:
            cursor.execute("select sync.refresh_statistics()")
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
            from {outbound} as said
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

    Should it be asked for again it goes whole, as nothing was ever accepted. A create in doubt is never forgotten.
    """
    cursor.execute(
        sql.SQL(
            """
            delete from sync.ledger as doubtful
            where doubtful.env_id = %s and doubtful.write = %s and doubtful.state = 'in_doubt'
                and doubtful.accepted_hash is null
                and not exists (select 1 from {} as said where said.source_key = doubtful.source_key)
            """
        ).format(_outbound(write)),
        (context.environments[write.system], write.name),
    )


def _plan_write(cursor: Cursor, context: PlanContext, write: Write) -> None:
    cursor.execute(
        sql.SQL(_PLAN).format(outbound=_outbound(write)),
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


_PLAN = """
with compared as (

    select
        said.*,
        known.state as known_state,
        known.accepted_hash,
        known.accepted_body,
        doubtful.body as doubtful_body,
        known.sentence,
        known.rejected_hash is not distinct from said.body_hash
        and known.rejected_mapping is not distinct from %(mapping)s
        and known.next_try > clock_timestamp()
        and not %(retry)s
        and not exists (
            select 1
            from unnest(said.requires) as needed (ref)
            inner join sync.ledger as parent
                on parent.env_id = any(%(envs)s)
                and parent.write = split_part(needed.ref, ':', 1)
                and parent.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1)
            where parent.accepted_at > known.changed_at
        ) as is_resting,
        case
            when not %(creates)s then null
            when pinned.source_key is null then 'key_taken'
            when pinned.target_key <> said.target_key then 'key_changed'
        end as broken_identity
    from {outbound} as said
    left join sync.ledger as known
        on known.env_id = %(env)s and known.write = %(write)s and known.source_key = said.source_key
    left join sync.plan as doubtful
        on known.state = 'in_doubt' and doubtful.run_id = known.in_doubt_run and doubtful.seq = known.in_doubt_seq
    left join sync.identity as pinned
        on %(creates)s and pinned.env_id = %(env)s and pinned.entity = %(entity)s
        and pinned.source_key = said.source_key

),

pending as (

    select
        compared.*,
        (
            select needed.ref
            from unnest(compared.requires) as needed (ref)
            where not exists (
                select 1 from sync.ledger as parent
                where parent.env_id = any(%(envs)s) and parent.write = split_part(needed.ref, ':', 1)
                    and parent.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1)
                    and parent.accepted_hash is not null
            )
            and not exists (
                select 1 from sync.plan as sibling
                where sibling.run_id = %(run)s and sibling.env_id = any(%(envs)s)
                    and sibling.write = split_part(needed.ref, ':', 1)
                    and sibling.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1)
                    and sibling.state in ('planned', 'accepted')
            )
            limit 1
        ) as missing
    from compared
    where
        (
            accepted_hash is distinct from body_hash
            or known_state = 'in_doubt'
            or broken_identity is not null
            or %(force)s
        )
        and not (operation = 'deactivate' and %(creates)s and accepted_hash is null and known_state is distinct from 'in_doubt')
        and not exists (
            select 1 from sync.plan as done
            where done.run_id = %(run)s and done.env_id = %(env)s and done.write = %(write)s
                and done.source_key = compared.source_key and done.body_hash = compared.body_hash
                and done.state in ('accepted', 'rejected')
        )

)

insert into sync.plan (
    run_id, write, env_id, source_key, document, record, company, ordinal, action, confirm,
    target_key, body, body_hash, changes, requires, if_match, state, reason
)
select
    %(run)s,
    %(write)s,
    %(env)s,
    source_key,
    document,
    record,
    company,
    ordinal,
    case
        when operation = 'deactivate' then 'deactivate'
        when %(creates)s and accepted_hash is null then 'create'
        else 'update'
    end,
    coalesce(known_state = 'in_doubt', false),
    target_key,
    body,
    body_hash,
    case
        when accepted_hash is null or %(force)s then sync.flatten(body)
        else sync.changes(body, accepted_body, doubtful_body)
    end,
    requires,
    if_match,
    case
        when broken_identity is not null then 'held'
        when is_resting then 'resting'
        when missing is not null then 'waiting'
        else 'planned'
    end,
    case
        when broken_identity is not null then broken_identity
        when is_resting then sentence
        else missing
    end
from pending
order by ordinal, document, source_key
"""


def _standing(cursor: Cursor, flow: str, writes: Sequence[Write]) -> dict[str, object]:
    """Counts of the records that need no plan row: held, excluded; and proof that none is lost."""
    canonical = sql.Identifier("canonical", f"canonical_{flow}")
    violations = sql.Identifier("validation", f"violations_{flow}")
    # The relations may have been made a moment ago and have no statistics; a nested loop over them would never end.
    cursor.execute("set local enable_nestloop = off")
    documents = sql.SQL(" union all ").join(
        sql.SQL("select document from {}").format(_outbound(write)) for write in writes
    )
    cursor.execute(
        sql.SQL(
            """
            with broken as (
                select
                    source_key,
                    min(broken_rule) filter (where effect = 'block') as held,
                    min(broken_rule) filter (where effect = 'exclude') as excluded
                from {violations}
                group by source_key
            ),
            driving as (
                select source_key, broken.held, broken.excluded
                from {canonical} as record full outer join broken using (source_key)
            )
            select
                count(*),
                (select jsonb_object_agg(rule, n) from (
                    select held as rule, count(*) as n from driving where held is not null group by held) as by_rule),
                (select jsonb_object_agg(rule, n) from (
                    select excluded as rule, count(*) as n from driving
                    where held is null and excluded is not null group by excluded) as by_rule),
                (select jsonb_object_agg(broken_rule, n) from (
                    select broken_rule, count(distinct source_key) as n from {violations}
                    where effect = 'warn' group by broken_rule) as by_rule),
                (select count(*) from driving
                    left join (select distinct document from ({documents}) as sent) as said
                        on said.document = driving.source_key
                    where held is null and excluded is null and said.document is null)
            from driving
            """
        ).format(canonical=canonical, violations=violations, documents=documents)
    )
    read, held, excluded, warned, lost = one(cursor)
    cursor.execute("set local enable_nestloop = on")
    if lost:
        raise RecordsLost(
            f"{lost} of {read} records of flow {flow} are neither sent, held nor excluded: the SQL of "
            f"outbound_* leaves them out without a rule in violations_{flow}."
        )
    return {"read": read, "held": held or {}, "excluded": excluded or {}, "warned": warned or {}}
