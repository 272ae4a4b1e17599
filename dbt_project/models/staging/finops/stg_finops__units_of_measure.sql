with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'units_of_measure') }} as raw,
        json_to_record(raw.payload) as r (
            "UnitSymbol" text,
            "UnitDescription" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ clean('"UnitSymbol"') }} as unit_symbol,

        -- attributes
        {{ clean('"UnitDescription"') }} as unit_description,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
