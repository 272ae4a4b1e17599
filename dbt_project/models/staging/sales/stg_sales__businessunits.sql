with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'businessunits') }} as raw,
        json_to_record(raw.payload) as r (
            name text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,

        -- attributes
        {{ clean('name') }} as business_unit_name,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
