"""SQL text of ``comparison``: what the target has, against what is believed of it and what outbound says.

The statements share temporary tables of the session: ``ours`` (a row per ledger row of the write, as it was before the
target was read), ``target`` (``target_records``), ``compared`` (``properties``), and ``difference``, which they fill.
"""

# The properties that identify a record, as the target has them: numbers that it assigned come from its answer, and
# references are replaced. `names` are the key's properties, or the one with the GUID (`by_id`).
KEYED = """
select
    keyed.*,
    case
        when %(by_id)s then jsonb_build_object(
            (%(names)s::text[])[1], coalesce(keyed.target_id::text, keyed.target_key ->> (%(names)s::text[])[1])
        )
        else coalesce(
            (
                select jsonb_object_agg(
                    part.key,
                    case
                        when keyed.answer ->> part.key <> '' then keyed.answer -> part.key
                        when part.value #>> '{{}}' like '%%@%%{{%%'
                            then to_jsonb(sync.resolved(keyed.env_id, part.value #>> '{{}}'))
                        else part.value
                    end
                )
                from jsonb_each(keyed.target_key) as part
                where part.key = any(%(names)s)
            ),
            '{{}}'
        )
    end as key
from keyed
"""

OURS = f"""
drop table if exists pg_temp.ours;
create temp table ours as
with keyed as (

    select
        known.*, outbound.record,
        case
            when not ended.is_so then outbound.operation
            when %(absent)s::jsonb is null then 'remove'
            else 'deactivate'
        end as operation,
        case when ended.is_so then 'absent' else outbound.body_hash end as body_hash,
        case when ended.is_so then %(absent)s::jsonb else outbound.body end as body,
        identity.target_id, identity.answer, coalesce(identity.target_key, outbound.target_key) as target_key,
        coalesce(identity.company, outbound.company) as company,
        -- the key that it had, or would have, is another record's now
        identity.source_key is null and exists (
            select 1 from sync.identity as holder
            where holder.env_id = known.env_id and holder.entity = %(entity)s and holder.company = outbound.company
                and holder.key_fold_latin = sync.key_folds_latin(outbound.target_key)
        ) as is_freed
    from sync.ledger as known
    left join {{outbound}} as outbound
        on outbound.source_key = known.source_key and outbound.operation <> 'absent'
    left join sync.identity as identity
        on identity.env_id = known.env_id and identity.entity = %(entity)s and identity.source_key = known.source_key
    -- a part that its document no longer has: outbound has no row of it
    cross join lateral (
        select outbound.source_key is null
            and (known.settled_hash is not distinct from 'absent' or known.belief @> %(absent)s::jsonb) is true as is_so
    ) as ended
    where known.env_id = %(env)s and known.write = %(write)s

),

with_key as ({KEYED})

select
    source_key, document, coalesce(record, source_key) as record, operation, present, belief, left_empty,
    drift, settled_hash, body_hash, coalesce(settled_hash = body_hash, false) as is_settled,
    sync.flatten(coalesce(body, '{{{{}}}}')) as body, sync.guards(coalesce(body, '{{{{}}}}')) as guards,
    key, {{place}} as place, in_doubt.is_open as is_doubtful, in_doubt.is_over, doubt -> 'body' as sent,
    target_key, company, is_freed,
    not is_freed and (
        select bool_and(key ->> part.name is not null) from unnest(%(names)s::text[]) as part (name)
    ) as has_key,
    coalesce(operation <> 'remove', false) as should_be_there,
    accepted_run is not null as was_accepted, accepted_at, changed_at,
    greatest(changed_at, in_doubt.until) as sure_since
from with_key
cross join lateral (
    select
        latest.until,
        latest.is_unsure and not latest.is_left as is_open,
        latest.is_unsure and latest.is_left as is_over
    from (
        select
            coalesce(greatest(over_at, stray_until), '-infinity') as until,
            doubt is not null or stray_until is not null as is_unsure,
            -- no request can be executed any more, and no run reads the record: it is left out, held or waits
            coalesce(greatest(over_at, stray_until) < clock_timestamp(), false) and (
                operation is null
                or (
                    select plan.state in ('held', 'waiting', 'backing_off') from sync.plan as plan
                    where plan.env_id = with_key.env_id and plan.write = %(write)s and plan.source_key = with_key.source_key
                    order by plan.run_id desc
                    limit 1
                ) is true
            ) as is_left
    ) as latest
) as in_doubt;
create index on pg_temp.ours (place);
analyze pg_temp.ours;

drop table if exists pg_temp.difference;
create temp table difference (
    source_key text, field text not null, kind text not null, ours jsonb, theirs jsonb,
    correction jsonb, unsettles boolean not null default false, is_there boolean, began timestamptz not null
)
"""

