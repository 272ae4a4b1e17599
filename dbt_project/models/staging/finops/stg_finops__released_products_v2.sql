with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'released_products_v2') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "ItemNumber" text,
            "SalesPriceQuantity" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"ItemNumber"') }} as item_number,

        -- attributes
        {{ safe_numeric('"SalesPriceQuantity"') }} as price_quantity,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
