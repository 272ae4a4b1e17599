with accounts as (

    select * from {{ ref('canonical_accounts') }}

),

account_references as (

    select * from {{ ref('canonical_account_references') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_accounts') }} where effect in ('block', 'exclude')

),

bodies as (

    select
        accounts.source_key,
        accounts.account_number,
        accounts.company,
        parents.source_key as parent_id,
        -- a reference that is blank in Sales keeps its value in Finance and Operations
        jsonb_strip_nulls(jsonb_build_object(
            'InvoiceAccount', parents.account_number,
            'ContactPersonId',
            {{ 'account_references.contact_person_id' if var('send_primary_contact') else 'null::text' }}
        )) as body
    from accounts
    inner join account_references on account_references.source_key = accounts.source_key
    left join accounts as parents
        on {{ literal(choice('invoice_account_from', ['none', 'parent_account'])) }} = 'parent_account'
        and parents.source_key = account_references.parent_account_id and parents.company = accounts.company
        and parents.operation = 'upsert'
    where
        accounts.operation = 'upsert'
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = accounts.source_key)

)

select
    source_key,
    account_number as record,
    company,
    jsonb_build_object('dataAreaId', company, 'CustomerAccount', account_number) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    array_remove(array['accounts:' || source_key, 'accounts:' || parent_id], null) as requires,
    source_key as document,
    2 as ordinal,
    'upsert' as operation,
    null::text as if_match,
    null::text as locked
from bodies
where body <> '{}'
