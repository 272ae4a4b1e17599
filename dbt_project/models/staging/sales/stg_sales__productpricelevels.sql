with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'productpricelevels') }} as raw,
        json_to_record(raw.payload) as r (
            _productid_value text,
            _uomid_value text,
            _pricelevelid_value text,
            pricingmethodcode text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ safe_uuid('_productid_value') }}::text as product_id,
        {{ safe_uuid('_uomid_value') }}::text as unit_id,
        {{ safe_uuid('_pricelevelid_value') }}::text as price_list_id,

        -- attributes
        coalesce(pricingmethodcode = '1', false) as is_amount,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
