-- Jobs of the Data management package API, noted under the id that we chose before the call went out. Addresses of
-- files are kept nowhere.
-- asked_at: when the start was last sent; what an export holds is at least as new. slices: pages of an export's file
-- that have landed, of slice_size rows each. read_id: the full read that an export serves; null when it brings changes.
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

grant select, insert, update, delete on sync.package_job to p2c_loader;
grant select on sync.package_job to p2c_console;
