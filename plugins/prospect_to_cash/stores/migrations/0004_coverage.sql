-- Which times of change have been read completely, per environment and entity (not per flow).
create table sync.coverage (
    env_id text not null,
    entity text not null,
    done tstzmultirange not null default '{}',
    select_hash text not null,
    changed_at timestamptz not null default clock_timestamp(),
    primary key (env_id, entity)
);

-- How far a run may read: decided once, so that a retry reads the same. hi is null for reads without a time window.
create table sync.read_bound (
    run_id text not null,
    env_id text not null,
    entity text not null,
    hi timestamptz,
    decided_at timestamptz not null default clock_timestamp(),
    primary key (run_id, env_id, entity)
);

-- The read under way, page by page (read_id is null when there is none), and the last complete full read.
-- lower_bound null: everything; next_link null: all pages are in and only the end is missing.
create table sync.reading (
    env_id text not null,
    entity text not null,
    read_id bigint,
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

grant select, insert, update, delete on sync.coverage, sync.read_bound, sync.reading to p2c_loader;
grant usage on sequence sync.read_id to p2c_loader;
grant select on sync.coverage, sync.read_bound, sync.reading to p2c_console;
