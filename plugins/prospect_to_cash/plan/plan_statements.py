"""SQL text of ``plan_rows``: which outbound rows a run has to look at.

A row is planned when its body is not known to be what the target has: it differs from the belief, or something about the
record is unsure. What is sent is decided when it is sent; ``action`` and ``changes`` say what is expected.
"""

ABSENT = "absent"
"""Stands for the hash of a body in rows of parts that their document no longer has."""

# A ledger row about which something is unsure.
UNSURE = "(known.doubt is not null or known.stray_until is not null or known.recheck <> '{{}}')"

# No volatile function in `compared`: it must be inlined, or all rows would be materialized before the few are chosen.
CHANGES = f"""
with compared as (

    select
        outbound.*,
        coalesce(known.present, false) as is_present,
        coalesce({UNSURE}, false) as is_unsure,
        known.settled_hash,
        known.belief,
        known.sentence,
        known.rejected_hash is not distinct from outbound.body_hash
        and known.rejected_mapping is not distinct from %(mapping)s
        and known.next_try > statement_timestamp()
        and not coalesce(known.changed_at < %(references_landed)s, false)
        and not %(retry)s
        and not exists (
            select 1
            from unnest(outbound.requires) as needed (ref)
            inner join sync.ledger as parent
                on parent.env_id = any(%(envs)s)
                and parent.write = split_part(needed.ref, ':', 1)
                and parent.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1)
            where parent.accepted_at > known.changed_at
        ) as is_backing_off,
        case
            when %(creates)s and pinned.source_key is null and not exists (
                -- the record that has this key now is removed first, by the same run
                select 1 from sync.plan as leaving
                inner join sync.identity as holder
                    on holder.env_id = leaving.env_id and holder.entity = %(entity)s
                    and holder.source_key = leaving.source_key
                where leaving.run_id = %(run)s and leaving.operation = 'remove' and leaving.state = 'planned'
                    and holder.env_id = %(env)s and holder.target_key = outbound.target_key
            ) then 'key_taken'
            when %(creates)s and pinned.target_key <> outbound.target_key then 'key_changed'
            -- a record that another write creates may have a key of other properties, but no other values of the same ones
            when pinned.target_key <> outbound.target_key and exists (
                select 1
                from jsonb_each(pinned.target_key) as was
                inner join jsonb_each(outbound.target_key) as now on now.key = was.key
                where now.value <> was.value
            ) then 'key_changed'
        end as broken_identity
    from {{outbound}} as outbound
    left join sync.ledger as known
        on known.env_id = %(env)s and known.write = %(write)s and known.source_key = outbound.source_key
    left join sync.identity as pinned
        on pinned.env_id = %(env)s and pinned.entity = %(entity)s and pinned.source_key = outbound.source_key

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
                    and parent.present
            )
            and not exists (
                select 1 from sync.plan as sibling
                where sibling.run_id = %(run)s and sibling.env_id = any(%(envs)s)
                    and sibling.write = split_part(needed.ref, ':', 1)
                    and sibling.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1)
                    and sibling.state in ('planned', 'accepted')
            )
            limit 1
        ) as missing,
        case
            when %(force)s or (%(creates)s and not is_present) then sync.flatten(body)
            else sync.differing(body, coalesce(belief, '{{{{}}}}'))
        end as expected
    from compared
    where
        (settled_hash is distinct from body_hash or broken_identity is not null or %(force)s)
        and operation <> 'absent' and (operation = 'remove') = %(removals)s
        and not (operation in ('deactivate', 'remove') and %(creates)s and not is_present and not is_unsure)
        and not exists (
            select 1 from sync.plan as done
            where done.run_id = %(run)s and done.env_id = %(env)s and done.write = %(write)s
                and done.source_key = compared.source_key and done.body_hash = compared.body_hash
                and done.state in ('accepted', 'rejected')
        )
    offset 0  -- each column is computed once, however often it is named below

)

insert into sync.plan (
    run_id, write, env_id, source_key, document, record, company, ordinal, operation, action,
    target_key, body, body_hash, build, changes, requires, if_match, state, reason
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
    operation,
    case
        when operation = 'remove' then 'remove'
        when expected = '{{{{}}}}' then 'confirm'
        when operation = 'deactivate' then 'deactivate'
        when %(creates)s and not is_present then 'create'
        else 'update'
    end,
    target_key,
    body,
    body_hash,
    %(build)s,
    case when operation <> 'remove' then expected else '{{{{}}}}' end,
    requires,
    if_match,
    case
        when coalesce(broken_identity, locked) is not null then 'held'
        when is_backing_off then 'backing_off'
        when missing is not null then 'waiting'
        else 'planned'
    end,
    case
        when coalesce(broken_identity, locked) is not null then coalesce(broken_identity, locked)
        when is_backing_off then sentence
        else missing
    end
from pending
order by operation <> 'remove', ordinal, document, source_key
"""


