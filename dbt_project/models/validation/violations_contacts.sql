with contacts as (

    select
        *,
        becomes = 'customer' or {{ 'true' if var('send_party_number') else 'false' }} as is_number_sent
    from {{ ref('canonical_contacts') }}

),

-- an account that is left out and was never delivered has no customer whom a contact person could belong to
accounts_left_out as (

    select
        source_key,
        case when is_number_assigned or account_number is null then source_key else account_number end as record
    from {{ ref('canonical_accounts') }}
    where fate in ('inactive', 'filtered', 'deleted')

),

-- whose contents count: records that are to be sent
checked as (

    select * from contacts where operation is not null

),

rules as (

    select * from {{ ref('rules') }} where flow = 'contacts'

),

known_currencies as (

    select currency_code from {{ ref('stg_finops__currencies') }} where not is_deleted

),

known_companies as (

    select company from {{ ref('stg_finops__legal_entities') }}
    where not is_deleted and (company = any({{ served_companies() }}) or {{ served_companies() }} is null)

),

known_roles as (

    select distinct
        company,
        lower(role_name) as folded_role
    from {{ ref('stg_finops__decision_making_roles') }}
    where not is_deleted

),

customer_groups as (

    select company from {{ ref('stg_finops__customer_groups') }}
    where not is_deleted and lower(customer_group_id) = lower({{ literal(var('customer_group_id')) }})

),

sites as (

    select company from {{ ref('stg_finops__operational_sites') }}
    where not is_deleted and lower(site_id) = lower({{ literal(var('contact_site_id')) }})

),

warehouses as (

    select company from {{ ref('stg_finops__warehouses') }}
    where
        not is_deleted and lower(warehouse_id) = lower({{ literal(var('contact_warehouse_id')) }})
        and (
            {{ literal(var('contact_site_id')) }} = '' or site_id is null
            or lower(site_id) = lower({{ literal(var('contact_site_id')) }})
        )

),

-- whether a company has what the settings name
settings as (

    select distinct
        known_companies.company,
        customer_groups.company is not null as has_customer_group,
        sites.company is not null or {{ literal(var('contact_site_id')) }} = '' as has_site,
        warehouses.company is not null or {{ literal(var('contact_warehouse_id')) }} = '' as has_warehouse
    from known_companies
    left join customer_groups on customer_groups.company = known_companies.company
    left join sites on sites.company = known_companies.company
    left join warehouses on warehouses.company = known_companies.company

),

by_fate as (

    select
        source_key,
        case
            when fate = 'deleted' then 'contact_deleted'
            when fate = 'merged' and becomes = 'customer' then 'contact_merged'
            when fate = 'unattached' then 'contact_without_account'
            else 'contact_inactive'
        end as broken_rule,
        '' as field,
        '' as value
    from contacts
    where operation is null

),

accounts_missing as (

    select
        checked.source_key,
        'account_left_out' as broken_rule,
        'parentcustomerid' as field,
        accounts_left_out.record as value
    from checked
    inner join accounts_left_out on accounts_left_out.source_key = checked.account_id
    where checked.becomes = 'contact_person' and checked.account_party_number is null

),

customers_left as (

    select
        source_key,
        'customer_left_active' as broken_rule,
        'statecode' as field,
        fate as value
    from contacts
    where operation is null and is_our_customer and customer_on_hold_status <> 'All'

),

by_record as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        coalesce(broken.value, '') as value
    from checked
    cross join lateral (
        select 'contact_number_unassigned', 'contactid', '', checked.is_number_sent and checked.contact_number is null
        union all select
            'contact_number_shared', 'contactid', checked.contact_number,
            checked.is_number_sent and checked.is_number_shared
        union all select
            'contact_number_too_long', 'contactid', checked.contact_number,
            checked.is_number_sent and length(checked.contact_number) > 20
        union all select 'contact_name_blank', 'lastname', '', checked.first_name is null and checked.last_name is null
        union all select
            'country_unmapped', 'address1_country', checked.country_text,
            checked.country_text is not null and checked.country_iso2 is null
        union all select
            'state_unmapped', 'address1_stateorprovince', checked.state_text,
            checked.state_text is not null and checked.state_id is null and checked.has_states
        union all select
            'state_not_sent', 'address1_stateorprovince', checked.state_text,
            checked.state_text is not null and checked.country_iso2 is not null and not checked.has_states
        union all select 'choice_unmapped', 'gendercode', checked.gender_code::text, checked.gender is null
        union all select
            'choice_unmapped', 'familystatuscode', checked.marital_status_code::text,
            checked.marital_status is null
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken

),

-- only contact persons have a decision role
by_contact_person as (

    select
        checked.source_key,
        broken.broken_rule,
        'accountrolecode' as field,
        broken.value
    from checked
    left join known_roles
        on known_roles.company = checked.company and known_roles.folded_role = lower(checked.decision_role)
    cross join lateral (
        select
            'decision_role_unmapped', checked.role_code::text,
            checked.role_code is not null and not checked.is_role_mapped
        union all select
            'decision_role_missing', checked.decision_role,
            checked.decision_role is not null and checked.company is not null and known_roles.company is null
    ) as broken (broken_rule, value, is_broken)
    where
        checked.becomes = 'contact_person' and {{ 'true' if var('send_decision_role') else 'false' }}
        and broken.is_broken

),

