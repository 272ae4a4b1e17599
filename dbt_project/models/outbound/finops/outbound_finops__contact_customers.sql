with contacts as (

    select *, {{ row_age() }} from {{ ref('canonical_contacts') }}

),

addresses as (

    select *, {{ row_age() }} from {{ ref('canonical_contact_addresses') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_contacts') }} where effect in ('block', 'exclude')

),

-- materialized, because Postgres would inline this and build every body twice: for itself and for its hash
bodies as materialized (

    select
        contacts.source_key,
        contacts.contact_number,
        contacts.company,
        contacts.is_number_assigned,
        contacts.operation,
        case when not {{ is_unchanged('contacts', also=['addresses']) }} then jsonb_build_object(
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
            -- written only over a value in `over` or one that we wrote ourselves, as a read of that moment shows
            'guard:OnHoldStatus', case
                when contacts.operation = 'deactivate' then '{"value": "All", "over": ["No"]}'::jsonb
                else '{"value": "No", "over": []}'::jsonb
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
            'block:address', {{ address_block(
                'addresses', 'Address', var('address_description'), var('address_role')
            ) }}
        ) || coalesce(contacts.own_fields, '{}') end as body
    from contacts
    inner join addresses on addresses.source_key = contacts.source_key
    where
        contacts.becomes = 'customer' and contacts.operation is not null
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = contacts.source_key)

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
