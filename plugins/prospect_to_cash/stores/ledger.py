"""The ledger: before a write leaves it is in doubt; every answer is written down in bulk.

Every statement joins the lease on its epoch: a holder that was overtaken changes no row and
stops (``LeaseLost``).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from prospect_to_cash.stores.lease import Lease, LeaseLost


@dataclass(frozen=True)
class Outcome:
    """What became of one plan row. ``state``: accepted, rejected, waiting, in_doubt or planned (not run)."""

    seq: int
    state: str
    outcome: str | None
    kind: str
    status: int | None
    code: str
    sentence: str
    request_id: str
    target_id: str | None = None
    adopted: bool = False
    answer: str | None = None


def backoff_seconds() -> float:
    """First rest of a rejected body; it doubles up to a day."""
    return float(os.environ.get("P2C_REJECTED_BACKOFF", "900"))


def mark_in_doubt(
    connection: Connection,
    lease: Lease,
    run_id: int,
    seqs: Sequence[int],
    ids: Sequence[tuple[str, str]],
    entity: str,
) -> None:
    """Write down, before anything leaves, that these rows are on their way; ``ids`` are (source_key, GUID)."""
    if not seqs:
        return
    with connection, connection.cursor() as cursor:
        if ids:
            execute_values(
                cursor,
                """
                update sync.identity as identity set target_id = said.target_id::uuid
                from (values %s) as said (env_id, entity, source_key, target_id)
                where identity.env_id = said.env_id and identity.entity = said.entity
                    and identity.source_key = said.source_key
                """,
                [(lease.scope.split("/")[0], entity, key, target) for key, target in ids],
                page_size=1000,
            )
        cursor.execute(
            """
            insert into sync.ledger (
                env_id, write, source_key, document, state, in_doubt_run, in_doubt_seq, attempts, epoch
            )
            select
                plan.env_id, plan.write, plan.source_key, plan.document, 'in_doubt', plan.run_id, plan.seq, 1,
                lease.epoch
            from sync.plan as plan
            inner join sync.lease as lease on lease.scope = %s and lease.epoch = %s and not lease.released
            where plan.run_id = %s and plan.seq = any(%s)
            on conflict (env_id, write, source_key) do update
            set state = 'in_doubt', document = excluded.document,
                in_doubt_run = excluded.in_doubt_run, in_doubt_seq = excluded.in_doubt_seq,
                attempts = case when ledger.state = 'accepted' then 1 else ledger.attempts + 1 end,
                epoch = excluded.epoch, changed_at = clock_timestamp()
            where ledger.epoch <= excluded.epoch
            """,
            (lease.scope, lease.epoch, run_id, list(seqs)),
        )
        if cursor.rowcount != len(seqs):
            raise LeaseLost(f"{lease.scope} has been taken over by another run.")


def record(
    connection: Connection, lease: Lease, run_id: int, mapping: str, entity: str, outcomes: Sequence[Outcome]
) -> None:
    """Write down what became of the rows: ledger, identity, plan and the list of attempts, in one transaction."""
    if not outcomes:
        return
    rows = [
        (
            o.seq, o.state, o.outcome, o.kind, o.status, o.code, o.sentence, o.request_id,
            o.target_id, o.adopted, o.answer,
        )
        for o in outcomes
    ]  # fmt: skip
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            create temp table if not exists answers (
                seq bigint, state text, outcome text, kind text, status int, code text, sentence text,
                request_id text, target_id uuid, adopted boolean, answer jsonb
            ) on commit delete rows
            """
        )
        execute_values(
            cursor,
            "insert into answers values %s",
            rows,
            template="(%s, %s, %s, %s, %s, %s, %s, %s, %s::uuid, %s, %s::jsonb)",
            page_size=1000,
        )
        cursor.execute(_LEDGER, {"run": run_id, "scope": lease.scope, "epoch": lease.epoch, "mapping": mapping,
                                 "backoff": backoff_seconds()})  # fmt: skip
        if cursor.rowcount != len(outcomes):
            raise LeaseLost(f"{lease.scope} has been taken over by another run.")
        cursor.execute(
            """
            update sync.identity as identity
            set target_id = coalesce(answers.target_id, identity.target_id),
                adopted = identity.adopted or answers.adopted,
                answer = coalesce(identity.answer || answers.answer, answers.answer, identity.answer)
            from answers inner join sync.plan as plan on plan.run_id = %s and plan.seq = answers.seq
            where identity.env_id = plan.env_id and identity.entity = %s and identity.source_key = plan.source_key
                and (answers.target_id is not null or answers.answer is not null or answers.adopted)
            """,
            (run_id, entity),
        )
        cursor.execute(
            """
            update sync.plan as plan
            set state = answers.state, outcome = answers.outcome, reason = nullif(answers.sentence, '')
            from answers where plan.run_id = %s and plan.seq = answers.seq
            """,
            (run_id,),
        )
        cursor.execute(
            """
            insert into sync.attempt (run_id, seq, kind, status, code, sentence, request_id)
            select %s, seq, kind, status, code, sentence, request_id from answers
            """,
            (run_id,),
        )


# A write that was certainly not carried out leaves doubt again; one whose answer is unknown stays in it. A refusal
# of a body that had been in doubt before says nothing of the earlier attempt, so the next update goes whole.
_LEDGER = """
update sync.ledger as ledger
set
    state = case
        when answers.state in ('accepted', 'rejected') then answers.state
        when answers.state = 'in_doubt' or plan.confirm then 'in_doubt'
        when ledger.accepted_hash is not null then 'accepted'
        else 'rejected'
    end,
    accepted_hash = case
        when answers.state = 'accepted' and plan.action = 'remove' then null
        when answers.state = 'accepted' then plan.body_hash
        when answers.state = 'rejected' and plan.confirm and ledger.accepted_hash is not null then 'unsure'
        else ledger.accepted_hash
    end,
    accepted_body = case
        when answers.state = 'rejected' and plan.confirm and ledger.accepted_hash is not null then '{}'
        when answers.state <> 'accepted' then ledger.accepted_body
        when plan.action = 'remove' then null
        when plan.action = 'deactivate' then coalesce(ledger.accepted_body, '{}') || plan.body
        else plan.body
    end,
    accepted_run = case when answers.state = 'accepted' then plan.run_id else ledger.accepted_run end,
    accepted_at = case when answers.state = 'accepted' then clock_timestamp() else ledger.accepted_at end,
    rejected_hash = case when answers.state = 'rejected' then plan.body_hash end,
    rejected_mapping = case when answers.state = 'rejected' then %(mapping)s end,
    code = nullif(answers.code, ''),
    sentence = nullif(answers.sentence, ''),
    attempts = case when answers.state = 'accepted' then 0 else ledger.attempts end,
    next_try = case
        when answers.state = 'rejected' then clock_timestamp() + make_interval(
            secs => least(%(backoff)s * power(2, least(ledger.attempts - 1, 20)), 86400)
        )
    end,
    request_id = nullif(answers.request_id, ''),
    changed_at = clock_timestamp()
from answers
inner join sync.plan as plan on plan.run_id = %(run)s and plan.seq = answers.seq
inner join sync.lease as lease on lease.scope = %(scope)s and lease.epoch = %(epoch)s and not lease.released
where ledger.env_id = plan.env_id and ledger.write = plan.write and ledger.source_key = plan.source_key
    and ledger.epoch = lease.epoch
"""
