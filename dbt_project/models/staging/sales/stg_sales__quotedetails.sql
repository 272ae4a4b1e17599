with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        raw.observed_at,
        r.*
    from {{ source('sales', 'quotedetails') }} as raw,
        json_to_record(raw.payload) as r (
            _quoteid_value text,
            lineitemnumber text,
            sequencenumber text,
            producttypecode text,
            isproductoverridden text,
            productdescription text,
            _productid_value text,
            _uomid_value text,
            quantity text,
            priceperunit text,
            manualdiscountamount text,
            volumediscountamount text,
            tax text,
            extendedamount text,
            {{- own_columns("quotedetails") }}
            pricingerrorcode text,
            utcconversiontimezonecode text,
            requestdeliveryby text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ safe_uuid('_quoteid_value') }}::text as quote_id,
        {{ safe_uuid('_productid_value') }}::text as product_id,
        {{ safe_uuid('_uomid_value') }}::text as unit_id,
        {{ safe_integer('sequencenumber') }} as sequence_number,
        {{ safe_integer('lineitemnumber') }} as line_item_number,

        -- attributes
        coalesce({{ safe_integer('producttypecode') }}, 1) as product_type,
        coalesce({{ safe_boolean('isproductoverridden') }}, false) as is_write_in,
        {{ clean('productdescription') }} as write_in_name,
        {{ safe_decimal('quantity') }} as quantity,
        coalesce({{ safe_decimal('priceperunit') }}, 0) as unit_price_amount,
        coalesce({{ safe_integer('pricingerrorcode') }}, 0) as pricing_error_code,
        coalesce({{ safe_decimal('manualdiscountamount') }}, 0) as manual_discount_amount,
        coalesce({{ safe_decimal('volumediscountamount') }}, 0) as volume_discount_amount,
        coalesce({{ safe_decimal('tax') }}, 0) as tax_amount,
        coalesce({{ safe_decimal('extendedamount') }}, 0) as extended_amount,
        {{ safe_timestamp('requestdeliveryby') }} as requested_at,
        {{ safe_integer('utcconversiontimezonecode') }} as time_zone_code,

        -- versions
        observed_at,
        {{ unreadable({
            "_quoteid_value": "uuid",
            "_productid_value": "uuid",
            "_uomid_value": "uuid",
            "sequencenumber": "integer",
            "lineitemnumber": "integer",
            "producttypecode": "integer",
            "isproductoverridden": "boolean",
            "quantity": "decimal",
            "priceperunit": "decimal",
            "pricingerrorcode": "integer",
            "manualdiscountamount": "decimal",
            "volumediscountamount": "decimal",
            "tax": "decimal",
            "extendedamount": "decimal",
            "requestdeliveryby": "timestamp",
            "utcconversiontimezonecode": "integer",
        }) }} as unreadable,
        {{ own_fields("quotedetails") }} as own_fields,
        {{ own_unmapped("quotedetails") }} as own_unmapped,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
