with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'cds_released_distinct_products') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "ProductNumber" text,
            "ItemNumber" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"ProductNumber"') }} as product_number,
        {{ clean('"ItemNumber"') }} as item_number,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
