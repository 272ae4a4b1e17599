"""SQL text of ``ledger``: what the answers to a batch of requests change, in one statement for all tables.

A row per outcome is read once, with what its plan row and the ledger know of it (``done``); each table takes its part.
"""

from prospect_to_cash.plan import identities, plan_rows, row_outcomes

# What was sent is believed; an entry that the body no longer has is dropped. A doubt stays while an earlier try of the
# request may still be executed (closes is false). Of a record that was just created as a whole (is_whole), nothing was
# believed before: what is known of it follows from the body alone.
_LEDGER = """
    update sync.ledger as ledger
    set
        present = case when done.sent then done.requested <> 'remove' and done.kind <> 'missing' else ledger.present end,
        belief = case
            when done.sent and (done.requested = 'remove' or done.kind = 'missing') then '{}'
            when done.state <> 'accepted' or done.operation = 'remove' then ledger.belief
            when done.operation = 'deactivate' and not done.sent then ledger.belief
            when done.operation = 'deactivate' then ledger.belief || sync.pick(done.flat, done.sent_body)
            when done.is_whole then done.flat
            else sync.known_after(
                done.body, done.sent_body, case when done.is_create then '{}' else ledger.belief end
            )
        end,
        left_empty = case
            when done.sent and (done.requested = 'remove' or done.kind = 'missing') then '{}'
            when done.state <> 'accepted' or done.operation <> 'upsert' then ledger.left_empty
            when done.is_whole then array(
                select field.key from jsonb_object_keys(done.flat) as field (key)
                where not done.sent_body ? field.key and not starts_with(field.key, 'ref:')
            )
            else sync.left_empty(
                done.body, done.sent_body, case when done.is_create then '{}' else ledger.belief end, ledger.left_empty
            )
        end,
        guarded = case
            when done.state = 'accepted' and done.sent and done.flat <> done.body
                then ledger.guarded || sync.pick(done.sent_body, sync.guards(done.body))
            else ledger.guarded
        end,
        doubt = case when done.closes then null else ledger.doubt end,
        over_at = case when done.closes then null else ledger.over_at end,
        answered = done.state = 'accepted' and not done.closes,
        settled_hash = case
            when done.state = 'accepted' and done.closes and ledger.stray_until is null and ledger.recheck = '{}'
                then done.body_hash
        end,
        build = greatest(ledger.build, done.build),
        accepted_run = case
            when done.state = 'accepted' then greatest(ledger.accepted_run, %(run)s) else ledger.accepted_run
        end,
        accepted_at = case
            when done.state = 'accepted' and done.sent then clock_timestamp() else ledger.accepted_at
        end,
        rejected_hash = case when done.state = 'rejected' then done.body_hash end,
        rejected_mapping = case when done.state = 'rejected' then %(mapping)s end,
        code = nullif(done.code, ''),
        sentence = nullif(done.sentence, ''),
        attempts = case when done.state = 'accepted' then 0 else ledger.attempts end,
        next_try = case
            when done.state = 'rejected' then clock_timestamp() + make_interval(
                secs => least(%(backoff)s * power(2, least(ledger.attempts - 1, 20)), 86400)
            )
        end,
        request_id = case when done.kind = '' then ledger.request_id else nullif(done.request_id, '') end,
        epoch = lease.epoch,
        changed_at = clock_timestamp()
    from done
    inner join sync.lease as lease on lease.scope = %(scope)s and lease.epoch = %(epoch)s and not lease.released
    where ledger.env_id = done.env_id and ledger.write = done.write and ledger.source_key = done.source_key
        and ledger.epoch <= lease.epoch
    returning 1
"""
RECORD = f"""
set local synchronous_commit = off;
with outcome as materialized ({row_outcomes.OUTCOMES}),

outcome_of_plan as (
    select
        outcome.*, plan.env_id, plan.write, plan.source_key, plan.operation, plan.body, plan.body_hash, plan.build,
        {plan_rows.FLAT} as flat,
        case when outcome.sent then known.doubt ->> 'kind' end as requested,
        case when outcome.sent then known.doubt -> 'body' else '{{}}' end as sent_body
    from outcome
    inner join sync.plan as plan on plan.run_id = %(run)s and plan.seq = outcome.seq
    left join sync.ledger as known
        on known.env_id = plan.env_id and known.write = plan.write and known.source_key = plan.source_key
    offset 0  -- each column is computed once, however often it is named below
),

done as materialized (
    select
        *, coalesce(requested = 'create', false) as is_create,
        coalesce(requested = 'create' and sent_body @> jsonb_strip_nulls(flat), false) as is_whole
    from outcome_of_plan
),

in_ledger as ({_LEDGER}),

in_identity as ({identities.RECORD}),

in_plan as ({plan_rows.RECORD}),

in_attempt as (
    insert into sync.attempt (run_id, seq, kind, status, code, sentence, request_id)
    select %(run)s, seq, kind, status, code, sentence, request_id from done where kind <> ''
)

select count(*) from in_ledger
"""
