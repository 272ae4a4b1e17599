with contacts as (

    select * from {{ ref('canonical_contacts') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_contacts') }} where effect in ('block', 'exclude')

),

bodies as (

    select
        contacts.*,
        jsonb_build_object({{ literal(var('contact_number_column')) }}, contacts.contact_number) as body
    from contacts
    where
        {{ literal(var('contact_number_column')) }} <> ''
        and contacts.is_number_assigned and contacts.contact_number is not null and contacts.operation = 'upsert'
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = contacts.source_key)

)

select
    source_key,
    contact_number as record,
    '' as company,
    jsonb_build_object('contactid', source_key) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    '{}'::text[] as requires,
    source_key as document,
    1 as ordinal,
    'upsert' as operation,
    etag as if_match,
    null::text as locked
from bodies
