-- The order in which records were asked for. Every read of an entity takes a number while it holds the lock of that entity,
-- so the order is the same whatever the clocks of the workers and of Postgres say. Rows read before this migration count as
-- older than all later ones. observed_at only tells people and reports when a row was asked for, by Postgres' clock.
create sequence sync.read_order;
grant usage on sequence sync.read_order to p2c_loader;

alter table raw.quarantine add column read_order bigint not null default 0;
alter table raw.quarantine alter column read_order set default nextval('sync.read_order');

-- read_order: the export was asked for at this place; a full read that follows it wins.
alter table sync.package_job add column read_order bigint not null default 0;
alter table sync.package_job alter column read_order set default nextval('sync.read_order');

-- The raw tables are made from the cards, so their names are known to the catalogue alone.
do $$
declare
    raw_table regclass;
begin
    for raw_table in
        select format('raw.%I', table_name)::regclass from information_schema.columns
        where table_schema = 'raw' and column_name = 'absent_reads'
    loop
        execute format('alter table %s add column read_order bigint not null default 0', raw_table);
        execute format(
            'alter table %s alter column read_order set default nextval(''sync.read_order'')', raw_table
        );
    end loop;
end
$$;

-- The version that a full read met together with the key, where it asked for the keys alone.
alter table raw.seen add column version numeric;
