-- Which environment a connection leads to. Every row read or written elsewhere carries env_id.
create table sync.environment (
    env_id text primary key,
    system text not null,
    identity jsonb not null,
    created_at timestamptz not null default clock_timestamp()
);

-- refused_identity: what the environment last said it is, when that was not what is stored; 'accept' takes it from here.
create table sync.connection_environment (
    conn_id text primary key,
    env_id text not null references sync.environment,
    refused_identity jsonb,
    bound_at timestamptz not null default clock_timestamp()
);

-- The Postgres cluster that the transaction ids in landed_xid belong to; a dump restored elsewhere has others.
create table sync.instance (
    only_row boolean primary key default true check (only_row),
    system_identifier text not null,
    since timestamptz not null default clock_timestamp()
);

grant select, insert, update on sync.environment, sync.connection_environment, sync.instance to p2c_loader;
grant select on sync.environment, sync.connection_environment, sync.instance to p2c_console;
