-- What the program believes of the target, property by property, and at most one doubt per record and write
-- (docs/decisions/2026-11-30-one-doubt-per-row.md).

alter table sync.ledger
add present boolean not null default false,
add belief jsonb not null default '{}',
add doubt jsonb,
add over_at timestamptz,
add answered boolean not null default false,
add stray_until timestamptz,
add recheck text [] not null default '{}',
add drift jsonb not null default '{}',
add guarded jsonb not null default '{}',
add build bigint not null default 0,
add settled_hash text;

comment on column sync.ledger.present is 'Whether the target has the record; unsure while a create or a removal is in doubt.';
comment on column sync.ledger.belief is
'Property -> value as outbound writes it, where the target accepted or showed that value; else the value that was read.';
comment on column sync.ledger.doubt is
'The request whose result is not known: kind, target, the complete body sent. Null when there is none.';
comment on column sync.ledger.over_at is 'When the request in doubt can no longer be executed (clock of Postgres).';
comment on column sync.ledger.answered is 'The request was accepted, but an earlier try of it may still be executed.';
comment on column sync.ledger.stray_until is
'Until then a request may be executed that a worker sent after it had lost its lease (sync.stray).';
comment on column sync.ledger.recheck is 'Properties to read before anything is sent, because the target differed.';
comment on column sync.ledger.drift is 'Property -> {ours, theirs}: differences that were found and not yet put right.';
comment on column sync.ledger.guarded is
'Property -> value that we wrote ourselves, where values that people set must not be overwritten.';
comment on column sync.ledger.build is 'The build of the last attempt; a row of an older build is superseded.';
comment on column sync.ledger.settled_hash is
'Hash of the outbound body that equals the belief; null while anything is unsure.';


-- Functions -----------------------------------------------------------------------------------------------------------

