"""The rows of a frozen plan as a delivery takes them up, and what they refer to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from prospect_to_cash.delivery.references import Reference
from prospect_to_cash.flow_card import Write
from prospect_to_cash.stores.rows import one


class PlanRow(NamedTuple):
    """One planned write; ``changes`` and ``target_key`` are JSON text as Postgres wrote it."""

    seq: int
    source_key: str
    action: str
    confirm: bool
    target_key: str
    changes: str
    body_hash: str
    requires: list[str]
    if_match: str | None
    target_id: str | None
    answer: dict[str, object] | None
    missing: str | None
    superseded: bool

    @property
    def is_gone(self) -> bool:
        """Whether the row takes back a part that its document has no more."""
        return self.body_hash == "gone"


def prefer_lookups(connection: Connection) -> None:
    """Let every statement of this session look its few rows up by key.

    The tables grow from nothing while they are written, so the planner has no statistics to see that a batch is small.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("set enable_hashjoin = off; set enable_mergejoin = off; set jit = off")


def next_rows(
    connection: Connection, run_id: int, write: Write, envs: Sequence[str], empty: str, after: int, limit: int
) -> list[PlanRow]:
    """The next planned rows behind ``after``, in order, with what they require looked up anew.

    ``empty`` is the target's JSON literal for an emptied field.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            with plan as materialized (
                select * from sync.plan
                where run_id = %(run)s and write = %(write)s and state = 'planned' and seq > %(after)s
                order by seq
                limit %(limit)s
            )
            select
                plan.seq, plan.source_key, plan.action, plan.confirm, plan.target_key::text,
                case
                    when plan.action <> 'create' then sync.fill_empty(plan.changes, %(empty)s)
                    else jsonb_strip_nulls(plan.changes)
                end::text,
                plan.body_hash, plan.requires, plan.if_match, identity.target_id::text, identity.answer,
                (
                    select needed.ref from unnest(plan.requires) as needed (ref)
                    where not exists (
                        select 1 from sync.ledger as parent
                        where parent.env_id = any(%(envs)s)
                            and parent.write = split_part(needed.ref, ':', 1)
                            and parent.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1)
                            and parent.accepted_hash is not null
                    )
                    limit 1
                ),
                coalesce(known.state = 'accepted' and known.accepted_run > plan.run_id, false)
                or coalesce(
                    known.state = 'accepted' and known.accepted_hash = plan.body_hash
                    -- planned as it was not accepted yet, unless force planned it
                    and (known.changed_at > run.planned_at or not coalesce((run.params ->> 'force')::boolean, false)),
                    false
                )
            from plan
            inner join sync.run as run on run.run_id = plan.run_id
            left join sync.ledger as known
                on known.env_id = plan.env_id and known.write = plan.write and known.source_key = plan.source_key
            left join sync.identity as identity
                on identity.env_id = plan.env_id and identity.entity = %(entity)s
                and identity.source_key = plan.source_key
            order by plan.seq
            """,
            {
                "envs": list(envs),
                "empty": empty,
                "entity": write.entity,
                "run": run_id,
                "write": write.name,
                "after": after,
                "limit": limit,
            },
        )
        return [PlanRow._make(row) for row in cursor.fetchall()]


def count_creates(connection: Connection, run_id: int, write: Write) -> int:
    """How many records a write is still to create."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select count(*) from sync.plan
            where run_id = %s and write = %s and state = 'planned' and action = 'create'
            """,
            (run_id, write.name),
        )
        return int(one(cursor)[0])


def create_bodies(connection: Connection, run_id: int, seqs: Sequence[int]) -> dict[int, str]:
    """Whole bodies for records that turned out to be missing in the target, by plan row."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select seq, jsonb_strip_nulls(sync.flatten(body))::text
            from sync.plan where run_id = %s and seq = any(%s)
            """,
            (run_id, list(seqs)),
        )
        return dict(cursor.fetchall())


def resolve(connection: Connection, env_id: str, references: Iterable[Reference]) -> dict[Reference, str]:
    """What the target has for the records referred to: GUIDs, or properties that it answered."""
    asked = list(references)
    if not asked:
        return {}
    with connection, connection.cursor() as cursor:
        found = execute_values(
            cursor,
            """
            select asked.n, known.value
            from (values %s) as asked (n, env_id, entity, name, key, stem)
            cross join lateral (
                select case when asked.name is null then target_id::text else answer ->> asked.name end as value
                from sync.identity as identity
                where
                    identity.env_id = asked.env_id and identity.entity = asked.entity
                    and identity.source_key >= asked.stem
                    and (
                        identity.source_key = asked.key
                        or asked.stem <> asked.key and identity.source_key < asked.stem || chr(1114109)
                    )
                    and case when asked.name is null then target_id::text else answer ->> asked.name end <> ''
                order by identity.pinned_at, identity.source_key
                limit 1
            ) as known
            """,
            [
                (n, env_id, ref.entity, ref.name, ref.key, ref.key.removesuffix("*"))
                for n, ref in enumerate(asked)
            ],
            template="(%s::int, %s, %s, %s::text, %s, %s)",
            page_size=1000,
            fetch=True,
        )
    return {asked[n]: value for n, value in found}


def claimed(
    connection: Connection, env_id: str, entity: str, name: str, values: Sequence[str]
) -> dict[str, str]:
    """Which records have the target's answers ``values`` for ``name`` already: value to source key."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select answer ->> %(name)s, source_key from sync.identity
            where env_id = %(env)s and entity = %(entity)s and answer ->> %(name)s = any(%(values)s)
            """,
            {"name": name, "env": env_id, "entity": entity, "values": list(values)},
        )
        return dict(cursor.fetchall())


def put_aside(connection: Connection, run_id: int, seqs: Sequence[tuple[int, str, str]]) -> None:
    """Rows that will not be sent by this run: (seq, state waiting or superseded, reason)."""
    if not seqs:
        return
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f"""
            update sync.plan as plan
            set state = said.state, reason = said.reason,
                outcome = case when said.state = 'superseded' then 'unchanged' end
            from (values %s) as said (seq, state, reason)
            where plan.run_id = {int(run_id)} and plan.seq = said.seq
            """,
            list(seqs),
            page_size=1000,
        )
