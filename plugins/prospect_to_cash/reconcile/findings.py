"""What a reconcile has found (tables ``sync.reconcile`` and ``sync.finding``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one

KINDS = ("missing", "extra", "different", "normalised", "kept", "belief")


class Finding(NamedTuple):
    """One open difference; ``ours`` and ``theirs`` are values of a record: for a terminal, not for a log."""

    write: str
    record: str
    field: str
    kind: str
    ours: object
    theirs: object
    first_seen: datetime


def begin(cursor: Cursor, env_id: str, flow: str, write: str, dag_run_id: str, began: datetime) -> int:
    """The number of a new reconcile of a write."""
    cursor.execute(
        """
        insert into sync.reconcile (env_id, flow, write, dag_run_id, counts, read_began) values (%s, %s, %s, %s, '{}', %s)
        returning reconcile_id
        """,
        (env_id, flow, write, dag_run_id, began),
    )
    return int(one(cursor)[0])


def finish(cursor: Cursor, reconcile_id: int, counts: Mapping[str, object]) -> None:
    """Store the counts of a reconcile."""
    cursor.execute(
        "update sync.reconcile set counts = %s, finished_at = clock_timestamp() where reconcile_id = %s",
        (json.dumps(counts), reconcile_id),
    )


def store(cursor: Cursor, env_id: str, write: str, reconcile_id: int, repairs: bool) -> dict[str, int]:
    """Store the differences whose verdicts the ledger took, close those that are no more; returns counts by kind.

    A wrong belief is put right at once, so it is stored as resolved.
    """
    values = {"env": env_id, "write": write, "reconcile": reconcile_id, "repairs": repairs}
    cursor.execute(
        """
        delete from pg_temp.difference as difference
        where difference.source_key is not null
            and not exists (select 1 from pg_temp.verdict where verdict.source_key = difference.source_key)
        """
    )
    cursor.execute(_RESOLVE, values)
    cursor.execute(_STORE, values)
    cursor.execute("select kind, count(*) from pg_temp.difference group by kind")
    found = dict(cursor.fetchall())
    return {kind: int(found.get(kind, 0)) for kind in KINDS}


# Findings of records that this reconcile has judged and that it does not have any more.
_RESOLVE = """
update sync.finding as finding
set resolved_at = clock_timestamp()
where finding.env_id = %(env)s and finding.write = %(write)s and finding.resolved_at is null
    and not exists (
        select 1 from pg_temp.difference
        where coalesce(difference.source_key, difference.ours #>> '{}') = finding.subject
            and difference.field = finding.field and difference.kind <> 'belief'
    )
    and (
        exists (select 1 from pg_temp.verdict where verdict.source_key = finding.subject)
        or finding.kind = 'extra' and not exists (
            select 1 from pg_temp.ours where ours.source_key = finding.subject
        )
    )
"""

_STORE = """
insert into sync.finding as finding (
    env_id, write, subject, document, record, field, kind, ours, theirs, last_reconcile, repair_asked_at, resolved_at
)
select
    %(env)s, %(write)s,
    coalesce(difference.source_key, difference.ours #>> '{}'),
    ours.document,
    coalesce(ours.record, replace(difference.ours #>> '{}', chr(31), ' ')),
    difference.field, difference.kind,
    case when difference.source_key is not null then difference.ours end,
    difference.theirs, %(reconcile)s,
    case when %(repairs)s and difference.kind = 'different' then clock_timestamp() end,
    case when difference.kind = 'belief' then clock_timestamp() end
from pg_temp.difference as difference
left join pg_temp.ours as ours on ours.source_key = difference.source_key
on conflict (env_id, write, subject, field) where resolved_at is null do update
set kind = excluded.kind, ours = excluded.ours, theirs = excluded.theirs, record = excluded.record,
    last_reconcile = excluded.last_reconcile, last_seen = clock_timestamp(), times_seen = finding.times_seen + 1,
    repair_asked_at = coalesce(
        excluded.repair_asked_at,
        -- for other values nobody has asked yet
        case
            when (finding.ours, finding.theirs) is not distinct from (excluded.ours, excluded.theirs)
                then finding.repair_asked_at
        end
    )
"""


def counts_of(connection: Connection, dag_run_id: str) -> list[tuple[str, str, dict[str, int]]]:
    """(flow, write, counts) of each write that a DAG run has reconciled, in that order."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select flow, write, counts from sync.reconcile where dag_run_id = %s order by reconcile_id",
            (dag_run_id,),
        )
        return [(str(flow), str(write), counts) for flow, write, counts in cursor.fetchall()]


def found_by(connection: Connection, dag_run_id: str, limit: int) -> list[Finding]:
    """The first ``limit`` findings of a DAG run's reconciles, by write, kind and record."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select finding.write, finding.record, finding.field, finding.kind, finding.ours, finding.theirs,
                finding.first_seen
            from sync.finding as finding
            inner join sync.reconcile as reconcile on reconcile.reconcile_id = finding.last_reconcile
            where reconcile.dag_run_id = %s
            order by reconcile.reconcile_id, finding.kind, finding.record, finding.field
            limit %s
            """,
            (dag_run_id, limit),
        )
        return [Finding._make(row) for row in cursor.fetchall()]
