"""The rows of frozen plans (table ``sync.plan``): written when a run is planned, taken up and settled by the delivery."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values, register_default_jsonb

from prospect_to_cash.database.rows import one
from prospect_to_cash.flow_card import Document, Write
from prospect_to_cash.plan.plan_statements import (
    ABSENT_PARTS,
    CHANGES,
    HOLD_TOGETHER,
    LEFT_WAITING,
    RELEASE,
    TOGETHER,
)


class PlanRow(NamedTuple):
    """One planned write and what is known of its record at the moment of reading it.

    ``body`` is the whole body for a create and ``changes`` the part that differs from the belief (empty for a create), both
    flattened JSON text with references; ``doubt`` is the request whose result is not known, ``is_over`` whether it can no
    longer be executed, ``until`` when that will be (``14:05 UTC``). ``guards``: property -> values of people that may be
    overwritten, and ``guarded``: property -> the value that we wrote.
    """

    seq: int
    source_key: str
    document: str
    company: str
    operation: str
    target_key: str
    body: str
    changes: str
    body_hash: str
    if_match: str | None
    is_pinned: bool
    target_id: str | None
    answer: dict[str, object] | None
    missing: str | None
    held_by_part: str | None
    is_superseded: bool
    is_present: bool
    doubt: dict[str, Any] | None
    is_stray: bool
    is_over: bool
    is_answered: bool
    until: str
    recheck: list[str]
    guards: dict[str, list[object]]
    guarded: dict[str, object]
    belief: dict[str, object]

    @property
    def is_unsure(self) -> bool:
        """Whether something that was sent may still be executed, or was never read back."""
        return self.doubt is not None or self.is_stray


def discard_unsent(cursor: Cursor, run_id: int) -> None:
    """Delete the rows of an earlier plan of the run that were not settled; what is in doubt stands in the ledger."""
    cursor.execute(
        """
        delete from sync.plan
        where run_id = %s and state in ('planned', 'waiting', 'held', 'backing_off', 'in_doubt', 'superseded')
        """,
        (run_id,),
    )


def add_changes(cursor: Cursor, outbound: sql.Composable, values: Mapping[str, object]) -> int:
    """Plan the rows of ``outbound`` that are not known to be in the target, removals first; returns how many."""
    planned = 0
    for removals in (True, False):
        cursor.execute(sql.SQL(CHANGES).format(outbound=outbound), {**values, "removals": removals})
        planned += cursor.rowcount
    return planned


def add_absent_parts(
    cursor: Cursor, outbound: sql.Composable, documents: sql.Composable, values: Mapping[str, object]
) -> None:
    """Plan the end of parts that the target may have and that their document no longer has (``plan_statements``)."""
    cursor.execute(sql.SQL(ABSENT_PARTS).format(outbound=outbound, documents=documents), values)


def hold_together(cursor: Cursor, run_id: int, envs: Sequence[str]) -> None:
    """Hold the planned rows of every record of which another part is held, rejected or waiting, and those behind them."""
    values = {"run": run_id, "envs": list(envs)}
    cursor.execute(RELEASE, values)
    while True:
        cursor.execute(HOLD_TOGETHER, values)
        held = cursor.rowcount
        cursor.execute(LEFT_WAITING, values)
        if not held + cursor.rowcount:
            return


def put_together(cursor: Cursor, run_id: int, document: Document) -> None:
    """Choose the documents whose rows go in one change set."""
    cursor.execute(
        TOGETHER,
        {
            "run": run_id,
            "writes": list(document.writes),
            "principal": document.writes[0],
            "parts": document.parts,
            "creates": document.creates == "together",
        },
    )


def count(cursor: Cursor, run_id: int) -> int:
    """How many rows the run's plan has."""
    cursor.execute("select count(*) from sync.plan where run_id = %s", (run_id,))
    return int(one(cursor)[0])


def count_open(cursor: Cursor, run_id: int) -> int:
    """How many rows of the run's plan are planned or waiting."""
    cursor.execute(
        "select count(*) from sync.plan where run_id = %s and state in ('planned', 'waiting')", (run_id,)
    )
    return int(one(cursor)[0])


def count_planned(connection: Connection, run_id: int, write: Write) -> int:
    """Number of rows that the run still has to send for a write."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from sync.plan where run_id = %s and write = %s and state = 'planned'",
            (run_id, write.name),
        )
        return int(one(cursor)[0])


def refresh_statistics(cursor: Cursor) -> None:
    """Refresh the statistics of the tables that a plan writes, so that lookups among its rows use an index."""
    cursor.execute("select sync.refresh_statistics()")


def prefer_lookups(connection: Connection) -> None:
    """Make every statement of this session look up its rows by key.

    The tables grow from nothing while they are written, so the planner has no statistics that show a batch is small.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("set enable_hashjoin = off; set enable_mergejoin = off; set jit = off")


