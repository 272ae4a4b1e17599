-- A field that was ours once, was given up (an own field that is switched off) and becomes ours again is sent, empty or
-- not: nobody knows what became of it meanwhile. A field that becomes ours for the first time and is empty in the source is
-- left alone.
--
-- Every row of a plan and of a delivery goes through these functions, most of them with nothing to do: they look for that
-- first, with operators that compare whole values.

-- A body as the target takes it: fields of a block move to the top level, a guarded field is its value.
create or replace function sync.flatten(body jsonb) returns jsonb
language plpgsql immutable strict parallel safe as $$
declare
    flat jsonb := body;
    top text;
begin
    for top in
        select key from jsonb_object_keys(body) as top_level (key)
        where starts_with(key, 'block:') or starts_with(key, 'guard:')
    loop
        flat := flat - top;
        if starts_with(top, 'guard:') then
            flat := flat || jsonb_build_object(substr(top, 7), body #> array[top, 'value']);
        elsif jsonb_typeof(body -> top) = 'object' then
            flat := flat || (body -> top);
        end if;
    end loop;
    return flat;
end $$;

-- The fields of a body that differ from the belief; a block goes whole. A field that the body does not have is none of ours.
-- An empty field is no difference where nothing is known of the target's; was:field stands for one that was ours once.
create or replace function sync.differing(body jsonb, belief jsonb) returns jsonb
language plpgsql immutable strict parallel safe as $$
declare
    flat jsonb := sync.flatten(body);
    changed jsonb;
    block text;
begin
    if belief @> flat then
        return '{}';
    end if;
    select coalesce(jsonb_object_agg(field.key, field.value), '{}') into changed
    from jsonb_each(flat) as field
    where field.value is distinct from belief -> field.key
        and (jsonb_typeof(field.value) <> 'null' or belief ?| array[field.key, 'was:' || field.key])
        and not starts_with(field.key, 'ref:');
    if changed <> '{}' and flat <> body then
        for block in
            select key from jsonb_object_keys(body) as top_level (key)
            where starts_with(key, 'block:') and jsonb_typeof(body -> key) = 'object'
        loop
            if changed ?| array(select jsonb_object_keys(body -> block)) then
                changed := changed || (body -> block);
            end if;
        end loop;
    end if;
    return changed;
end $$;

-- The fields of a belief that a body no longer has, other than those that are believed to be empty, as was:field.
create function sync.was_ours(body jsonb, belief jsonb) returns jsonb
language plpgsql immutable strict parallel safe as $$
declare
    flat jsonb := sync.flatten(body);
begin
    if flat @> belief then
        return '{}';
    end if;
    return (
        select coalesce(jsonb_object_agg('was:' || given_up.name, true), '{}')
        from (
            select case when starts_with(entry.key, 'was:') then substr(entry.key, 5) else entry.key end as name
            from jsonb_each(belief) as entry
            where jsonb_typeof(entry.value) <> 'null' and not starts_with(entry.key, 'ref:')
        ) as given_up
        where not flat ? given_up.name
    );
end $$;

-- What is known of a record once the target has it as body says: what was sent, and what was believed before of the other
-- fields. Empty fields that were not sent are known too: a create leaves them out, and the record that it creates has them
-- empty. References that could not be resolved yet are not known.
create function sync.known_after(body jsonb, sent jsonb, belief jsonb) returns jsonb
language plpgsql immutable strict parallel safe as $$
declare
    flat jsonb := sync.flatten(body);
begin
    if belief = '{}' and sent @> jsonb_strip_nulls(flat) then
        return flat;
    end if;
    return sync.was_ours(body, belief) || (
        select coalesce(
            jsonb_object_agg(
                field.key,
                case when belief ? field.key and not sent ? field.key then belief -> field.key else field.value end
            ),
            '{}'
        )
        from jsonb_each(flat) as field
        where sent ? field.key or belief ? field.key
            or (jsonb_typeof(field.value) = 'null' and not starts_with(field.key, 'ref:'))
    );
end $$;

drop function sync.owned(jsonb, jsonb);
drop function sync.fill_empty(jsonb, jsonb);

-- Whether a value that was read is the one that is written. Empty text and null are one value, and so are null and what F&O
-- has in an empty field of another type: 0, 1900-01-01, No. Numbers compare by value,
-- points in time by instant, a reference by the GUID in it. type is the property's in $metadata, where it is known.
create or replace function sync.same_value(name text, ours jsonb, theirs jsonb, type text default null) returns boolean
language plpgsql immutable parallel safe as $$
declare
    us text := ours #>> '{}';
    them text := theirs #>> '{}';
begin
    if ours is not distinct from theirs or (coalesce(us, '') = '' and coalesce(them, '') = '') then
        return true;
    end if;
    if us is null and (
        jsonb_typeof(theirs) = 'number' and them::numeric = 0 or them ~ '^1900-01-01T'
        or type like '%.NoYes' and them = 'No'
    ) then
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

-- The empty fields of a body.
create function sync.empty_fields(body jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(jsonb_object_agg(field.key, field.value), '{}')
    from jsonb_each(sync.flatten(body)) as field
    where jsonb_typeof(field.value) = 'null' and not starts_with(field.key, 'ref:')
$$;

-- The empty fields of a body that were never sent: not now, and not before (before are those of until now).
create function sync.left_empty(body jsonb, sent jsonb, belief jsonb, before text []) returns text []
language sql immutable parallel safe as $$
    select array(
        select field.key from jsonb_each(sync.flatten(body)) as field
        where jsonb_typeof(field.value) = 'null' and not starts_with(field.key, 'ref:')
            and not coalesce(sent ? field.key, false) and (not belief ? field.key or field.key = any(before))
        order by field.key
    )
$$;

-- The empty fields of a body that were never sent to the record that a read has found: whatever it has there is the default
-- of the target or somebody's entry. doubt is the request that the read settles.
create function sync.never_sent(body jsonb, doubt jsonb, left_empty text []) returns jsonb
language sql immutable parallel safe as $$
    select coalesce(jsonb_object_agg(field.key, field.value), '{}')
    from jsonb_each(sync.empty_fields(body)) as field
    where not coalesce(doubt -> 'body' ? field.key, false)
        and (field.key = any(left_empty) or coalesce(doubt ->> 'kind' = 'create', false))
$$;

alter table sync.ledger add left_empty text [] not null default '{}';
comment on column sync.ledger.left_empty is
'Properties that are empty and were never sent or read: reconcile leaves alone what people enter there.';

-- Nothing is planned by what is in these values, and analysing them costs more than all other columns together.
alter table sync.plan
alter body set statistics 0,
alter changes set statistics 0,
alter requires set statistics 0;

alter table sync.ledger
alter belief set statistics 0,
alter doubt set statistics 0,
alter drift set statistics 0,
alter guarded set statistics 0,
alter left_empty set statistics 0;

alter table sync.identity alter answer set statistics 0;
