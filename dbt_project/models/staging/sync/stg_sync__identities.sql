{{ config(diff_scope="all") }}

with source as (

    select
        entity,
        source_key,
        company,
        target_key,
        answer
    from {{ source('sync', 'identity') }}
    where
        env_id = {{ literal(var('finops_env_id')) }}
        and entity in ('CustomersV3', 'CDSContactPersons') and answer is not null

),

renamed as (

    select
        -- keys
        entity || ':' || source_key as source_key,
        entity,
        source_key as record_key,
        company,
        target_key ->> 'CustomerAccount' as customer_account,

        -- attributes
        coalesce(answer ->> 'PartyNumber', answer ->> 'ContactPersonPartyNumber') as party_number

    from source

)

select * from renamed