FLAT = "coalesce(case when action = 'create' then changes end, sync.flatten(body))"
"""The flat body of a plan row. The changes that are expected of a create are all of it."""

_ROWS = (
    """
with plan as materialized (
    select *, """
    + FLAT
    + """ as flat
    from sync.plan
    where run_id = %(run)s and write = %(write)s and state = 'planned' and seq > %(after)s
        and (%(seqs)s::bigint[] is null or seq = any(%(seqs)s))
        and (%(documents)s::text[] is null and (not together or %(seqs)s::bigint[] is not null)
            or document = any(%(documents)s))
        and (%(removals)s::boolean is null or (operation = 'remove') = %(removals)s)
    order by seq
    limit %(limit)s
)
select
    plan.seq, plan.source_key, plan.document, plan.company, plan.operation, plan.target_key::text,
    jsonb_strip_nulls(plan.flat)::text,
    case
        when %(creates)s and plan.operation = 'upsert' and not coalesce(known.present, false) then '{}'
        when coalesce((run.params ->> 'force')::boolean, false) and known.accepted_run is distinct from plan.run_id
            then plan.flat
        else sync.differing(plan.body, coalesce(known.belief, '{}'))
    end::text,
    plan.body_hash, plan.if_match, identity.source_key is not null, identity.target_id::text, identity.answer,
    (
        select needed.ref from unnest(plan.requires) as needed (ref)
        where not exists (
            select 1 from sync.ledger as parent
            where parent.env_id = any(%(envs)s)
                and parent.write = split_part(needed.ref, ':', 1)
                and parent.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1)
                and parent.present
        )
        and not (plan.together and exists (
            select 1 from sync.plan as part
            where part.run_id = plan.run_id and part.document = plan.document and part.together
                and part.state = 'planned' and part.write || ':' || part.source_key = needed.ref
        ))
        limit 1
    ),
    (
        select part.state from sync.plan as part
        where part.run_id = plan.run_id and part.document = plan.document
            and part.state in ('held', 'backing_off', 'waiting', 'rejected', 'in_doubt')
        limit 1
    ),
    coalesce(known.build > plan.build, false),
    coalesce(known.present, false),
    known.doubt,
    known.stray_until is not null,
    coalesce(greatest(known.over_at, known.stray_until) < clock_timestamp(), false),
    coalesce(known.answered, false),
    case
        when known.over_at = 'infinity' then 'the end of the import'
        else coalesce(to_char(greatest(known.over_at, known.stray_until) at time zone 'UTC', 'HH24:MI "UTC"'), '')
    end,
    coalesce(known.recheck, '{}'),
    case when plan.flat = plan.body then '{}' else sync.guards(plan.body) end,
    coalesce(known.guarded, '{}'), coalesce(known.belief, '{}')
from plan
inner join sync.run as run on run.run_id = plan.run_id
left join sync.ledger as known
    on known.env_id = plan.env_id and known.write = plan.write and known.source_key = plan.source_key
left join sync.identity as identity
    on identity.env_id = plan.env_id and identity.entity = %(entity)s
    and identity.source_key = plan.source_key
order by plan.seq
"""
)


def _decoded(text: str) -> Any:
    return {} if text == "{}" else json.loads(text)  # most of them are empty


def next_rows(
    connection: Connection,
    run_id: int,
    write: Write,
    envs: Sequence[str],
    after: int,
    limit: int,
    seqs: Sequence[int] | None = None,
    documents: Sequence[str] | None = None,
    removals: bool | None = None,
) -> list[PlanRow]:
    """The next planned rows after ``after``, in order, with the present state of their records.

    Only the rows ``seqs`` if given, or those of ``documents``; else rows that do not go together with others. Only
    ``removals``, or only others, if it is given.
    """
    with connection, connection.cursor() as cursor:
        register_default_jsonb(cursor, loads=_decoded)
        cursor.execute(
            _ROWS,
            {
                "envs": list(envs),
                "entity": write.entity,
                "run": run_id,
                "write": write.name,
                "creates": write.creates,
                "after": after,
                "limit": limit,
                "seqs": None if seqs is None else list(seqs),
                "documents": None if documents is None else list(documents),
                "removals": removals,
            },
        )
        return [PlanRow._make(row) for row in cursor.fetchall()]


