"""What is believed of each record of the target, and the request whose result is not known (table ``sync.ledger``).

A row is marked before its request is sent, with the complete body and the time when the request is surely over. What the
target accepts or shows becomes the belief, property by property. Only a proof that no request can be executed any more
removes a doubt. Statements of a delivery join the lease on its epoch: a holder that was overtaken changes no row
(``LeaseLost``); it appends to ``sync.stray`` instead, which puts whoever has the key now in doubt again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import Write
from prospect_to_cash.load.lease import Lease, LeaseLost
from prospect_to_cash.load.ledger_statements import RECORD
from prospect_to_cash.plan import identities, row_outcomes
from prospect_to_cash.plan.row_outcomes import Outcome


def backoff_seconds() -> float:
    """The first pause before a rejected body is sent again; it doubles up to a day. P2C_REJECTED_BACKOFF, else 900."""
    return _seconds("P2C_REJECTED_BACKOFF", "900")


def horizon_seconds() -> float:
    """How long a target may still execute a request after its sender has hung up: P2C_TARGET_HORIZON, else 600."""
    return _seconds("P2C_TARGET_HORIZON", "600")


def _seconds(name: str, default: str) -> float:
    text = os.environ.get(name, default)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e7:
        raise Misconfigured(f"{name} is {text!r}: set a number of seconds, 0 or more.")
    return seconds


@dataclass(frozen=True)
class Sent:
    """One request that is about to leave: its ``kind``, and ``target`` and ``body`` as JSON text.

    ``execution_id``: it goes as a row of this import, which has no end in time: ``end_imports`` tells that it is over.
    """

    seq: int
    source_key: str
    kind: str
    target: str
    body: str
    target_id: str | None = None
    forgets_answer: bool = False
    execution_id: str | None = None

    def as_json(self) -> str:
        """The plan row and the request as the ledger keeps it, as JSON text."""
        execution = "" if self.execution_id is None else f', "execution_id": {json.dumps(self.execution_id)}'
        doubt = f'{{"kind": "{self.kind}", "target": {self.target}, "body": {self.body}{execution}}}'
        return f'{{"seq": {self.seq}, "doubt": {doubt}}}'


@dataclass(frozen=True)
class Read:
    """What was read of one record: ``found`` as JSON text by the names that bodies have, None when it does not exist.

    ``resolved`` is the plan row's body with its references replaced, or None when it has none; ``kept`` are the properties
    that the identity stores, as JSON text.
    """

    seq: int
    source_key: str
    found: str | None
    resolved: str | None = None
    target_id: str | None = None
    kept: str | None = None
    adopted: bool = False


def mark(connection: Connection, lease: Lease, entity: str, run_id: int, requests: Sequence[Sent]) -> None:
    """Put records in doubt before their requests are sent; an earlier doubt is replaced, as only the same is repeated."""
    if not requests:
        return
    with connection, connection.cursor() as cursor:
        identities.mark(
            cursor,
            lease.env_id,
            entity,
            [(r.source_key, r.target_id) for r in requests if r.target_id],
            [r.source_key for r in requests if r.forgets_answer],
        )
        cursor.execute(
            """
            with lease as materialized (
                select epoch from sync.lease where scope = %(scope)s and epoch = %(epoch)s and not released
            )
            insert into sync.ledger (
                env_id, write, source_key, document, doubt, over_at, build, attempts, epoch
            )
            select
                plan.env_id, plan.write, plan.source_key, plan.document, sent.doubt,
                case
                    when sent.doubt ? 'execution_id' then 'infinity'
                    else clock_timestamp() + make_interval(secs => %(lasts)s)
                end,
                plan.build, 1, lease.epoch
            from jsonb_to_recordset(%(requests)s) as sent (seq bigint, doubt jsonb)
            inner join sync.plan as plan on plan.run_id = %(run)s and plan.seq = sent.seq
            cross join lease
            on conflict (env_id, write, source_key) do update
            set doubt = excluded.doubt, over_at = greatest(ledger.over_at, excluded.over_at), answered = false,
                settled_hash = null, document = excluded.document, build = excluded.build,
                attempts = ledger.attempts + 1, epoch = excluded.epoch, changed_at = clock_timestamp()
            where ledger.epoch <= excluded.epoch
            """,
            {
                "scope": lease.scope,
                "epoch": lease.epoch,
                "lasts": lease.terms.deadline + horizon_seconds(),
                "run": run_id,
                "requests": "[" + ", ".join(r.as_json() for r in requests) + "]",
            },
        )
        if cursor.rowcount != len(requests):
            raise LeaseLost(f"{lease.scope} has been taken over by another run.")


def forget_unwanted(connection: Connection, writes: Sequence[Write], environments: Mapping[str, str]) -> None:
    """Forget changes in doubt that outbound no longer asks for, once they are over: what they may have left is not ours.

    Only of writes that create nothing; asked for again, their body is sent whole. ``environments`` maps system to env_id.
    """
    with connection, connection.cursor() as cursor:
        for write in writes:
            if not write.creates:
                cursor.execute(
                    sql.SQL(
                        """
                        delete from sync.ledger as known
                        where known.env_id = %s and known.write = %s
                            and greatest(known.over_at, known.stray_until) < clock_timestamp()
                            and not exists (
                                select 1 from {} as outbound where outbound.source_key = known.source_key
                            )
                        """
                    ).format(sql.Identifier("outbound", write.relation)),
                    (environments[write.system], write.name),
                )


def end_imports(connection: Connection, env_id: str, write: str, is_known: bool) -> None:
    """The imports of a write have ended: their rows can be read back. One that is lost may go on like any request."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            update sync.ledger set over_at = clock_timestamp() + make_interval(secs => %s)
            where env_id = %s and write = %s and doubt ? 'execution_id' and over_at = 'infinity'
            """,
            (0 if is_known else horizon_seconds(), env_id, write),
        )


def record_reads(
    connection: Connection,
    lease: Lease,
    entity: str,
    run_id: int,
    reads: Sequence[Read],
    request_id: str = "",
    forgets: bool = False,
) -> None:
    """Believe what was read: doubt, recheck and drift of these records are over. Belongs to reads that began after it.

    ``forgets``: the number that the target had assigned to a record which is no longer there is none of its new one.
    """
    if not reads:
        return
    with connection, connection.cursor() as cursor:
        written = execute_values(
            cursor,
            """
            insert into sync.ledger as ledger (
                env_id, write, source_key, document, present, belief, left_empty, build, request_id, epoch
            )
            select
                plan.env_id, plan.write, plan.source_key, plan.document, read.found is not null,
                case
                    when read.found is null then '{}'
                    else sync.empty_fields(plan.body)
                        || sync.believed(plan.body, read.resolved::jsonb, read.found::jsonb)
                        || sync.was_ours(plan.body, coalesce(known.belief, '{}'))
                        || never_sent.fields
                end,
                case
                    when read.found is null then '{}'
                    else sync.left_empty(
                        plan.body, read.found::jsonb - array(select jsonb_object_keys(never_sent.fields)), '{}', '{}'
                    )
                end,
                coalesce(known.build, 0), nullif(read.request_id, ''), lease.epoch
            from (values %s) as read (scope, epoch, run_id, seq, found, resolved, adopted, request_id)
            inner join sync.plan as plan on plan.run_id = read.run_id and plan.seq = read.seq
            inner join sync.lease as lease
                on lease.scope = read.scope and lease.epoch = read.epoch and not lease.released
            left join sync.ledger as known
                on known.env_id = plan.env_id and known.write = plan.write and known.source_key = plan.source_key
            cross join lateral (
                select case
                    when known.source_key is null or known.stray_until is not null or read.adopted then '{}'
                    else sync.never_sent(plan.body, known.doubt, known.left_empty)
                end as fields
            ) as never_sent
            on conflict (env_id, write, source_key) do update
            set present = excluded.present, belief = excluded.belief, doubt = null, over_at = null, answered = false,
                stray_until = null, recheck = '{}', drift = '{}', left_empty = excluded.left_empty, settled_hash = null,
                document = excluded.document,
                request_id = coalesce(excluded.request_id, ledger.request_id),
                epoch = excluded.epoch, changed_at = clock_timestamp()
            where ledger.epoch <= excluded.epoch
            returning 1
            """,
            [
                (lease.scope, lease.epoch, run_id, r.seq, r.found, r.resolved, r.adopted, request_id)
                for r in reads
            ],
            template="(%s, %s::bigint, %s::bigint, %s::bigint, %s, %s, %s::boolean, %s)",
            page_size=1000,
            fetch=True,
        )
        if len(written) != len(reads):
            raise LeaseLost(f"{lease.scope} has been taken over by another run.")
        _note_identities(cursor, lease, entity, reads, forgets)
        cursor.execute(
            """
            insert into sync.attempt (run_id, seq, kind, request_id)
            select %s, unnest(%s::bigint[]), 'read_back', nullif(%s, '')
            """,
            (run_id, [r.seq for r in reads], request_id),
        )


def _note_identities(cursor: Cursor, lease: Lease, entity: str, reads: Sequence[Read], forgets: bool) -> None:
    if forgets:
        identities.mark(cursor, lease.env_id, entity, [], [r.source_key for r in reads if r.found is None])
    noted = [
        (r.source_key, r.target_id, r.kept, r.adopted) for r in reads if r.target_id or r.kept or r.adopted
    ]
    if noted:
        identities.adopt(cursor, lease.env_id, entity, noted)


def same(connection: Connection, pairs: Sequence[tuple[int, str, str]]) -> set[int]:
    """Of (row, body sent, record found), both as JSON text, the rows whose record has every value that was sent."""
    if not pairs:
        return set()
    with connection, connection.cursor() as cursor:
        found = execute_values(
            cursor,
            """
            select pair.n from (values %s) as pair (n, sent, found)
            where not exists (
                select 1 from jsonb_each(pair.sent) as field
                where pair.found ? field.key
                    and not sync.same_value(field.key, field.value, pair.found -> field.key)
            )
            """,
            list(pairs),
            template="(%s::bigint, %s::jsonb, %s::jsonb)",
            page_size=1000,
            fetch=True,
        )
    return {int(n) for (n,) in found}


def record(
    connection: Connection, lease: Lease, run_id: int, mapping: str, entity: str, outcomes: Sequence[Outcome]
) -> None:
    """Record outcomes in ledger, identities, plan and attempts, in one transaction.

    It is not waited for until it is on disk: if the server goes down at that moment, the rows are in doubt, as they were
    before. Whatever is committed later is on disk later.
    """
    if not outcomes:
        return
    try:
        with connection, connection.cursor() as cursor:
            if any(not outcome.kind for outcome in outcomes):
                _add_settled(cursor, run_id, [outcome.seq for outcome in outcomes if not outcome.kind])
            cursor.execute(
                RECORD,
                {
                    "outcomes": row_outcomes.as_json(outcomes),
                    "run": run_id,
                    "entity": entity,
                    "scope": lease.scope,
                    "epoch": lease.epoch,
                    "mapping": mapping,
                    "backoff": backoff_seconds(),
                },
            )
            if one(cursor)[0] != len(outcomes):
                raise LeaseLost(f"{lease.scope} has been taken over by another run.")
    except LeaseLost:
        note_strays(connection, lease, run_id, [outcome.seq for outcome in outcomes if outcome.sent])
        raise


def _add_settled(cursor: Cursor, run_id: int, seqs: Sequence[int]) -> None:
    """Rows for records of which nothing had to be sent; those that have one keep it."""
    cursor.execute(
        """
        insert into sync.ledger (env_id, write, source_key, document, epoch)
        select env_id, write, source_key, document, 0 from sync.plan where run_id = %s and seq = any(%s)
        on conflict do nothing
        """,
        (run_id, list(seqs)),
    )


def note_strays(connection: Connection, lease: Lease, run_id: int, seqs: Sequence[int]) -> None:
    """Note requests that were sent although another worker holds the lease now, whatever their answer was.

    Every record that has one of their keys now is read again once they are over. The lease is not asked: this must be
    written down by whoever knows it.
    """
    if not seqs:
        return
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            with stray as (
                insert into sync.stray (env_id, write, source_key, run_id, target_key, over_at)
                select
                    plan.env_id, plan.write, plan.source_key, plan.run_id, coalesce(identity.target_key, plan.target_key),
                    clock_timestamp() + make_interval(secs => %(lasts)s)
                from sync.plan as plan
                left join sync.identity as identity
                    on identity.env_id = plan.env_id and identity.entity = %(entity)s
                    and identity.source_key = plan.source_key
                where plan.run_id = %(run)s and plan.seq = any(%(seqs)s)
                returning *
            )
            update sync.ledger as ledger
            set stray_until = greatest(ledger.stray_until, stray.over_at), settled_hash = null
            from stray
            where ledger.env_id = stray.env_id and (
                ledger.write = stray.write and ledger.source_key = stray.source_key
                or exists (
                    select 1 from sync.identity as holder
                    where holder.env_id = stray.env_id and holder.entity = %(entity)s
                        and holder.source_key = ledger.source_key and holder.target_key = stray.target_key
                )
            )
            """,
            {
                "lasts": lease.terms.deadline + horizon_seconds(),
                "entity": lease.entity,
                "run": run_id,
                "seqs": list(seqs),
            },
        )
