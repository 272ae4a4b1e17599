with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'products') }} as raw,
        json_to_record(raw.payload) as r (
            productnumber text,
            productstructure text,
            statecode text,
            _parentproductid_value text,
            _pricelevelid_value text,
            _defaultuomscheduleid_value text,
            _defaultuomid_value text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ clean('productnumber') }} as product_number,
        {{ safe_uuid('_defaultuomscheduleid_value') }}::text as unit_group_id,
        {{ safe_uuid('_defaultuomid_value') }}::text as unit_id,
        {{ safe_uuid('_pricelevelid_value') }}::text as price_list_id,

        -- attributes
        coalesce(productstructure = '1', false) and {{ clean('_parentproductid_value') }} is null as is_plain,
        coalesce(statecode = '0', false) as is_active,
        coalesce(statecode = '3', false) as is_under_revision,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
