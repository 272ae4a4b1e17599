{{ config(diff_scope="all") }}

with source as (

    select
        entity,
        source_key,
        company,
        target_key,
        answer,
        pinned_at
    from {{ source('sync', 'identity') }}
    where
        (
            env_id = {{ literal(env_id('finops')) }}
            and (
                entity in ('CustomersV3', 'CDSContactPersons') and answer is not null
                or entity = 'CDSSalesQuotationHeaders'
            )
        )
        or (env_id = {{ literal(env_id('sales')) }} and entity in ('products', 'productpricelevels'))

),

renamed as (

    select
        -- keys
        entity || ':' || source_key as source_key,
        entity,
        source_key as record_key,
        company,
        target_key ->> 'CustomerAccount' as customer_account,
        target_key ->> 'SalesQuotationNumber' as quotation_number,
        target_key ->> 'productnumber' as product_number,
        case when entity = 'productpricelevels' then regexp_replace(source_key, '#[0-9a-f-]{36}/[0-9a-f-]{36}$', '') end
            as priced_product_key,
        target_key ->> '_pricelevelid_value' as price_list_id,
        target_key ->> '_uomid_value' as unit_id,

        -- attributes
        coalesce(answer ->> 'PartyNumber', answer ->> 'ContactPersonPartyNumber') as party_number,

        -- times
        pinned_at

    from source

)

select * from renamed
