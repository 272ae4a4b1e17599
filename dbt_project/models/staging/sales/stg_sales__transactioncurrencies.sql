with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'transactioncurrencies') }} as raw,
        json_to_record(raw.payload) as r (
            isocurrencycode text,
            statecode text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        -- attributes
        upper({{ clean('isocurrencycode') }}) as currency_code,
        coalesce(statecode = '0', false) as is_active,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
