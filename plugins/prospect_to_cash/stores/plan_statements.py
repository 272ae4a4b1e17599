"""The statements that compare what outbound says with what the target was last known to accept."""

# No volatile function in `compared`: it must be inlined, or all rows would be written out before the few are chosen.
PLAN = """
with compared as (

    select
        said.*,
        known.state as known_state,
        known.accepted_hash,
        known.accepted_body,
        case when known.state = 'in_doubt' then (
            select doubtful.body from sync.plan as doubtful
            where doubtful.run_id = known.in_doubt_run and doubtful.seq = known.in_doubt_seq
        ) end as doubtful_body,
        known.sentence,
        known.rejected_hash is not distinct from said.body_hash
        and known.rejected_mapping is not distinct from %(mapping)s
        and known.next_try > statement_timestamp()
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
            when %(creates)s and pinned.source_key is null then 'key_taken'
            when %(creates)s and pinned.target_key <> said.target_key then 'key_changed'
            -- what another write creates may be found by other properties, never by other values of the same ones
            when pinned.target_key <> said.target_key and exists (
                select 1
                from jsonb_each(pinned.target_key) as was
                inner join jsonb_each(said.target_key) as now_said on now_said.key = was.key
                where now_said.value <> was.value
            ) then 'key_changed'
        end as broken_identity
    from {outbound} as said
    left join sync.ledger as known
        on known.env_id = %(env)s and known.write = %(write)s and known.source_key = said.source_key
    left join sync.identity as pinned
        on pinned.env_id = %(env)s and pinned.entity = %(entity)s and pinned.source_key = said.source_key

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
        and operation <> 'absent'
        and not (
            operation in ('deactivate', 'remove') and %(creates)s and accepted_hash is null
            and known_state is distinct from 'in_doubt'
        )
        and not exists (
            select 1 from sync.plan as done
            where done.run_id = %(run)s and done.env_id = %(env)s and done.write = %(write)s
                and done.source_key = compared.source_key and done.body_hash = compared.body_hash
                and done.state in ('accepted', 'rejected')
        )
    offset 0  -- each column is computed once, however often it is named below

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
        when operation in ('deactivate', 'remove') then operation
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
        when coalesce(broken_identity, locked) is not null then 'held'
        when is_resting then 'resting'
        when missing is not null then 'waiting'
        else 'planned'
    end,
    case
        when coalesce(broken_identity, locked) is not null then coalesce(broken_identity, locked)
        when is_resting then sentence
        else missing
    end
from pending
order by ordinal, document, source_key
"""


# Parts that were accepted once and that their document has no more. A create in doubt whose part is to be told of
# by a body is finished first: only then is there a record that can be told.
GONE = """
with present as (
    select document, min(locked) as locked from ({documents}) as said group by document
),

gone as (

    select known.*, present.locked
    from sync.ledger as known
    inner join present on present.document = known.document
    where
        known.env_id = %(env)s and known.write = %(write)s
        and (known.accepted_hash <> 'gone' or known.state = 'in_doubt')
        and not exists (
            select 1 from {outbound} as said
            where said.source_key = known.source_key and said.operation <> 'absent'
        )
        and not exists (
            select 1 from sync.plan as done
            where done.run_id = %(run)s and done.env_id = %(env)s and done.write = %(write)s
                and done.source_key = known.source_key and done.state in ('accepted', 'rejected')
        )

),

told as (

    select
        gone.*,
        identity.target_key,
        last_said.record,
        last_said.company,
        last_said.body as last_body,
        last_said.body_hash as last_hash,
        gone.accepted_hash is null and %(body)s::jsonb is not null as is_to_finish,
        gone.rejected_hash = 'gone' and gone.next_try > clock_timestamp() and not %(retry)s as is_resting
    from gone
    inner join sync.identity as identity
        on identity.env_id = gone.env_id and identity.entity = %(entity)s and identity.source_key = gone.source_key
    left join lateral (
        select plan.record, plan.company, plan.body, plan.body_hash from sync.plan as plan
        where plan.env_id = gone.env_id and plan.write = gone.write and plan.source_key = gone.source_key
        order by plan.run_id desc
        limit 1
    ) as last_said on true

)

insert into sync.plan (
    run_id, write, env_id, source_key, document, record, company, ordinal, action, confirm,
    target_key, body, body_hash, changes, requires, if_match, state, reason
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
    case when is_to_finish then 'create' when %(body)s::jsonb is null then 'remove' else 'deactivate' end,
    coalesce(is_to_finish, false),
    target_key,
    case when is_to_finish then last_body else coalesce(%(body)s::jsonb, '{{}}') end,
    case when is_to_finish then last_hash else 'gone' end,
    case when is_to_finish then sync.flatten(last_body) else coalesce(%(body)s::jsonb, '{{}}') end,
    '{{}}',
    null,
    case when locked is not null then 'held' when is_resting then 'resting' else 'planned' end,
    case when locked is not null then locked when is_resting then sentence end
from told
order by document, source_key
"""
