with contacts as (

    select
        *,
        becomes = 'customer' or {{ 'true' if var('send_party_number') else 'false' }} as is_number_sent
    from {{ ref('canonical_contacts') }}

),

-- only records to be sent have their contents checked
checked as (

    select * from contacts where operation is not null

),

addresses as (

    select
        addresses.*,
        checked.becomes
    from {{ ref('canonical_contact_addresses') }} as addresses
    inner join checked on checked.source_key = addresses.source_key

),

by_lifecycle_status as (

    select
        source_key,
        case
            when lifecycle_status = 'deleted' then 'contact_deleted'
            when lifecycle_status = 'merged' and becomes = 'customer' then 'contact_merged'
            when lifecycle_status = 'unattached' then 'contact_without_account'
            when lifecycle_status = 'account_unknown' then 'contact_account_unknown'
            when lifecycle_status = 'unknown' then 'contact_state_unknown'
            when lifecycle_status in ('inactive', 'merged') then 'contact_inactive'
        end as broken_rule,
        case lifecycle_status
            when 'account_unknown' then 'parentcustomerid'
            when 'unknown' then 'statecode'
        end as field,
        left(case lifecycle_status when 'account_unknown' then parent_id when 'unknown' then state_code end, 50)
            as value
    from contacts
    where operation is null

),

customers_left_active as (

    select
        source_key,
        'customer_left_active' as broken_rule,
        'statecode' as field,
        lifecycle_status as value
    from contacts
    where operation is null and is_our_customer and customer_on_hold_status <> 'All'

),

by_record as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from checked
    cross join lateral (
        select 'contact_number_unassigned', 'contactid', '', checked.is_number_sent and checked.contact_number is null
        union all select
            'contact_number_shared', 'contactid', checked.number_spellings,
            checked.is_number_sent and checked.is_number_shared
        union all select
            'contact_number_too_long', 'contactid', checked.contact_number,
            checked.is_number_sent and {{ is_longer('checked.contact_number', 20) }}
        union all select 'contact_name_blank', 'lastname', '', checked.first_name is null and checked.last_name is null
        union all select 'choice_unmapped', 'gendercode', checked.gender_code::text, checked.gender is null
        union all select
            'choice_unmapped', 'familystatuscode', checked.marital_status_code::text,
            checked.marital_status is null
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken

),

by_address as (

    {{ address_rules('addresses', {'address1_': ''}) }}

),

too_long as (

    {{ too_long('checked', [
        ['firstname', 'first_name', 25], ['middlename', 'middle_name', 25], ['lastname', 'last_name', 25],
        ['telephone1', 'phone', 255], ['fax', 'fax', 255], ['emailaddress1', 'email', 255],
        ['websiteurl', 'web_site', 255],
    ]) }}

),

{%- set limits = [
    ['address1_line1', 'street', 250], ['address1_city', 'city', 60], ['address1_postalcode', 'postal_code', 10],
] %}
{%- if var('send_county') %}
    {%- do limits.append(['address1_county', 'county', "case when becomes = 'contact_person' then 10 end"]) %}
{%- endif %}

address_too_long as (

    {{ too_long('addresses', limits) }}

),

bad_values as (

    {{ bad_values('checked') }}

),

quarantined as (

    {{ quarantined('sales', 'contacts') }}

)

{{ violations(
    'contacts',
    [
        'by_lifecycle_status', 'customers_left_active', 'by_record', 'by_address', 'too_long', 'address_too_long',
        'bad_values', ref('broken_contact_persons'), ref('broken_contact_customers'), 'quarantined',
    ],
    records='contacts',
    record='records.record'
) }}
