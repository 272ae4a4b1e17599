with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        raw.observed_at,
        r.*
    from {{ source('sales', 'quotes') }} as raw,
        json_to_record(raw.payload) as r (
            quotenumber text,
            revisionnumber text,
            name text,
            statecode text,
            statuscode text,
            _customerid_value text,
            _ownerid_value text,
            _transactioncurrencyid_value text,
            requestdeliveryby text,
            createdon text,
            utcconversiontimezonecode text,
            emailaddress text,
            discountamount text,
            discountpercentage text,
            freightamount text,
            totallineitemamount text,
            shipto_name text,
            shipto_line1 text,
            shipto_line2 text,
            shipto_line3 text,
            shipto_city text,
            shipto_stateorprovince text,
            shipto_postalcode text,
            {{- own_columns("quotes") }}
            shipto_country text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ clean('quotenumber') }} as quote_number,
        quotenumber as typed_number,
        coalesce({{ safe_integer('revisionnumber') }}, 0) as revision,
        {{ safe_uuid('_customerid_value') }}::text as customer_id,
        {{ safe_uuid('_ownerid_value') }}::text as owner_id,
        {{ safe_uuid('_transactioncurrencyid_value') }}::text as currency_id,

        -- attributes
        {{ clean('name') }} as quote_name,
        nullif(concat_ws('/', {{ clean('statecode') }}, {{ clean('statuscode') }}), '') as state_code,
        {{ safe_integer('statecode') }} as state,
        {{ safe_integer('statuscode') }} as status,
        {{ safe_timestamp('requestdeliveryby') }} as requested_at,
        {{ safe_integer('utcconversiontimezonecode') }} as time_zone_code,
        {{ clean('emailaddress') }} as email,
        coalesce({{ safe_decimal('discountamount') }}, 0) as discount_amount,
        coalesce({{ safe_decimal('discountpercentage') }}, 0) as discount_percentage,
        coalesce({{ safe_decimal('freightamount') }}, 0) as freight_amount,
        coalesce({{ safe_decimal('totallineitemamount') }}, 0) as line_total_amount,

        -- delivery address
        {{ clean('shipto_name') }} as ship_to_name,
        nullif(concat_ws(
            e'\n', {{ clean('shipto_line1') }}, {{ clean('shipto_line2') }}, {{ clean('shipto_line3') }}
        ), '') as street,
        {{ clean('shipto_city') }} as city,
        {{ clean('shipto_stateorprovince') }} as state_text,
        {{ clean('shipto_postalcode') }} as postal_code,
        {{ clean('shipto_country') }} as country_text,

        -- versions
        {{ safe_timestamp('createdon') }} as created_at,
        observed_at,
        {{ unreadable({
            "revisionnumber": "integer",
            "statecode": "integer",
            "statuscode": "integer",
            "_customerid_value": "uuid",
            "_transactioncurrencyid_value": "uuid",
            "requestdeliveryby": "timestamp",
            "utcconversiontimezonecode": "integer",
            "totallineitemamount": "decimal",
        }) }} as unreadable,
        {{ altered(["quotenumber", "name"]) }} as altered,
        {{ own_fields("quotes") }} as own_fields,
        {{ own_unmapped("quotes") }} as own_unmapped,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
