with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'pricelevels') }} as raw,
        json_to_record(raw.payload) as r (
            name text,
            statecode text,
            _transactioncurrencyid_value text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ safe_uuid('_transactioncurrencyid_value') }}::text as currency_id,

        -- attributes
        {{ clean('name') }} as price_list_name,
        coalesce(statecode = '0', false) as is_active,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
