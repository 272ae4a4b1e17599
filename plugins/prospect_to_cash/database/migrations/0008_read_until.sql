-- Up to when each entity set has been read without a gap, for dbt's source freshness. A set in which nothing changes is as
-- new as its last read, whatever landed_at of its rows says.
--
-- read_until is the latest of: the end of the first covered range, the beginning of the last complete read, and when the
-- changes of each company were last exported by a package (the oldest of the companies); null: never read completely.
-- is_bound_last: of the environments of a system, the one to which a connection was bound last.
--
-- A view, because p2c_dbt may not see the links in sync.reading.
create view sync.read_until as
with entity as (
    select env_id, entity from sync.coverage
    union
    select env_id, entity from sync.reading
    union
    select env_id, entity from sync.package_job where direction = 'export'
),

bound_last as (
    select distinct on (environment.system) environment.env_id
    from sync.connection_environment as bound
    inner join sync.environment as environment on environment.env_id = bound.env_id
    order by environment.system, bound.bound_at desc, bound.conn_id
)

select
    environment.system,
    entity.env_id,
    entity.entity,
    greatest(covered.until, reading.last_complete_at, exported.until) as read_until,
    entity.env_id in (select env_id from bound_last) as is_bound_last
from entity
inner join sync.environment as environment on environment.env_id = entity.env_id
left join sync.reading as reading on reading.env_id = entity.env_id and reading.entity = entity.entity
left join lateral (
    select upper(stretch) as until
    from sync.coverage as coverage, unnest(coverage.covered) as stretch
    where coverage.env_id = entity.env_id and coverage.entity = entity.entity and lower_inf(stretch)
) as covered on true
left join lateral (
    select min(of_company.until) as until
    from (
        select max(job.asked_at) as until
        from sync.package_job as job
        where job.env_id = entity.env_id and job.entity = entity.entity
            and job.direction = 'export' and job.read_id is null and job.state = 'done'
        group by job.company
    ) as of_company
) as exported on true;

comment on view sync.read_until is 'Up to when each entity set has been read without a gap.';
grant select on sync.read_until to p2c_loader, p2c_dbt, p2c_dev, p2c_console;