# Rows that can be judged by a read: their record is known, nothing is in doubt, and the read began after all that was
# sent. (The ledger refuses, later on, those that have changed since.)
JUDGED = "ours.has_key and not ours.is_doubtful and not ours.is_over and {began} > ours.sure_since"

FIELDS = f"""
insert into pg_temp.difference (source_key, field, kind, ours, theirs, correction, unsettles, began)
with met as (

    select ours.*, target.record as found, target.began
    from pg_temp.ours as ours
    inner join pg_temp.target as target on target.place = ours.place
    where {JUDGED.format(began="target.began")}
        and (ours.present or ours.should_be_there and ours.is_settled)

),

field as (

    select
        met.source_key, met.is_settled, met.began, compared.name, compared.type,
        met.guards ? compared.name as is_guarded,
        met.body ? compared.name as in_body,
        met.belief ? compared.name as in_belief,
        met.body -> compared.name as wanted,
        met.belief -> compared.name as believed,
        coalesce(met.found -> compared.read_as, 'null') as theirs
    from met
    cross join lateral jsonb_object_keys(
        case when met.operation = 'upsert' then met.body else met.belief || met.body end
    ) as owned (name)
    inner join pg_temp.compared as compared on compared.name = owned.name
    where
        -- an empty field that was never sent
        not (
            compared.name = any(met.left_empty)
            and coalesce(jsonb_typeof(met.body -> compared.name), 'null') = 'null'
            and coalesce(jsonb_typeof(met.belief -> compared.name), 'null') = 'null'
        )
        and (met.belief ? compared.name or coalesce(jsonb_typeof(met.body -> compared.name), 'null') <> 'null')
        -- what a lookup is read as is a GUID: one that is written by another key, or leads nowhere yet, is left out
        and case
            when compared.name like '%%@odata.bind' and met.body ->> compared.name <> ''
                then coalesce(sync.resolved(%(env)s, met.body ->> compared.name) !~ '[(][^)]*=', false)
            else true
        end

),

judged as (

    select
        field.*,
        in_body and sync.same_read(%(env)s, name, wanted, theirs, type) as is_ours,
        in_belief and sync.same_read(%(env)s, name, believed, theirs, type) as is_believed
    from field
    where coalesce(wanted <> theirs, true) or coalesce(believed <> theirs, true)

),

classified as (

    select
        judged.*,
        case
            when is_guarded then case when not is_ours then 'kept' end
            when not in_body then case when not is_believed then 'different' end
            when is_ours and is_believed then null
            when not in_belief and not is_settled then null
            when is_ours then 'belief'
            when is_believed then case when is_settled then 'belief' end
            else 'different'
        end as kind
    from judged

)

select
    source_key, name, kind,
    case when kind = 'belief' or not in_body then believed else wanted end,
    theirs,
    case when kind = 'belief' and is_ours then jsonb_build_object(name, wanted) end,
    kind = 'belief' and not is_ours,
    began
from classified
where kind is not null
"""

