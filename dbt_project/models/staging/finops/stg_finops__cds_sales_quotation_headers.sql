with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'cds_sales_quotation_headers') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "SalesQuotationNumber" text,
            "SalesQuotationStatus" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"SalesQuotationNumber"') }} as quotation_number,

        -- attributes
        {{ clean('"SalesQuotationStatus"') }} as quotation_status,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
