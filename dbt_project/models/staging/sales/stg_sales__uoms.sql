with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'uoms') }} as raw,
        json_to_record(raw.payload) as r (
            name text,
            _uomscheduleid_value text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ safe_uuid('_uomscheduleid_value') }}::text as unit_group_id,

        -- attributes
        {{ clean('name') }} as unit_name,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
