-- Records that no later step could read (\u0000, lone surrogates, broken UTF-8, no key), kept aside as bytes.
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

-- Keys met by a full read, and one row without key that says that the read began. Unlogged: a crash empties the
-- table, that row is missing then, and the read begins anew.
create unlogged table raw.seen (
    read_id bigint not null,
    key text collate "C"
);

grant select, insert, update, delete on raw.quarantine, raw.seen to p2c_loader;
grant select on raw.quarantine to p2c_dbt, p2c_console;
