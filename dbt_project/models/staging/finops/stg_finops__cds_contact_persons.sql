with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'cds_contact_persons') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "ContactPersonPartyNumber" text,
            "AssociatedPartyNumber" text,
            "FirstName" text,
            "LastName" text,
            "IsContactPersonExternallyMaintained" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"ContactPersonPartyNumber"') }} as party_number,
        {{ clean('"AssociatedPartyNumber"') }} as associated_party_number,

        -- attributes
        {{ clean('"FirstName"') }} as first_name,
        {{ clean('"LastName"') }} as last_name,
        coalesce("IsContactPersonExternallyMaintained" = 'Yes', false) as is_externally_maintained,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
