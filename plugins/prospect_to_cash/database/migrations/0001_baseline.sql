-- Schemas, tables and rights of the staging database. The migration program has made the roles p2c_loader, p2c_dbt and
-- p2c_console, the schema sync and the table sync.migration before it runs this file. The schemas raw and sync belong to
-- the user who migrates. The raw tables themselves are made from the cards (database/raw_tables.py).


-- Schemas -------------------------------------------------------------------------------------------------------------

create schema if not exists raw;
comment on schema raw is 'One table per source entity: the newest payload of each record as the source sent it.';
comment on schema sync is 'State of the engine: environments, coverage, runs, plans, identities, ledger.';

create schema staging authorization p2c_dbt;
create schema canonical authorization p2c_dbt;
create schema validation authorization p2c_dbt;
create schema outbound authorization p2c_dbt;
create schema seeds authorization p2c_dbt;

grant usage on schema raw to p2c_loader, p2c_dbt, p2c_console;
grant usage on schema sync to p2c_loader, p2c_dbt, p2c_console;
grant usage on schema staging, canonical, validation, outbound, seeds to p2c_loader, p2c_console;

alter default privileges for role p2c_dbt in schema staging, canonical, validation, outbound, seeds
grant select on tables to p2c_loader, p2c_console;

grant select on sync.migration to p2c_loader, p2c_console;


-- Environments (database/) --------------------------------------------------------------------------------------------

-- An environment of Sales or F&O. Every row that is read from it or written to it carries its env_id.
create table sync.environment (
    env_id text primary key,
    system text not null,
    identity jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);

-- The environment that an Airflow connection leads to. refused_identity: what the environment reported last, where that
-- differs from the stored identity; `environments accept` takes it from here.
create table sync.connection_environment (
    conn_id text primary key,
    env_id text not null references sync.environment,
    refused_identity jsonb,
    bound_at timestamptz not null default clock_timestamp()
);

-- The Postgres cluster that the transaction ids in landed_xid belong to. A dump restored into another cluster has ids
-- that mean nothing there.
create table sync.instance (
    only_row boolean primary key default true check (only_row),
    system_identifier text not null,
    since timestamptz not null default clock_timestamp()
);


-- Records as they were read (extract/) --------------------------------------------------------------------------------

-- Records that no later step can read (\u0000, lone surrogates, invalid UTF-8, no key), as bytes.
create table raw.quarantine (
    env_id text not null,
    system text not null,
    entity text not null,
    key text collate "C" not null,
    reason text not null,
    field text,
    payload_text bytea not null,
    observed_at timestamptz not null,
    landed_xid xid8 not null default pg_current_xact_id(),
    resolved_at timestamptz,
    primary key (env_id, system, entity, key)
);
create index quarantine_landed on raw.quarantine (landed_xid);

-- Keys that a full read has met, and one row without key per read, which marks its beginning. The table is unlogged: a
-- crash empties it, the row without key is then missing, and the read begins again.
create unlogged table raw.seen (
    read_id bigint not null,
    key text collate "C"
);


-- How far reading has come (extract/) ---------------------------------------------------------------------------------

-- The times of change that have been read completely, per environment and entity (not per flow). select_hash stands for
-- the selected fields, the key and the filter; a different one means that all is read again.
create table sync.coverage (
    env_id text not null,
    entity text not null,
    covered tstzmultirange not null default '{}',
    select_hash text not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (env_id, entity)
);

-- The time up to which a run reads: decided once, so that a retry reads the same. upper_bound is null for reads without
-- a time window.
create table sync.read_bound (
    run_id text not null,
    env_id text not null,
    entity text not null,
    upper_bound timestamptz,
    decided_at timestamptz not null default clock_timestamp(),
    primary key (run_id, env_id, entity)
);

-- The current read, page by page (read_id is null when there is none), and the last complete full read.
-- lower_bound null: everything. next_link null after the first page: all pages have landed and only the end is missing.
-- kind: plain pages, everything with change tracking, or the changes since a link. A read resumes only its own kind.
create table sync.reading (
    env_id text not null,
    entity text not null,
    read_id bigint,
    kind text not null default 'plain' check (kind in ('plain', 'tracked', 'changes')),
    select_hash text,
    lower_bound timestamptz,
    upper_bound timestamptz,
    next_link text,
    pages integer not null default 0,
    began_at timestamptz,
    touched_at timestamptz,
    last_complete_at timestamptz,
    last_complete_hash text,
    last_complete_rows bigint,
    primary key (env_id, entity)
);
create sequence sync.read_id;

-- The link that returns the next changes of an entity, stored in the transaction of the page that brought it. It holds
-- for the fields selected with it (select_hash). A link from a full read is settled once that read is complete, deletions
-- included; until then no read starts from it.
create table sync.change_link (
    env_id text not null,
    entity text not null,
    select_hash text not null,
    link text not null,
    settled boolean not null,
    given_at timestamptz not null default clock_timestamp(),
    primary key (env_id, entity)
);

-- Jobs of the Data management package API, stored under an id of our own before the call. File URLs are not stored.
-- asked_at: when the start was last sent; the exported rows are at least as new. slices: pages of an export's file that
-- have landed, slice_size rows each. read_id: the full read that an export serves; null when it exports changes.
create table sync.package_job (
    execution_id text primary key,
    direction text not null check (direction in ('export', 'import')),
    env_id text not null,
    entity text not null,
    company text not null,
    read_id bigint,
    run_id text,
    slices integer not null default 0,
    slice_size integer,
    state text not null check (state in ('chosen', 'started', 'done', 'lost')),
    asked_at timestamptz not null,
    finished_at timestamptz
);
create index package_job_open on sync.package_job (env_id, entity, direction) where state in ('chosen', 'started');