def next_documents(
    connection: Connection, run_id: int, writes: Sequence[str], after: int, parts: int, removed: bool
) -> list[tuple[str, int]]:
    """The next documents that go as change sets, each with its first row, about ``parts`` rows together.

    ``after``: the first row of the last document that was asked for before. ``removed``: those that are removed, or others.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select document, first_row from (
                select document, min(seq) as first_row, count(*) as n, sum(count(*)) over (order by min(seq)) as up_to
                from sync.plan
                where run_id = %s and write = any(%s) and state = 'planned' and together
                group by document
                having min(seq) > %s and bool_or(write = %s and operation = 'remove') = %s
            ) as counted
            where up_to - n < %s
            order by up_to
            """,
            (run_id, list(writes), after, writes[0], removed, parts),
        )
        return [(document, int(first_row)) for document, first_row in cursor.fetchall()]


def with_unfinished_part(
    connection: Connection, run_id: int, writes: Sequence[str], documents: Sequence[str]
) -> set[str]:
    """Those documents of which a part is held, waits, or is in doubt."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select distinct document from sync.plan
            where run_id = %s and write = any(%s) and document = any(%s)
                and state in ('held', 'backing_off', 'waiting', 'rejected', 'in_doubt')
            """,
            (run_id, list(writes), list(documents)),
        )
        return {document for (document,) in cursor.fetchall()}


def take_apart(
    connection: Connection, run_id: int, writes: Sequence[str], documents: Sequence[str] | None = None
) -> None:
    """Let documents go write by write after all: those given, or all that are left."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            update sync.plan set together = false
            where run_id = %(run)s and write = any(%(writes)s) and state = 'planned' and together
                and (%(documents)s::text[] is null or document = any(%(documents)s))
            """,
            {"run": run_id, "writes": list(writes), "documents": documents and list(documents)},
        )


def half_created(connection: Connection, run_id: int, writes: Sequence[str]) -> list[str]:
    """Documents that this run has created while a part of them was refused."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select distinct header.document
            from sync.plan as header
            inner join sync.plan as part on part.run_id = header.run_id and part.document = header.document
            where header.run_id = %(run)s and header.write = %(principal)s and header.outcome = 'created'
                and part.write = any(%(writes)s) and part.state = 'rejected'
            """,
            {"run": run_id, "principal": writes[0], "writes": list(writes)},
        )
        return [document for (document,) in cursor.fetchall()]


def reopen(connection: Connection, run_id: int, writes: Sequence[str], documents: Sequence[str]) -> None:
    """Let the accepted rows of documents be looked at again, to take them back."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            update sync.plan set state = 'planned', outcome = null, together = true
            where run_id = %s and write = any(%s) and document = any(%s) and state = 'accepted'
            """,
            (run_id, list(writes), list(documents)),
        )


def count_creates(connection: Connection, run_id: int, write: Write) -> int:
    """How many records a write has still to create."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select count(*) from sync.plan
            where run_id = %s and write = %s and state = 'planned' and action = 'create'
            """,
            (run_id, write.name),
        )
        return int(one(cursor)[0])


def set_aside(connection: Connection, run_id: int, rows: Sequence[tuple[int, str, str]]) -> None:
    """Settle rows that this run does not send: (seq, state ``waiting``, ``held``, ``in_doubt`` or ``superseded``, reason)."""
    if not rows:
        return
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f"""
            update sync.plan as plan
            set state = aside.state, reason = aside.reason
            from (values %s) as aside (seq, state, reason)
            where plan.run_id = {int(run_id)} and plan.seq = aside.seq
            """,
            list(rows),
            page_size=1000,
        )


def set_confirming(connection: Connection, run_id: int, rows: Sequence[tuple[int, str]]) -> None:
    """Settle rows that the target has accepted while an earlier try may still be executed: (seq, until when)."""
    if not rows:
        return
    with connection, connection.cursor() as cursor:
        execute_values(
            cursor,
            f"""
            update sync.plan as plan
            set state = 'accepted', outcome = 'unchanged', reason = 'to_be_confirmed: ' || aside.until
            from (values %s) as aside (seq, until)
            where plan.run_id = {int(run_id)} and plan.seq = aside.seq
            """,
            list(rows),
            page_size=1000,
        )


RECORD = """
    update sync.plan as plan
    set state = done.state, outcome = done.outcome, reason = nullif(done.sentence, '')
    from done where plan.run_id = %(run)s and plan.seq = done.seq
"""
"""Take states and outcomes from outcomes: a part of the statement of ``load.ledger.record``."""
