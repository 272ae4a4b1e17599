with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'salesorders') }} as raw,
        json_to_record(raw.payload) as r (
            _customerid_value text,
            _transactioncurrencyid_value text,
            createdon text,
            modifiedon text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ safe_uuid('_customerid_value') }}::text as customer_id,
        {{ safe_uuid('_transactioncurrencyid_value') }}::text as currency_id,

        -- versions
        {{ safe_timestamp('createdon') }} as created_at,
        {{ safe_timestamp('modifiedon') }} as modified_at,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
