with accounts as (

    select * from {{ ref('canonical_accounts') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_accounts') }} where effect in ('block', 'exclude')

),

bodies as (

    select
        accounts.*,
        jsonb_build_object('accountnumber', accounts.account_number) as body
    from accounts
    where
        accounts.is_number_assigned and accounts.operation = 'upsert'
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = accounts.source_key)

)

select
    source_key,
    account_number as record,
    '' as company,
    jsonb_build_object('accountid', source_key) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    '{}'::text[] as requires,
    source_key as document,
    1 as ordinal,
    'upsert' as operation,
    etag as if_match,
    null::text as locked
from bodies