-- A body as the target takes it: fields of a block move to the top level, a guarded field is its value.
create or replace function sync.flatten(body jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(jsonb_object_agg(leaf.key, leaf.value), '{}')
    from (
        select top.key, top.value
        from jsonb_each(body) as top where not starts_with(top.key, 'block:') and not starts_with(top.key, 'guard:')
        union all
        select inner_field.key, inner_field.value
        from jsonb_each(body) as top, jsonb_each(top.value) as inner_field
        where starts_with(top.key, 'block:') and jsonb_typeof(top.value) = 'object'
        union all
        select substr(top.key, 7), top.value -> 'value'
        from jsonb_each(body) as top where starts_with(top.key, 'guard:')
    ) as leaf
$$;

-- Property -> values that people may have set and that may be overwritten all the same.
create function sync.guards(body jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(jsonb_object_agg(substr(top.key, 7), coalesce(top.value -> 'over', '[]')), '{}')
    from jsonb_each(body) as top where starts_with(top.key, 'guard:')
$$;

-- The fields of a body that differ from the belief; a block goes whole. An empty field is no difference where nothing is
-- known of the target's, and a field that the body does not have is none of ours.
create function sync.differing(body jsonb, belief jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(sync.flatten(jsonb_object_agg(field.key, field.value)), '{}')
    from jsonb_each(body) as field
    where
        not starts_with(field.key, 'ref:')
        and exists (
            select 1
            from jsonb_each(sync.flatten(jsonb_build_object(field.key, field.value))) as leaf
            where leaf.value is distinct from belief -> leaf.key
                and (jsonb_typeof(leaf.value) <> 'null' or belief ? leaf.key)
        )
$$;

-- The entries of a belief that a body still has.
create function sync.owned(belief jsonb, body jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(jsonb_object_agg(entry.key, entry.value), '{}')
    from jsonb_each(belief) as entry
    where sync.flatten(body) ? entry.key
$$;

-- The entries of one object whose names another one has.
create function sync.pick(entries jsonb, names jsonb) returns jsonb
language sql immutable parallel safe as $$
    select coalesce(jsonb_object_agg(entry.key, entry.value), '{}')
    from jsonb_each(entries) as entry
    where names ? entry.key
$$;

-- Whether a value that was read is the one that is written. Empty text and null are one value, numbers compare by value,
-- points in time by instant, a reference by the GUID in it. type is the property's in $metadata, where it is known.
create function sync.same_value(name text, ours jsonb, theirs jsonb, type text default null) returns boolean
language plpgsql immutable parallel safe as $$
declare
    us text := ours #>> '{}';
    them text := theirs #>> '{}';
begin
    if ours is not distinct from theirs or (coalesce(us, '') = '' and coalesce(them, '') = '') then
        return true;
    end if;
    if us is null or them is null or us = '' or them = '' then
        return false;
    end if;
    if name like '%@odata.bind' then
        return lower(rtrim(substring(us from '[^(]*$'), ')')) = lower(them);
    end if;
    if type = 'Edm.Guid' then
        return lower(us) = lower(them);
    end if;
    if jsonb_typeof(ours) = 'number' and jsonb_typeof(theirs) = 'number'
        or type in ('Edm.Decimal', 'Edm.Double', 'Edm.Single', 'Edm.Int16', 'Edm.Int32', 'Edm.Int64')
        and us ~ '^-?[0-9.]+([eE][-+]?[0-9]{1,3})?$' and them ~ '^-?[0-9.]+([eE][-+]?[0-9]{1,3})?$' then
        return us::numeric = them::numeric;
    end if;
    if us ~ '^\d{4}-\d\d-\d\dT' and them ~ '^\d{4}-\d\d-\d\dT' and coalesce(type, 'Edm.DateTimeOffset') = 'Edm.DateTimeOffset' then
        return us::timestamptz = them::timestamptz;
    end if;
    if type = 'Edm.Date' then
        return left(us, 10) = left(them, 10);
    end if;
    return us = them and jsonb_typeof(ours) = jsonb_typeof(theirs);
exception when data_exception then
    return us = them;
end
$$;

-- What was read, in the words of outbound: a property that has our value (resolved: with its references replaced) is
-- kept as outbound writes it, any other as the target has it.
create function sync.believed(body jsonb, resolved jsonb, found jsonb) returns jsonb
language sql immutable parallel safe as $$
    select coalesce(
        jsonb_object_agg(
            seen.key,
            case
                when sync.same_value(seen.key, coalesce(resolved, ours.body) -> seen.key, seen.value)
                    and ours.body ? seen.key then ours.body -> seen.key
                else seen.value
            end
        ),
        '{}'
    )
    from (select sync.flatten(body) as body) as ours, jsonb_each(found) as seen
$$;

-- Emptied fields with the target's own value for empty, without what is sent in creates only.
create or replace function sync.fill_empty(changes jsonb, empty jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(
        jsonb_object_agg(field.key, case when jsonb_typeof(field.value) = 'null' then empty else field.value end), '{}'
    )
    from jsonb_each(changes) as field
$$;


-- Rows of before ------------------------------------------------------------------------------------------------------

update sync.ledger as ledger
set
    present = ledger.accepted_hash is not null,
    belief = case when ledger.accepted_body is null then '{}' else sync.flatten(ledger.accepted_body) end,
    settled_hash = case
        when ledger.state = 'in_doubt' or ledger.accepted_hash = 'unsure' then null
        when ledger.accepted_hash = 'gone' then 'absent'
        else ledger.accepted_hash
    end;

update sync.ledger as ledger
set
    doubt = jsonb_build_object(
        'kind', case plan.action when 'create' then 'create' when 'remove' then 'remove' else 'update' end,
        'target', plan.target_key,
        'body', coalesce(plan.changes, sync.flatten(plan.body))
    ),
    over_at = ledger.changed_at + interval '20 minutes'
from sync.plan as plan
where ledger.state = 'in_doubt' and plan.run_id = ledger.in_doubt_run and plan.seq = ledger.in_doubt_seq;

drop index sync.ledger_open;
drop index sync.ledger_document;
alter table sync.ledger
drop column state, drop column accepted_hash, drop column accepted_body,
drop column in_doubt_run, drop column in_doubt_seq;
drop function sync.changes(jsonb, jsonb, jsonb);

-- document first: an index that begins with env_id and write is taken for look-ups by key while statistics are missing.
create index ledger_document on sync.ledger (document, write, env_id);
create index ledger_unsure on sync.ledger (env_id, write)
where doubt is not null or stray_until is not null or recheck <> '{}';


-- Plans ---------------------------------------------------------------------------------------------------------------

-- operation: what the record is to be; action: what that is expected to take, as far as was believed when it was planned.
-- The difference is taken when it is sent. build: the build of the outbound row. together: goes in one change set with the
-- other parts of its document.
alter table sync.plan
add operation text,
add build bigint not null default 0,
add together boolean not null default false;
update sync.plan
set
    operation = case when action in ('deactivate', 'remove') then action else 'upsert' end,
    body_hash = case body_hash when 'gone' then 'absent' else body_hash end;
alter table sync.plan
alter operation set not null,
drop column was_in_doubt,
drop constraint plan_action_check,
add constraint plan_operation_check check (operation in ('upsert', 'deactivate', 'remove')),
add constraint plan_action_check check (action in ('create', 'update', 'deactivate', 'remove', 'confirm'));
create index plan_document on sync.plan (run_id, document);


-- Strays --------------------------------------------------------------------------------------------------------------

-- Requests that a worker sent after another had taken over its lease, or whose answer it could not record. They are in
-- doubt again for whichever record has their key now.
create table sync.stray (
    stray_id bigint generated always as identity primary key,
    env_id text not null,
    write text not null,
    source_key text collate "C" not null,
    run_id bigint not null,
    target_key jsonb not null,
    over_at timestamptz not null,
    noted_at timestamptz not null default clock_timestamp()
);
grant select, insert on sync.stray to p2c_loader;
grant select on sync.stray to p2c_console;