-- what a customer needs that a contact person has from its account
by_customer as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        coalesce(broken.value, '') as value
    from checked
    left join settings on settings.company = checked.company
    left join known_currencies on known_currencies.currency_code = checked.currency_code
    cross join lateral (
        select 'currency_blank', 'transactioncurrencyid', '', checked.currency_code is null
        union all select
            'currency_missing', 'transactioncurrencyid', checked.currency_code,
            checked.currency_code is not null and known_currencies.currency_code is null
        union all select 'company_unmapped', 'company', checked.company_text, checked.company is null
        union all select
            'company_unknown', 'company', checked.company,
            checked.company is not null and settings.company is null
        union all select
            'customer_group_missing', 'company', {{ literal(var('customer_group_id')) }},
            not settings.has_customer_group
        union all select 'site_missing', 'company', {{ literal(var('contact_site_id')) }}, not settings.has_site
        union all select
            'warehouse_missing', 'company', {{ literal(var('contact_warehouse_id')) }},
            not settings.has_warehouse
        union all select
            'customer_on_hold', 'statecode', checked.customer_on_hold_status,
            {{ literal(var('contact_customer_deactivation')) }} = 'on_hold' and not checked.is_our_customer
            and checked.customer_on_hold_status <> 'No'
    ) as broken (broken_rule, field, value, is_broken)
    where checked.becomes = 'customer' and broken.is_broken

),

too_long as (

    select
        checked.source_key,
        'value_too_long' as broken_rule,
        measured.field,
        measured.longest::text as value
    from checked
    cross join lateral (
        select 'firstname', checked.first_name, 25
        union all select 'middlename', checked.middle_name, 25
        union all select 'lastname', checked.last_name, 25
        union all select 'telephone1', checked.phone, 255
        union all select 'fax', checked.fax, 255
        union all select 'emailaddress1', checked.email, 255
        union all select 'websiteurl', checked.web_site, 255
        union all select 'address1_line1', checked.street, 250
        union all select 'address1_city', checked.city, 60
        union all select 'address1_postalcode', checked.postal_code, 10
        {%- if var('send_county') %}
        union all select 'address1_county', checked.county, case when checked.becomes = 'contact_person' then 10 end
        {%- endif %}
    ) as measured (field, said, longest)
    where length(measured.said) > measured.longest

),

unreadable as (

    select
        checked.source_key,
        'value_unreadable' as broken_rule,
        bad.field,
        bad.said as value
    from checked
    cross join lateral jsonb_each_text(checked.unreadable) as bad (field, said)
    where checked.unreadable is not null

),

own_unmapped as (

    select
        checked.source_key,
        'own_field_unmapped' as broken_rule,
        bad.field,
        bad.said as value
    from checked
    cross join lateral jsonb_each_text(checked.own_unmapped) as bad (field, said)
    where checked.own_unmapped is not null

),

similar_contacts as (

    select
        checked.source_key,
        'contact_similar' as broken_rule,
        'lastname' as field,
        min(others.party_number) as value
    from checked
    inner join {{ ref('stg_finops__cds_contact_persons') }} as others
        on others.company = checked.company and others.associated_party_number = checked.account_party_number
        and {{ folded('others.last_name') }} = {{ folded('checked.last_name') }}
        and {{ folded('others.first_name') }} = {{ folded('checked.first_name') }}
    where checked.becomes = 'contact_person' and not others.is_deleted and not others.is_externally_maintained
    group by checked.source_key

),

similar_customers as (

    select
        checked.source_key,
        'customer_similar' as broken_rule,
        'lastname' as field,
        min(others.customer_account) as value
    from checked
    inner join {{ ref('stg_finops__customers_v3') }} as others
        on others.company = checked.company
        and {{ folded('others.person_last_name') }} = {{ folded('checked.last_name') }}
        and {{ folded('others.person_first_name') }} = {{ folded('checked.first_name') }}
        and {{ folded('others.city') }} = {{ folded('checked.city') }}
    where
        checked.becomes = 'customer' and not others.is_deleted and not others.is_externally_maintained
        and lower(others.customer_account) <> lower(checked.contact_number)
    group by checked.source_key

),

poison as (

    select
        key as source_key,
        'payload_unreadable' as broken_rule,
        coalesce(field, '') as field,
        reason as value
    from {{ source('landing', 'quarantine') }}
    where
        env_id = {{ literal(var('sales_env_id')) }}
        and system = 'sales' and entity = 'contacts' and resolved_at is null

),

broken as (

    select * from by_fate
    union all
    select * from accounts_missing
    union all
    select * from customers_left
    union all
    select * from by_record
    union all
    select * from by_contact_person
    union all
    select * from by_customer
    union all
    select * from too_long
    union all
    select * from unreadable
    union all
    select * from own_unmapped
    union all
    select * from similar_contacts
    union all
    select * from similar_customers
    union all
    select * from poison

)

select
    broken.source_key,
    -- an assigned number is known to nobody yet
    case
        when contacts.is_number_assigned or contacts.contact_number is null then broken.source_key
        else contacts.contact_number
    end as record,
    coalesce(contacts.company, '') as company,
    broken.broken_rule,
    rules.effect,
    broken.field,
    broken.value
from broken
left join contacts on contacts.source_key = broken.source_key
left join rules on rules.rule = broken.broken_rule
