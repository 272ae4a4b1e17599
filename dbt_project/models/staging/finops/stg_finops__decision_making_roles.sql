with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'decision_making_roles') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "RoleName" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"RoleName"') }} as role_name,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
