"""Which record of the target belongs to which record of the source (table ``sync.identity``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from prospect_to_cash.flow_card import Write


class Reference(NamedTuple):
    """One record that a row refers to, and which of its properties (None: its GUID)."""

    entity: str
    name: str | None
    key: str
    optional: bool

    def __str__(self) -> str:
        return f"{self.entity}:{self.key}"


# A source record of which the target has, or may have, anything.
_DELIVERED = """
    exists (
        select 1 from sync.ledger as known
        where known.env_id = {env} and known.source_key = {key}
            and (known.present or known.doubt is not null or known.stray_until is not null)
    )
"""
# Equal in this fold: the two may be one key for the target (ruling 18).
_SAME_KEY = "{}.key_fold_latin = sync.key_folds_latin({}.target_key)"


class Found(NamedTuple):
    """A record of the target that was found for a plan row: its GUID, or its key, or the number it was assigned."""

    seq: int
    source_key: str
    target_id: str | None
    company: str | None
    target_key: str | None
    number_name: str | None
    number: str | None


def pin(cursor: Cursor, run_id: int, env_id: str, write: Write, outbound: sql.Composable) -> None:
    """Give every record that is to be in the target one identity, where its key is free.

    A key may change, and is free for another record, as long as nothing was delivered under it and nothing is in doubt.
    """
    values = {"env": env_id, "entity": write.entity, "run": run_id}
    cursor.execute(
        sql.SQL(
            f"""
            delete from sync.identity as pinned
            using {{outbound}} as outbound
            where pinned.env_id = %(env)s and pinned.entity = %(entity)s and pinned.source_key = outbound.source_key
                and pinned.target_key <> outbound.target_key
                and not {_DELIVERED.format(env="%(env)s", key="outbound.source_key")}
            """
        ).format(outbound=outbound),
        values,
    )
    cursor.execute(
        sql.SQL(
            f"""
            delete from sync.identity as holder
            using {{outbound}} as outbound
            where holder.env_id = %(env)s and holder.entity = %(entity)s and holder.company = outbound.company
                and {_SAME_KEY.format("holder", "outbound")} and holder.source_key <> outbound.source_key
                and outbound.operation = 'upsert'
                and not exists (
                    select 1 from sync.identity as own
                    where own.env_id = %(env)s and own.entity = %(entity)s and own.source_key = outbound.source_key
                )
                and not exists (
                    select 1 from {{outbound}} as wanting
                    where wanting.source_key = holder.source_key and wanting.operation = 'upsert'
                )
                and not {_DELIVERED.format(env="%(env)s", key="holder.source_key")}
            """
        ).format(outbound=outbound),
        values,
    )
    cursor.execute(
        sql.SQL(
            """
            insert into sync.identity (env_id, entity, source_key, company, target_key, pinned_run)
            select %(env)s, %(entity)s, outbound.source_key, outbound.company, outbound.target_key, %(run)s
            from (select * from {outbound} where operation = 'upsert') as outbound
            left join sync.identity as pinned
                on pinned.env_id = %(env)s and pinned.entity = %(entity)s
                and pinned.source_key = outbound.source_key
            where pinned.source_key is null
            on conflict do nothing
            """
        ).format(outbound=outbound),
        values,
    )


def pin_freed(connection: Connection, run_id: int, env_id: str, entity: str, seqs: Sequence[int]) -> set[int]:
    """Give plan rows the keys that removals of their run have freed; returns the rows whose key is still taken."""
    values = {"run": run_id, "env": env_id, "entity": entity, "seqs": list(seqs)}
    with connection, connection.cursor() as cursor:
        cursor.execute(
            f"""
            delete from sync.identity as holder
            using sync.plan as plan
            where plan.run_id = %(run)s and plan.seq = any(%(seqs)s)
                and holder.env_id = %(env)s and holder.entity = %(entity)s and holder.company = plan.company
                and {_SAME_KEY.format("holder", "plan")} and holder.source_key <> plan.source_key
                and not {_DELIVERED.format(env="%(env)s", key="holder.source_key")}
            """,
            values,
        )
        cursor.execute(
            """
            insert into sync.identity (env_id, entity, source_key, company, target_key, pinned_run)
            select %(env)s, %(entity)s, source_key, company, target_key, %(run)s
            from sync.plan where run_id = %(run)s and seq = any(%(seqs)s)
            on conflict do nothing
            """,
            values,
        )
        cursor.execute(
            """
            select seq from sync.plan as plan
            where run_id = %(run)s and seq = any(%(seqs)s) and not exists (
                select 1 from sync.identity as own
                where own.env_id = %(env)s and own.entity = %(entity)s and own.source_key = plan.source_key
            )
            """,
            values,
        )
        return {int(seq) for (seq,) in cursor.fetchall()}


def resolve(connection: Connection, env_id: str, references: Iterable[Reference]) -> dict[Reference, str]:
    """The target's values for the records referred to: GUIDs, or properties that it answered."""
    wanted = list(references)
    if not wanted:
        return {}
    with connection, connection.cursor() as cursor:
        found = execute_values(
            cursor,
            """
            select wanted.n, known.value
            from (values %s) as wanted (n, env_id, entity, name, key, stem)
            cross join lateral (
                select case when wanted.name is null then target_id::text else answer ->> wanted.name end as value
                from sync.identity as identity
                where
                    identity.env_id = wanted.env_id and identity.entity = wanted.entity
                    and identity.source_key >= wanted.stem
                    and (
                        identity.source_key = wanted.key
                        or wanted.stem <> wanted.key and identity.source_key < wanted.stem || chr(1114109)
                    )
                    and case when wanted.name is null then target_id::text else answer ->> wanted.name end <> ''
                order by identity.pinned_at, identity.source_key
                limit 1
            ) as known
            """,
            [
                (n, env_id, ref.entity, ref.name, ref.key, ref.key.removesuffix("*"))
                for n, ref in enumerate(wanted)
            ],
            template="(%s::int, %s, %s, %s::text, %s, %s)",
            page_size=1000,
            fetch=True,
        )
    return {wanted[n]: value for n, value in found}


