with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'customers_v3') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "CustomerAccount" text,
            "PartyNumber" text,
            "PartyType" text,
            "OrganizationName" text,
            "PersonFirstName" text,
            "PersonLastName" text,
            "AddressCity" text,
            "OnHoldStatus" text,
            "IsExternallyMaintained" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        lower("dataAreaId") as company,
        {{ clean('"CustomerAccount"') }} as customer_account,
        {{ clean('"PartyNumber"') }} as party_number,

        -- attributes
        {{ clean('"PartyType"') }} as party_type,
        {{ clean('"OrganizationName"') }} as organization_name,
        {{ clean('"PersonFirstName"') }} as person_first_name,
        {{ clean('"PersonLastName"') }} as person_last_name,
        {{ clean('"AddressCity"') }} as city,
        coalesce({{ clean('"OnHoldStatus"') }}, 'No') as on_hold_status,
        coalesce("IsExternallyMaintained" = 'Yes', false) as is_externally_maintained,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
