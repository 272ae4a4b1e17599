with contacts as (

    select *, {{ row_age() }} from {{ ref('canonical_contacts') }}

),

kept_back as (

    select distinct source_key from {{ ref('violations_contacts') }} where effect in ('block', 'exclude')

),

-- materialized: inlined, every body would be built twice, once more for its hash
bodies as materialized (

    select
        contacts.source_key,
        contacts.contact_number,
        contacts.company,
        contacts.is_number_assigned,
        contacts.operation,
        case when not {{ is_unchanged('contacts') }} then jsonb_build_object(
            'PartyType', 'Person',
            'PersonFirstName', contacts.first_name,
            'PersonMiddleName', contacts.middle_name,
            'PersonLastName', contacts.last_name,
            'IsExternallyMaintained', 'Yes',
            'CustomerGroupId', {{ literal(var('customer_group_id')) }},
            'SalesCurrencyCode', contacts.currency_code,
            'LanguageId', {{ literal(var('language_id')) }},
            {%- if var('contact_site_id') %}
            'SiteId', {{ literal(var('contact_site_id')) }},
            {%- endif %}
            {%- if var('contact_warehouse_id') %}
            'WarehouseId', {{ literal(var('contact_warehouse_id')) }},
            {%- endif %}
            {%- if var('contact_customer_deactivation') == 'on_hold' %}
            'OnHoldStatus', case
                when contacts.operation = 'deactivate' then 'All'
                when contacts.customer_on_hold_status not in ('No', 'All') then contacts.customer_on_hold_status
                else 'No'
            end,
            {%- endif %}
            'PrimaryContactPhone', contacts.phone,
            'PrimaryContactFax', contacts.fax,
            'PrimaryContactEmail', contacts.email,
            'PrimaryContactURL', contacts.web_site,
            'PersonProfessionalTitle', contacts.profession,
            'PersonGender', contacts.gender,
            'PersonMaritalStatus', contacts.marital_status,
            'SalesMemo', contacts.notes,
            'ref:PartyNumber',
            {{
                "contacts.contact_number" if var("send_party_number")
                else "'@?{CDSContactPersons.ContactPersonPartyNumber:' || contacts.source_key || '/*}'"
            }},
            'block:address', jsonb_build_object(
                'AddressDescription', case
                    when contacts.country_iso2 is not null or not contacts.is_address_blank
                        then {{ literal(var('address_description')) }}
                end,
                'AddressLocationRoles', case
                    when contacts.country_iso2 is not null or not contacts.is_address_blank
                        then {{ literal(var('address_role')) }}
                end,
                'AddressStreet', contacts.street,
                'AddressCity', contacts.city,
                'AddressState', contacts.state_id,
                'AddressZipCode', contacts.postal_code,
                {%- if var('send_county') %}
                'AddressCounty', contacts.county,
                {%- endif %}
                'AddressCountryRegionISOCode', contacts.country_iso2
            )
        ) || coalesce(contacts.own_fields, '{}') end as body
    from contacts
    where
        contacts.becomes = 'customer' and contacts.operation is not null
        and not exists (select 1 from kept_back where kept_back.source_key = contacts.source_key)

)

select
    source_key,
    contact_number as record,
    company,
    jsonb_build_object('dataAreaId', company, 'CustomerAccount', contact_number) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    {%- if var('contact_number_column') %}
    case when is_number_assigned then array['contact_numbers:' || source_key] else '{}' end as requires,
    {%- else %}
    '{}'::text[] as requires,
    {%- endif %}
    source_key as document,
    1 as ordinal,
    operation,
    null::text as if_match,
    null::text as locked
from bodies
