-- Who may do what. The roles exist already (migrate makes them first); raw and sync belong to whoever migrates.
create schema if not exists raw;
comment on schema raw is 'One table per source entity: the newest payload of each record as the source sent it.';
comment on schema sync is 'What the engine remembers: environments, coverage, runs, plans, identities, ledger.';

create schema staging authorization p2c_dbt;
create schema canonical authorization p2c_dbt;
create schema validation authorization p2c_dbt;
create schema outbound authorization p2c_dbt;
create schema seeds authorization p2c_dbt;

grant usage on schema raw to p2c_loader, p2c_dbt, p2c_console;
grant usage on schema sync to p2c_loader, p2c_console;
grant usage on schema staging, canonical, validation, outbound, seeds to p2c_loader, p2c_console;

alter default privileges for role p2c_dbt in schema staging, canonical, validation, outbound, seeds
grant select on tables to p2c_loader, p2c_console;

grant select on sync.migration to p2c_loader, p2c_console;
