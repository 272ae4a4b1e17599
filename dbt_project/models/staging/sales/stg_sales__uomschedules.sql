with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'uomschedules') }} as raw,
        json_to_record(raw.payload) as r (
            name text,
            statecode text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        -- attributes
        {{ clean('name') }} as unit_group_name,
        coalesce(statecode = '0', false) as is_active,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
