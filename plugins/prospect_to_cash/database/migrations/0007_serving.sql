-- What a dbt build serves, and where developers build.

-- The environments whose records are built: those of the connections that are not refused. companies: those that the
-- connection names; empty if it names none, which means all.
create view sync.serving as
select distinct
    environment.system,
    environment.env_id,
    array(select jsonb_array_elements_text(environment.identity -> 'companies')) as companies
from sync.environment as environment
inner join sync.connection_environment as connection on connection.env_id = environment.env_id
where connection.refused_identity is null;

comment on view sync.serving is
'The environments that a dbt build reads the records of: one row per system, unless there are several connections to it.';

-- A build by hand changes the relations that the flows send from: every flow then builds anew all that it reads.
alter table sync.builds drop constraint builds_state_check;
alter table sync.builds add constraint builds_state_check
check (state in ('running', 'green', 'failed', 'by hand'));

-- Note a build by hand, at its begin and at its end. True while the transform of a flow holds its lock
-- (TRANSFORM_LOCK in transform/builds.py): two builds at once would change each other's relations.
create function sync.note_build_by_hand() returns boolean
language sql security definer set search_path = '' as $$
    insert into sync.builds (flow, cut_from, cut_to, mapping_version, system_identifier, state)
    select '*', '0', pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), 'by hand', system_identifier::text, 'by hand'
    from pg_catalog.pg_control_system();
    select exists (
        select 1 from pg_catalog.pg_locks
        where
            locktype = 'advisory' and granted and objsubid = 1
            and database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
            and classid::bigint = 7020170712 >> 32 and objid::bigint = 7020170712 & 4294967295
    );
$$;
revoke all on function sync.note_build_by_hand() from public;
grant execute on function sync.note_build_by_hand() to p2c_dbt;

-- Developers read what the models read, and make schemas of their own for the results.
do $$
begin
    execute format('grant create on database %I to p2c_dev', current_database());
end
$$;
grant usage on schema raw, sync to p2c_dev;
grant select on all tables in schema raw to p2c_dev;
grant select on sync.identity to p2c_dev;
grant select on sync.serving to p2c_loader, p2c_dbt, p2c_dev, p2c_console;
