-- Runs, builds, identities, plans, the ledger and the lease: what the load needs to converge.

create table sync.run (
    run_id bigint generated always as identity primary key,
    flow text not null,
    dag_run_id text not null,
    kind text not null,
    params jsonb not null default '{}',
    mapping_version text,
    planned jsonb,
    report jsonb,
    started_at timestamptz not null default clock_timestamp(),
    planned_at timestamptz,
    finished_at timestamptz,
    unique (flow, dag_run_id)
);

-- cut_from .. cut_to are transaction ids: what landed between them is what the build took in.
create table sync.builds (
    build_id bigint generated always as identity primary key,
    flow text not null,
    run_id bigint references sync.run,
    cut_from xid8 not null,
    cut_to xid8 not null,
    mapping_version text not null,
    system_identifier text not null,
    state text not null check (state in ('running', 'green', 'failed')),
    manifest_hash text,
    results jsonb,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);
create index builds_flow on sync.builds (flow, build_id desc);

-- Which record of the target stands for which record of the source; pinned when first planned.
create table sync.identity (
    env_id text not null,
    entity text not null,
    source_key text collate "C" not null,
    company text not null default '',
    target_key jsonb not null,
    target_id uuid,
    adopted boolean not null default false,
    answer jsonb,
    pinned_run bigint not null,
    pinned_at timestamptz not null default clock_timestamp(),
    primary key (env_id, entity, source_key)
);
create unique index identity_target on sync.identity (env_id, entity, company, lower(target_key::text));

-- What one run will send, frozen while the build's lock is held; the load and the dry run read this and nothing else.
create table sync.plan (
    run_id bigint not null references sync.run on delete cascade,
    seq bigint generated always as identity,
    write text not null,
    env_id text not null,
    source_key text collate "C" not null,
    document text collate "C" not null,
    record text not null,
    company text not null,
    ordinal integer not null,
    action text not null check (action in ('create', 'update', 'deactivate')),
    confirm boolean not null default false,
    target_key jsonb not null,
    body jsonb not null,
    body_hash text not null,
    changes jsonb,
    requires text [] not null,
    if_match text,
    state text not null check (
        state in ('planned', 'waiting', 'held', 'resting', 'accepted', 'rejected', 'in_doubt', 'superseded')
    ),
    outcome text check (outcome in ('created', 'updated', 'deactivated', 'unchanged')),
    reason text,
    primary key (run_id, seq)
);
create index plan_next on sync.plan (run_id, write, seq) where state = 'planned';
create index plan_record on sync.plan (env_id, write, source_key);

-- One row per record of the target and write: what it was last known to accept, what is in doubt, what it refused.
create table sync.ledger (
    env_id text not null,
    write text not null,
    source_key text collate "C" not null,
    state text not null check (state in ('accepted', 'rejected', 'in_doubt')),
    accepted_hash text,
    accepted_body jsonb,
    accepted_run bigint,
    accepted_at timestamptz,
    in_doubt_run bigint,
    in_doubt_seq bigint,
    rejected_hash text,
    rejected_mapping text,
    code text,
    sentence text,
    attempts integer not null default 0,
    next_try timestamptz,
    request_id text,
    epoch bigint not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (env_id, write, source_key)
);
create index ledger_open on sync.ledger (env_id, write) where state <> 'accepted';

-- Every answer to every write, for ever explainable: run, plan row, request, status, sentence.
create table sync.attempt (
    attempt_id bigint generated always as identity primary key,
    run_id bigint not null,
    seq bigint not null,
    kind text not null,
    status integer,
    code text,
    sentence text,
    request_id text,
    answered_at timestamptz not null default clock_timestamp()
);
create index attempt_run on sync.attempt (run_id, seq);

create table sync.lease (
    scope text primary key,
    epoch bigint not null,
    holder text not null,
    expires_at timestamptz not null,
    released boolean not null default false
);

-- A body as the target takes it: an object under a key 'block:...' is sent whole, in place.
create function sync.flatten(body jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(jsonb_object_agg(leaf.key, leaf.value), '{}')
    from (
        select top.key, top.value from jsonb_each(body) as top where not starts_with(top.key, 'block:')
        union all
        select inner_field.key, inner_field.value
        from jsonb_each(body) as top, jsonb_each(top.value) as inner_field
        where starts_with(top.key, 'block:') and jsonb_typeof(top.value) = 'object'
    ) as leaf
$$;

-- The fields that differ from the accepted or from the doubtful body, blocks whole; a field that is no longer sent is emptied.
create function sync.changes(body jsonb, accepted jsonb, doubtful jsonb) returns jsonb
language sql immutable parallel safe as $$
    with known as (
        select coalesce(accepted, '{}'::jsonb) as was, coalesce(doubtful, accepted, '{}'::jsonb) as maybe
    ),
    emptied as (
        select jsonb_object_agg(gone.key, null) as body
        from known, jsonb_each(sync.flatten(known.was) || sync.flatten(known.maybe)) as gone
        where not sync.flatten(body) ? gone.key
    ),
    differing as (
        select jsonb_object_agg(now_said.key, now_said.value) as body
        from known, jsonb_each(body) as now_said
        where
            now_said.value is distinct from known.was -> now_said.key
            or now_said.value is distinct from known.maybe -> now_said.key
    )
    select coalesce(emptied.body, '{}') || coalesce(sync.flatten(differing.body), '{}')
    from emptied, differing
$$;

-- Fields that are emptied, in the target's own word for empty (null or "").
create function sync.fill_empty(changes jsonb, empty jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(
        jsonb_object_agg(said.key, case when jsonb_typeof(said.value) = 'null' then empty else said.value end), '{}'
    )
    from jsonb_each(changes) as said
$$;

-- Statistics for what a plan has just filled; the loader does not own the tables, and autovacuum comes too late.
create function sync.refresh_statistics() returns void
language plpgsql security definer set search_path = '' as $$
begin
    analyze sync.plan;
    analyze sync.identity;
    analyze sync.ledger;
end
$$;
revoke all on function sync.refresh_statistics() from public;
grant execute on function sync.refresh_statistics() to p2c_loader;

grant select, insert, update, delete on
sync.run, sync.builds, sync.identity, sync.plan, sync.ledger, sync.attempt, sync.lease to p2c_loader;
grant select on sync.run, sync.builds, sync.identity, sync.plan, sync.ledger, sync.attempt, sync.lease to p2c_console;
grant usage on all sequences in schema sync to p2c_loader;