# Records that the ledger counts as delivered and the target does not have; they were looked for by key once more.
MISSING = f"""
insert into pg_temp.difference (source_key, field, kind, is_there, began)
select
    ours.source_key, '',
    case when ours.operation = 'remove' then 'belief' else 'missing' end,
    false, %(confirmed)s
from pg_temp.ours as ours
where {JUDGED.format(began="%(confirmed)s")} and ours.present
    and not exists (select 1 from pg_temp.target as target where target.place = ours.place)
"""

# Records that the ledger counts as absent and the target has: the ledger was wrong where the record should be there.
PRESENT = f"""
insert into pg_temp.difference (source_key, field, kind, is_there, began)
select
    ours.source_key, '', case when ours.should_be_there then 'belief' else 'extra' end, true, target.began
from pg_temp.ours as ours
inner join pg_temp.target as target on target.place = ours.place
where {JUDGED.format(began="target.began")} and not ours.present and ours.was_accepted
    -- a record that is still to be created is adopted by the next run
    and (ours.is_settled or ours.operation is distinct from 'upsert')
    and (ours.should_be_there or target.record @> %(marks)s)
    -- another record may have got the key since we noted ours
    and (%(by_id)s or not exists (
        select 1 from sync.identity as holder
        where holder.env_id = %(env)s and holder.entity = %(entity)s and holder.source_key <> ours.source_key
            and holder.company = ours.company and holder.key_fold_latin = sync.key_folds_latin(ours.target_key)
    ))
"""

# A ledger row that says nothing is left to send, although it does not believe that the target has the record, or whose
# hash is of no body that was ever planned.
UNSETTLED = f"""
insert into pg_temp.difference (source_key, field, kind, unsettles, began)
select ours.source_key, '', 'belief', true, coalesce(target.began, %(confirmed)s)
from pg_temp.ours as ours
left join pg_temp.target as target on target.place = ours.place
where {JUDGED.format(began="coalesce(target.began, %(confirmed)s)")}
    and case
        when not ours.present then ours.operation = 'upsert' and ours.is_settled and target.place is null
        else ours.operation is not null and not ours.is_settled and ours.settled_hash <> 'absent' and not exists (
            select 1 from sync.plan as planned
            where planned.env_id = %(env)s and planned.write = %(write)s and planned.source_key = ours.source_key
                and planned.body_hash = ours.settled_hash
        )
    end
"""

# A field that was put right, and that the target shows as it did before: the target changes what it is sent.
NORMALISED = """
update pg_temp.difference as difference
set kind = 'normalised'
from pg_temp.ours as ours, sync.finding as earlier
where difference.kind = 'different' and ours.source_key = difference.source_key
    and earlier.env_id = %(env)s and earlier.write = %(write)s and earlier.subject = difference.source_key
    and earlier.field = difference.field and earlier.resolved_at is null
    and earlier.ours is not distinct from difference.ours and earlier.theirs = difference.theirs
    and (earlier.kind = 'normalised' or earlier.kind = 'different' and ours.accepted_at > earlier.repair_asked_at)
"""

# Marked records that belong to no source record, by their GUID, key or assigned number, and that no create in doubt may
# have made.
STRANGERS = f"""
insert into pg_temp.difference (field, kind, ours, theirs, began)
with keyed as (

    select * from sync.identity where env_id = %(env)s and entity = %(entity)s

),

with_key as ({KEYED}),

claimed as (

    select {{place}} as place from with_key
    union all
    select place from pg_temp.ours where has_key

)

select '', 'extra', to_jsonb(target.place), null, target.began
from pg_temp.target as target
where target.record @> %(marks)s
    and not exists (select 1 from claimed where claimed.place = target.place)
    and not exists (
        select 1 from sync.identity as numbered
        where numbered.env_id = %(env)s and numbered.entity = %(entity)s
            and numbered.answer ->> %(number)s = target.record ->> %(number)s
    )
    and not exists (
        select 1 from sync.ledger as lost
        where lost.env_id = %(env)s and lost.write = %(write)s and (
            lost.stray_until is not null
            or lost.doubt ->> 'kind' = 'create' and coalesce(
                (
                    select bool_and(
                        sync.same_value(match.name, lost.doubt -> 'body' -> match.name, target.record -> match.name)
                    )
                    from unnest(%(match_on)s::text[]) as match (name)
                ),
                false
            )
        )
    )
"""

