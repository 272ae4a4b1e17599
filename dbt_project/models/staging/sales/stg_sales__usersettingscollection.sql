with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'usersettingscollection') }} as raw,
        json_to_record(raw.payload) as r (
            timezonecode text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,

        -- attributes
        {{ safe_integer('timezonecode') }} as time_zone_code,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
