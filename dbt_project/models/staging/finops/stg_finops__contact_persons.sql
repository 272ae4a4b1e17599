with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'contact_persons') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "ContactPersonId" text,
            "ContactPersonPartyNumber" text,
            "AssociatedPartyNumber" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"ContactPersonId"') }} as contact_person_id,
        {{ clean('"ContactPersonPartyNumber"') }} as party_number,
        {{ clean('"AssociatedPartyNumber"') }} as associated_party_number,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
