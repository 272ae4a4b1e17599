-- What the target really has, compared with outbound and with what is believed (docs/reconcile.md).


-- Tables --------------------------------------------------------------------------------------------------------------

-- One row per reconcile of a write. counts: rows by what was found; no values. read_began: when the first page was asked
-- for (clock of Postgres).
create table sync.reconcile (
    reconcile_id bigint generated always as identity primary key,
    env_id text not null,
    flow text not null,
    write text not null,
    dag_run_id text not null,
    counts jsonb not null,
    read_began timestamptz not null,
    finished_at timestamptz not null default clock_timestamp()
);
create index reconcile_write on sync.reconcile (env_id, write, reconcile_id desc);

-- One row per difference between a record of the target and what it should be; open until a later reconcile no longer
-- finds it. subject: the source record, or the key of a record that belongs to none (kind extra). field is empty where
-- the finding is about the whole record. repair_asked_at: when the field was last marked to be put right.
create table sync.finding (
    finding_id bigint generated always as identity primary key,
    env_id text not null,
    write text not null,
    subject text collate "C" not null,
    document text collate "C",
    record text not null,
    field text not null default '',
    kind text not null check (kind in ('missing', 'extra', 'different', 'normalised', 'kept', 'belief')),
    ours jsonb,
    theirs jsonb,
    times_seen integer not null default 1,
    first_seen timestamptz not null default clock_timestamp(),
    last_seen timestamptz not null default clock_timestamp(),
    last_reconcile bigint not null,
    repair_asked_at timestamptz,
    resolved_at timestamptz
);
create unique index finding_open on sync.finding (env_id, write, subject, field) where resolved_at is null;

grant select, insert, update on sync.reconcile, sync.finding to p2c_loader;
grant select on sync.reconcile, sync.finding to p2c_console;


-- Functions -----------------------------------------------------------------------------------------------------------

-- A text in which a reference is replaced by what the target has assigned to the record it refers to (load/references.py
-- has the forms). A text without a reference is returned as it is; null where the record is not known.
create function sync.resolved(env text, value text) returns text
language plpgsql stable parallel safe as $$
declare
    parts text [];
    stem text;
    found text;
begin
    if value is null or strpos(value, '@') = 0 then
        return value;
    end if;
    parts := regexp_match(value, '(@[?]?[{](\w+)(?:[.](\w+))?:(.*)[}])');
    if parts is null then
        return value;
    end if;
    stem := case when parts[4] like '%*' then left(parts[4], -1) else parts[4] end;
    select candidate.assigned into found
    from (
        select
            case when parts[3] is null then identity.target_id::text else identity.answer ->> parts[3] end as assigned,
            identity.pinned_at,
            identity.source_key
        from sync.identity as identity
        where
            identity.env_id = env and identity.entity = parts[2] and identity.source_key >= stem
            and (identity.source_key = parts[4] or stem <> parts[4] and identity.source_key < stem || chr(1114109))
    ) as candidate
    where candidate.assigned <> ''
    order by candidate.pinned_at, candidate.source_key
    limit 1;
    return replace(value, parts[1], found);
end
$$;

-- sync.same_value for a property that was read back: our empty value also equals the value that the target stores for
-- "none" (0 of a number, the first day of 1900 of a time), and a resolved reference is compared.
create function sync.same_read(env text, name text, ours jsonb, theirs jsonb, type text) returns boolean
language sql stable parallel safe as $$
    select case
        when ours = theirs then true
        when coalesce(ours #>> '{}', '') = '' then
            coalesce(theirs #>> '{}', '') = ''
            or type in ('Edm.Decimal', 'Edm.Double', 'Edm.Single', 'Edm.Int16', 'Edm.Int32', 'Edm.Int64')
            and theirs #>> '{}' ~ '^0([.]0+)?$'
            or type in ('Edm.Date', 'Edm.DateTimeOffset') and starts_with(theirs #>> '{}', '1900-01-01')
        when name like '%@odata.bind'
            then sync.same_value(name, to_jsonb(sync.resolved(env, ours #>> '{}')), theirs, type)
        else sync.same_value(name, ours, theirs, type)
    end
$$;