# What the ledger is to take over, by row. A row that was judged and has nothing to take over is kept: its findings are over.
VERDICTS = """
drop table if exists pg_temp.verdict;
create temp table verdict as
with found as (

    select
        source_key,
        bool_or(unsettles) as unsettles,
        bool_or(is_there) filter (where kind = 'belief') as is_there,
        coalesce(
            jsonb_object_agg(field, jsonb_build_object('ours', ours, 'theirs', theirs))
            filter (where kind in ('different', 'normalised')), '{}'
        ) as drift,
        coalesce(jsonb_object_agg(field, correction -> field) filter (where correction is not null), '{}') as corrections,
        array_agg(case field when '' then '*' else field end) filter (
            where %(repairs)s and kind in ('different', 'missing', 'extra')
        ) as recheck,
        max(began) as began
    from pg_temp.difference
    where source_key is not null
    group by source_key

)

select
    ours.source_key, ours.changed_at, found.is_there, found.corrections,
    coalesce(found.drift, '{}') as drift,
    coalesce(found.recheck, '{}') as recheck,
    coalesce(found.unsettles, false) or found.recheck is not null as unsettles,
    found.source_key is not null or ours.drift <> '{}' as changes
from pg_temp.ours as ours
left join found on found.source_key = ours.source_key
left join pg_temp.target as target on target.place = ours.place
where found.source_key is not null
    or not ours.is_doubtful and not ours.is_over
    and (ours.is_freed or ours.has_key and target.began > ours.sure_since)
"""

# Doubts that are over and that no run has settled, because the record has been held or left out since: what was read is
# believed, in the words of outbound where it has the value. A property that cannot be read stays as it was believed.
SETTLED = """
drop table if exists pg_temp.settled;
create temp table settled as
select
    ours.source_key, ours.changed_at, target.place is not null as is_there,
    case
        when target.place is null then '{}'
        else ours.belief || sync.believed(ours.body, resolved.body, seen.fields)
    end as belief
from pg_temp.ours as ours
left join pg_temp.target as target on target.place = ours.place
cross join lateral (
    select coalesce(
        jsonb_object_agg(
            field.key,
            case
                when field.key like '%%@odata.bind' then to_jsonb(sync.resolved(%(env)s, field.value #>> '{}'))
                else field.value
            end
        ),
        '{}'
    ) as body
    from jsonb_each(ours.body) as field
) as resolved
cross join lateral (
    select coalesce(
        jsonb_object_agg(compared.name, coalesce(target.record -> compared.read_as, 'null')), '{}'
    ) as fields
    from pg_temp.compared as compared
    where ours.belief || ours.body || coalesce(ours.sent, '{}') ? compared.name
        and not compared.name = any(ours.left_empty)
) as seen
where ours.is_over and ours.has_key and coalesce(target.began, %(confirmed)s) > ours.sure_since
"""

COUNTS = f"""
select
    count(*) filter (where target.place is not null and {JUDGED.format(began="target.began")}),
    count(*) filter (where ours.operation is not null and not ours.is_settled),
    count(*) filter (where ours.is_doubtful or ours.is_over and settled.source_key is null),
    count(*) filter (where not ours.is_doubtful and target.began <= ours.sure_since),
    count(*) filter (where not ours.has_key),
    count(settled.source_key)
from pg_temp.ours as ours
left join pg_temp.settled as settled on settled.source_key = ours.source_key
left join pg_temp.target as target on target.place = ours.place
"""
