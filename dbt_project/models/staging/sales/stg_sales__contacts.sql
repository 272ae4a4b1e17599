with source as (

    select
        raw.key,
        raw.deleted_at,
        raw.absent_reads,
        r.*
    from {{ source('sales', 'contacts') }} as raw,
        json_to_record(raw.payload) as r (
            firstname text,
            middlename text,
            lastname text,
            statecode text,
            _masterid_value text,
            _parentcustomerid_value text,
            _transactioncurrencyid_value text,
            _owningbusinessunit_value text,
            _owningteam_value text,
            telephone1 text,
            fax text,
            emailaddress1 text,
            websiteurl text,
            department text,
            jobtitle text,
            description text,
            governmentid text,
            spousesname text,
            gendercode text,
            familystatuscode text,
            donotemail text,
            accountrolecode text,
            address1_line1 text,
            address1_line2 text,
            address1_line3 text,
            address1_city text,
            address1_stateorprovince text,
            address1_postalcode text,
            address1_county text,
            address1_country text,
            modifiedon text,
            {{- own_columns("contacts", [var("contact_number_column"), var("contact_company_column")]) }}
            "@odata.etag" text
        )
    where {{ landed('sales') }}

),

renamed as (

    select
        -- keys
        key as source_key,
        {%- if var("contact_number_column") %}
        {{ clean('"' ~ var("contact_number_column") ~ '"') }} as contact_number,
        {%- else %}
        null::text as contact_number,
        {%- endif %}
        {{ safe_uuid('_parentcustomerid_value') }}::text as parent_id,
        {{ safe_uuid('_transactioncurrencyid_value') }}::text as currency_id,
        {{ safe_uuid('_masterid_value') }}::text as master_contact_id,
        _owningbusinessunit_value as business_unit_id,
        _owningteam_value as owner_team_id,
        {%- if var("contact_company_column") %}
        {{ clean('"' ~ var("contact_company_column") ~ '"') }} as company_text,
        {%- else %}
        null::text as company_text,
        {%- endif %}

        -- attributes
        {{ clean('firstname') }} as first_name,
        {{ clean('middlename') }} as middle_name,
        {{ clean('lastname') }} as last_name,
        {{ clean('statecode') }} as state_code,
        coalesce(statecode = '0', false) as is_active,
        {{ clean('telephone1') }} as phone,
        {{ clean('fax') }} as fax,
        {{ clean('emailaddress1') }} as email,
        {{ clean('websiteurl') }} as web_site,
        {{ clean('department') }} as department,
        {{ clean('jobtitle') }} as profession,
        {{ clean('description') }} as notes,
        {{ clean('governmentid') }} as government_id,
        {{ clean('spousesname') }} as spouse_name,
        {{ safe_integer('gendercode') }} as gender_code,
        {{ safe_integer('familystatuscode') }} as marital_status_code,
        coalesce({{ safe_boolean('donotemail') }}, false) as is_mail_refused,
        {{ safe_integer('accountrolecode') }} as role_code,

        -- main address
        nullif(concat_ws(
            e'\n', {{ clean('address1_line1') }}, {{ clean('address1_line2') }}, {{ clean('address1_line3') }}
        ), '') as street,
        {{ clean('address1_city') }} as city,
        {{ clean('address1_stateorprovince') }} as state_text,
        {{ clean('address1_postalcode') }} as postal_code,
        {{ clean('address1_county') }} as county,
        {{ clean('address1_country') }} as country_text,

        -- versions
        {{ safe_timestamp('modifiedon') }} as modified_at,
        "@odata.etag" as etag,
        {{ unreadable({
            "statecode": "integer",
            "_masterid_value": "uuid",
            "_parentcustomerid_value": "uuid",
            "_transactioncurrencyid_value": "uuid",
            "gendercode": "integer",
            "familystatuscode": "integer",
            "donotemail": "boolean",
            "accountrolecode": "integer",
        }) }} as unreadable,
        {%- set numbers = ['"' ~ var("contact_number_column") ~ '"'] if var("contact_number_column") else [] %}
        {{ altered(["firstname", "lastname"] + numbers) }} as altered,
        {{ own_fields("contacts") }} as own_fields,
        {{ own_unmapped("contacts") }} as own_unmapped,

        -- deletion
        deleted_at is not null as is_deleted,
        absent_reads

    from source

)

select * from renamed
