with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        raw.observed_at,
        r.*
    from {{ source('finops', 'cds_sales_quotation_lines') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "SalesQuotationNumber" text,
            "LineCreationSequenceNumber" text,
            "LineAmount" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"SalesQuotationNumber"') }} as quotation_number,
        {{ safe_integer('"LineCreationSequenceNumber"') }} as line_number,

        -- attributes
        {{ safe_decimal('"LineAmount"') }} as line_amount,

        -- versions
        observed_at,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