# Parts that the target has, or may have, and that their document no longer has.
ABSENT_PARTS = f"""
with present as (
    select document, min(locked) as locked from ({{documents}}) as outbound group by document
),

gone as (

    select known.*, present.locked
    from sync.ledger as known
    inner join present on present.document = known.document
    where
        known.env_id = %(env)s and known.write = %(write)s
        and ((known.present and known.settled_hash is distinct from '{ABSENT}') or {UNSURE})
        and not exists (
            select 1 from {{outbound}} as outbound
            where outbound.source_key = known.source_key and outbound.operation <> 'absent'
        )
        and not exists (
            select 1 from sync.plan as done
            where done.run_id = %(run)s and done.env_id = %(env)s and done.write = %(write)s
                and done.source_key = known.source_key and done.body_hash = '{ABSENT}'
                and done.state in ('accepted', 'rejected')
        )

),

ending as (

    select
        gone.*,
        identity.target_key,
        last_plan.record,
        last_plan.company,
        gone.rejected_hash = '{ABSENT}' and gone.next_try > clock_timestamp() and not %(retry)s as is_backing_off
    from gone
    inner join sync.identity as identity
        on identity.env_id = gone.env_id and identity.entity = %(entity)s and identity.source_key = gone.source_key
    left join lateral (
        select plan.record, plan.company from sync.plan as plan
        where plan.env_id = gone.env_id and plan.write = gone.write and plan.source_key = gone.source_key
        order by plan.run_id desc
        limit 1
    ) as last_plan on true

)

insert into sync.plan (
    run_id, write, env_id, source_key, document, record, company, ordinal, operation, action,
    target_key, body, body_hash, build, changes, requires, if_match, state, reason
)
select
    %(run)s,
    write,
    env_id,
    source_key,
    document,
    coalesce(record, source_key),
    coalesce(company, ''),
    0,
    case when %(body)s::jsonb is null then 'remove' else 'deactivate' end,
    case when %(body)s::jsonb is null then 'remove' else 'deactivate' end,
    target_key,
    coalesce(%(body)s::jsonb, '{{{{}}}}'),
    '{ABSENT}',
    %(build)s,
    coalesce(%(body)s::jsonb, '{{{{}}}}'),
    '{{{{}}}}',
    null,
    case when locked is not null then 'held' when is_backing_off then 'backing_off' else 'planned' end,
    case when locked is not null then locked when is_backing_off then sentence end
from ending
order by document, source_key
"""


# Documents with several parts to send that go as one change set: no more than `parts`, and new ones only if they may.
TOGETHER = """
update sync.plan as plan
set together = true
from (
    select document
    from sync.plan
    where run_id = %(run)s and write = any(%(writes)s) and state = 'planned'
    group by document
    having count(*) between 2 and %(parts)s
        and (%(creates)s or not bool_or(write = %(principal)s and action = 'create'))
) as document
where plan.run_id = %(run)s and plan.write = any(%(writes)s) and plan.state = 'planned'
    and plan.document = document.document
"""

# A rejected part is tried again when another part of its record has changed since.
RELEASE = """
update sync.plan as plan
set state = 'planned', reason = null
where plan.run_id = %(run)s and plan.state = 'backing_off' and exists (
    select 1
    from sync.plan as part
    where part.run_id = plan.run_id and part.document = plan.document and part.state = 'planned'
        and not exists (
            select 1 from sync.plan as before
            where before.env_id = part.env_id and before.write = part.write and before.source_key = part.source_key
                and before.run_id <> part.run_id and before.body_hash = part.body_hash
        )
)
"""

# A record of which a part is held, rejected or waiting has nothing of it sent: its planned rows take over the state and
# the reason of that part, which may in turn leave rows of other records waiting.
HOLD_TOGETHER = """
with open_part as (

    select distinct on (document) document, state, reason
    from sync.plan
    where run_id = %(run)s and state in ('held', 'backing_off', 'waiting')
    order by document, array_position(array['held', 'backing_off', 'waiting'], state), seq

)

update sync.plan as plan
set state = open_part.state, reason = open_part.reason
from open_part
where plan.run_id = %(run)s and plan.document = open_part.document and plan.state = 'planned'
"""

LEFT_WAITING = """
with stopped as (

    select write || ':' || source_key as ref
    from sync.plan where run_id = %(run)s and state in ('held', 'backing_off', 'waiting')

),

left_waiting as (

    select plan.seq, min(needed.ref) as missing
    from sync.plan as plan
    cross join unnest(plan.requires) as needed (ref)
    inner join stopped on stopped.ref = needed.ref
    where
        plan.run_id = %(run)s and plan.state = 'planned'
        and not exists (
            select 1 from sync.ledger as parent
            where parent.env_id = any(%(envs)s) and parent.write = split_part(needed.ref, ':', 1)
                and parent.source_key = substr(needed.ref, strpos(needed.ref, ':') + 1) and parent.present
        )
    group by plan.seq

)

update sync.plan as plan
set state = 'waiting', reason = left_waiting.missing
from left_waiting
where plan.run_id = %(run)s and plan.seq = left_waiting.seq
"""