-- Runs and what they send (plan/, transform/) -------------------------------------------------------------------------

-- One row per DAG run of a flow. counts: records read, held, excluded and warned, as the plan found them.
-- safety_limit: what the plan would have done to too many records; set when the limit stopped the run.
create table sync.run (
    run_id bigint generated always as identity primary key,
    flow text not null,
    dag_run_id text not null,
    kind text not null,
    params jsonb not null default '{}',
    mapping_version text,
    counts jsonb,
    safety_limit jsonb,
    report jsonb,
    started_at timestamptz not null default clock_timestamp(),
    planned_at timestamptz,
    finished_at timestamptz,
    unique (flow, dag_run_id)
);

-- cut_from and cut_to are transaction ids: a build takes in what landed between them. tables: the raw tables that the
-- flow's models read, whichever flow lands them; the next build looks for new rows there.
create table sync.builds (
    build_id bigint generated always as identity primary key,
    flow text not null,
    run_id bigint references sync.run,
    cut_from xid8 not null,
    cut_to xid8 not null,
    mapping_version text not null,
    system_identifier text not null,
    state text not null check (state in ('running', 'green', 'failed')),
    tables text [],
    manifest_hash text,
    results jsonb,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz
);
create index builds_flow on sync.builds (flow, build_id desc);

-- The record of the target that belongs to a record of the source; pinned when it is first planned. answer: properties
-- that the target assigned, such as numbers.
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

-- What one run will send, frozen while the transform lock is held; the load and the dry run read this and nothing else.
-- was_in_doubt: an earlier write of this record was in doubt when the plan was made.
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
    action text not null check (action in ('create', 'update', 'deactivate', 'remove')),
    was_in_doubt boolean not null default false,
    target_key jsonb not null,
    body jsonb not null,
    body_hash text not null,
    changes jsonb,
    requires text [] not null,
    if_match text,
    state text not null check (
        state in ('planned', 'waiting', 'held', 'backing_off', 'accepted', 'rejected', 'in_doubt', 'superseded')
    ),
    outcome text check (outcome in ('created', 'updated', 'deactivated', 'unchanged')),
    reason text,
    primary key (run_id, seq)
);
create index plan_next on sync.plan (run_id, write, seq) where state = 'planned';
create index plan_record on sync.plan (env_id, write, source_key);


-- What the target answered (load/) ------------------------------------------------------------------------------------

-- One row per record of the target and write: the body it accepted last, the write that is in doubt, the body it
-- rejected. document: the driving record it belongs to, by which a later plan finds parts that are gone.
create table sync.ledger (
    env_id text not null,
    write text not null,
    source_key text collate "C" not null,
    document text collate "C",
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
create index ledger_document on sync.ledger (env_id, write, document);

-- Every answer to every write: run, plan row, request, status and the target's message. Rows are never deleted.
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

-- The right to write to one entity of one environment; epoch grows by one with every takeover.
create table sync.lease (
    scope text primary key,
    epoch bigint not null,
    holder text not null,
    expires_at timestamptz not null,
    released boolean not null default false
);


-- Functions -----------------------------------------------------------------------------------------------------------

-- A body as the target takes it: the fields of an object under a key 'block:...' move to the top level.
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

-- The fields that differ from the accepted body or from the one in doubt, blocks whole. A field that the body no longer
-- has becomes null.
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
        select jsonb_object_agg(field.key, field.value) as body
        from known, jsonb_each(body) as field
        where
            field.value is distinct from known.was -> field.key
            or field.value is distinct from known.maybe -> field.key
    )
    select coalesce(emptied.body, '{}') || coalesce(sync.flatten(differing.body), '{}')
    from emptied, differing
$$;

-- Emptied fields with the target's own value for empty (null or "").
create function sync.fill_empty(changes jsonb, empty jsonb) returns jsonb
language sql immutable strict parallel safe as $$
    select coalesce(
        jsonb_object_agg(field.key, case when jsonb_typeof(field.value) = 'null' then empty else field.value end), '{}'
    )
    from jsonb_each(changes) as field
$$;

-- Statistics for the rows that a plan has just written: the loader does not own the tables, and autovacuum comes too late.
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


-- Waits of services --------------------------------------------------------------------------------------------------

-- The moment before which one identity (host and client id) sends a service nothing, as the service asked. All tasks of that identity obey it,
-- whichever worker they run on. To end a wait early, delete its row.
create table sync.service_wait (
    identity_hash text primary key,
    host text not null,
    resumes_at timestamptz not null,
    times_asked bigint not null default 1,
    asked_at timestamptz not null default clock_timestamp()
);


-- Rights on tables ----------------------------------------------------------------------------------------------------

grant select, insert, update on
sync.environment, sync.connection_environment, sync.instance, sync.service_wait to p2c_loader;
grant select, insert, update, delete on raw.quarantine, raw.seen to p2c_loader;
grant select, insert, update, delete on
sync.coverage, sync.read_bound, sync.reading, sync.change_link, sync.package_job,
sync.run, sync.builds, sync.identity, sync.plan, sync.ledger, sync.attempt, sync.lease to p2c_loader;
grant usage on all sequences in schema sync to p2c_loader;

grant select on raw.quarantine to p2c_dbt, p2c_console;
-- What the target answered about a record of ours may take part in a mapping.
grant select on sync.identity to p2c_dbt;

grant select on
sync.environment, sync.connection_environment, sync.instance,
sync.coverage, sync.read_bound, sync.reading, sync.change_link, sync.package_job,
sync.run, sync.builds, sync.identity, sync.plan, sync.ledger, sync.attempt, sync.lease, sync.service_wait to p2c_console;
