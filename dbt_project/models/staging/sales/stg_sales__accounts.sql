with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'accounts') }} as raw,
        json_to_record(raw.payload) as r (
            accountnumber text,
            name text,
            statecode text,
            customertypecode text,
            _masterid_value text,
            _parentaccountid_value text,
            _primarycontactid_value text,
            _transactioncurrencyid_value text,
            _owningbusinessunit_value text,
            _owningteam_value text,
            telephone1 text,
            fax text,
            emailaddress1 text,
            websiteurl text,
            primarytwitterid text,
            creditlimit text,
            numberofemployees text,
            description text,
            address1_line1 text,
            address1_line2 text,
            address1_line3 text,
            address1_city text,
            address1_stateorprovince text,
            address1_postalcode text,
            address1_county text,
            address1_country text,
            address2_line1 text,
            address2_line2 text,
            address2_line3 text,
            address2_city text,
            address2_stateorprovince text,
            address2_postalcode text,
            address2_county text,
            address2_country text,
            modifiedon text,
            {{- own_columns("accounts", [var("company_column")]) }}
            "@odata.etag" text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {{ clean('accountnumber') }} as account_number,
        {{ safe_uuid('_transactioncurrencyid_value') }}::text as currency_id,
        {{ safe_uuid('_masterid_value') }}::text as master_account_id,
        {{ safe_uuid('_parentaccountid_value') }}::text as parent_account_id,
        {{ safe_uuid('_primarycontactid_value') }}::text as primary_contact_id,
        _owningbusinessunit_value as business_unit_id,
        _owningteam_value as owner_team_id,
        {%- if var("company_column") %}
        {{ clean('"' ~ var("company_column") ~ '"') }} as company_text,
        {%- else %}
        null::text as company_text,
        {%- endif %}

        -- attributes
        {{ clean('name') }} as account_name,
        {{ clean('statecode') }} as state_code,
        coalesce(statecode = '0', false) as is_active,
        coalesce(customertypecode = '3', false) as is_customer,
        {{ clean('telephone1') }} as phone,
        {{ clean('fax') }} as fax,
        {{ clean('emailaddress1') }} as email,
        {{ clean('websiteurl') }} as web_site,
        {{ clean('primarytwitterid') }} as twitter,
        {{ clean('description') }} as memo,
        {{ safe_decimal('creditlimit') }} as credit_limit_amount,
        {{ safe_integer('numberofemployees') }} as employee_count,

        -- main address
        nullif(concat_ws(
            e'\n', {{ clean('address1_line1') }}, {{ clean('address1_line2') }}, {{ clean('address1_line3') }}
        ), '') as street,
        {{ clean('address1_city') }} as city,
        {{ clean('address1_stateorprovince') }} as state_text,
        {{ clean('address1_postalcode') }} as postal_code,
        {{ clean('address1_county') }} as county,
        {{ clean('address1_country') }} as country_text,

        -- delivery address
        nullif(concat_ws(
            e'\n', {{ clean('address2_line1') }}, {{ clean('address2_line2') }}, {{ clean('address2_line3') }}
        ), '') as delivery_street,
        {{ clean('address2_city') }} as delivery_city,
        {{ clean('address2_stateorprovince') }} as delivery_state_text,
        {{ clean('address2_postalcode') }} as delivery_postal_code,
        {{ clean('address2_county') }} as delivery_county,
        {{ clean('address2_country') }} as delivery_country_text,

        -- versions
        {{ safe_timestamp('modifiedon') }} as modified_at,
        "@odata.etag" as etag,
        {{ unreadable({
            "statecode": "integer",
            "customertypecode": "integer",
            "_transactioncurrencyid_value": "uuid",
            "_masterid_value": "uuid",
            "_parentaccountid_value": "uuid",
            "_primarycontactid_value": "uuid",
            "creditlimit": "decimal",
            "numberofemployees": "integer",
        }) }} as unreadable,
        {{ altered(["accountnumber", "name"], {"creditlimit": 2}) }} as altered,
        {{ own_fields("accounts") }} as own_fields,
        {{ own_unmapped("accounts") }} as own_unmapped,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