def owned_by_others(
    connection: Connection, env_id: str, entity: str, found: Sequence[Found]
) -> dict[int, str]:
    """Of target records that were found for source records, those that belong to another one: {seq: its source_key}.

    A record belongs to the source record whose identity has its GUID, its key or the number that the target assigned.
    """
    if not found:
        return {}
    with connection, connection.cursor() as cursor:
        owners = execute_values(
            cursor,
            f"""
            select found.seq, min(identity.source_key)
            from (values %s) as found (seq, env_id, entity, source_key, target_id, company, target_key, name, number)
            inner join sync.identity as identity
                on identity.env_id = found.env_id and identity.entity = found.entity
                and identity.source_key <> found.source_key
                and (
                    identity.target_id = found.target_id
                    or identity.company = found.company and {_SAME_KEY.format("identity", "found")}
                    or identity.answer ->> found.name = found.number
                )
            group by found.seq
            """,
            [(f.seq, env_id, entity, *f[1:]) for f in found],
            template="(%s::bigint, %s, %s, %s, %s::uuid, %s::text, %s::jsonb, %s::text, %s::text)",
            page_size=1000,
            fetch=True,
        )
    return dict(owners)


def mark(
    cursor: Cursor, env_id: str, entity: str, ids: Sequence[tuple[str, str]], forget: Sequence[str]
) -> None:
    """Before a request: store the GUIDs with which records are sent, (source_key, GUID), and forget what the target
    answered about records (source keys) that it is asked to create anew."""
    if forget:
        cursor.execute(
            """
            update sync.identity set target_id = null, answer = null
            where env_id = %s and entity = %s and source_key = any(%s) and answer is not null
            """,
            (env_id, entity, list(forget)),
        )
    if ids:
        execute_values(
            cursor,
            """
            update sync.identity as identity set target_id = sent.target_id::uuid
            from (values %s) as sent (env_id, entity, source_key, target_id)
            where identity.env_id = sent.env_id and identity.entity = sent.entity
                and identity.source_key = sent.source_key
                and identity.target_id is distinct from sent.target_id::uuid
            """,
            [(env_id, entity, source_key, target_id) for source_key, target_id in ids],
            page_size=1000,
        )


def adopt(cursor: Cursor, env_id: str, entity: str, records: Sequence[tuple[object, ...]]) -> None:
    """Note what was read of records: (source_key, GUID or None, answered properties as JSON or None, adopted)."""
    execute_values(
        cursor,
        """
        update sync.identity as identity
        set target_id = coalesce(read.target_id, identity.target_id),
            adopted = identity.adopted or read.adopted,
            answer = coalesce(identity.answer || read.answer, read.answer, identity.answer)
        from (values %s) as read (env_id, entity, source_key, target_id, answer, adopted)
        where identity.env_id = read.env_id and identity.entity = read.entity
            and identity.source_key = read.source_key
        """,
        [(env_id, entity, *record) for record in records],
        template="(%s, %s, %s, %s::uuid, %s::jsonb, %s)",
        page_size=1000,
    )


RECORD = """
    update sync.identity as identity
    set target_id = coalesce(done.target_id, identity.target_id),
        adopted = identity.adopted or done.adopted,
        answer = coalesce(identity.answer || done.answer, done.answer, identity.answer)
    from done
    where identity.env_id = done.env_id and identity.entity = %(entity)s and identity.source_key = done.source_key
        and (done.target_id is not null or done.answer is not null or done.adopted)
"""
"""Take GUIDs, adoptions and answered properties from outcomes: a part of the statement of ``load.ledger.record``."""
