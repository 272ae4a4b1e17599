with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('finops', 'sellable_released_products') }} as raw,
        json_to_record(raw.payload) as r (
            "dataAreaId" text,
            "ProductNumber" text,
            "ProductName" text,
            "ProductDescription" text,
            "ProductType" text,
            "CurrencyCode" text,
            "SalesPrice" text,
            "UnitCost" text,
            "SalesUnitSymbol" text,
            "SalesUnitDecimalPrecision" text,
            {{- own_columns("SellableReleasedProducts") }}
            "IsSalesStopped" text
        )
    where {{ landed('finops') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        coalesce(lower("dataAreaId"), '') as company,
        {{ clean('"ProductNumber"') }} as product_number,

        -- attributes
        {{ clean('"ProductName"') }} as product_name,
        {{ clean('"ProductDescription"') }} as product_description,
        {{ clean('"ProductType"') }} as product_type,
        upper({{ clean('"CurrencyCode"') }}) as currency_code,
        {{ safe_decimal('"SalesPrice"') }} as sales_price_amount,
        round({{ safe_decimal('"UnitCost"') }}, 4) as unit_cost_amount,
        {{ clean('"SalesUnitSymbol"') }} as unit_symbol,
        {{ safe_integer('"SalesUnitDecimalPrecision"') }} as decimals,
        coalesce("IsSalesStopped" = 'Yes', false) as is_stopped,
        {{ unreadable({
            '"ProductNumber"': "text",
            '"ProductName"': "text",
            '"ProductDescription"': "text",
            '"SalesPrice"': "decimal",
            '"UnitCost"': "decimal",
            '"SalesUnitDecimalPrecision"': "integer",
        }) }} as unreadable,
        {{ altered(['"ProductNumber"', '"ProductName"'], {'"UnitCost"': 4}) }} as altered,
        {{ own_fields("SellableReleasedProducts") }} as own_fields,
        {{ own_unmapped("SellableReleasedProducts") }} as own_unmapped,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
