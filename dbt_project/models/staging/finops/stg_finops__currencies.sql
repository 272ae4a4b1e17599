with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'currencies') }} as raw,
        json_to_record(raw.payload) as r (
            "CurrencyCode" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        upper({{ clean('"CurrencyCode"') }}) as currency_code,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
