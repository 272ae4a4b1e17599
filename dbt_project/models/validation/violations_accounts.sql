with accounts as (

    select * from {{ ref('canonical_accounts') }}

),

-- whose contents count: records that are to be sent
checked as (

    select * from accounts where operation is not null

),

rules as (

    select * from {{ ref('rules') }} where flow = 'accounts'

),

known_currencies as (

    select currency_code from {{ ref('stg_finops__currencies') }} where not is_deleted

),

known_companies as (

    select company from {{ ref('stg_finops__legal_entities') }}
    where not is_deleted and (company = any({{ served_companies() }}) or {{ served_companies() }} is null)

),

customer_groups as (

    select company from {{ ref('stg_finops__customer_groups') }}
    where not is_deleted and lower(customer_group_id) = lower({{ literal(var('customer_group_id')) }})

),

sites as (

    select company from {{ ref('stg_finops__operational_sites') }}
    where not is_deleted and lower(site_id) = lower({{ literal(var('site_id')) }})

),

warehouses as (

    select company from {{ ref('stg_finops__warehouses') }}
    where
        not is_deleted and lower(warehouse_id) = lower({{ literal(var('warehouse_id')) }})
        and (
            {{ literal(var('site_id')) }} = '' or site_id is null
            or lower(site_id) = lower({{ literal(var('site_id')) }})
        )

),

-- whether a company has what the settings name
settings as (

    select distinct
        known_companies.company,
        customer_groups.company is not null as has_customer_group,
        sites.company is not null or {{ literal(var('site_id')) }} = '' as has_site,
        warehouses.company is not null or {{ literal(var('warehouse_id')) }} = '' as has_warehouse
    from known_companies
    left join customer_groups on customer_groups.company = known_companies.company
    left join sites on sites.company = known_companies.company
    left join warehouses on warehouses.company = known_companies.company

),

by_fate as (

    select
        source_key,
        case fate
            when 'deleted' then 'account_deleted'
            when 'merged' then 'account_merged'
            when 'filtered' then 'account_not_customer'
            when 'inactive' then 'account_inactive'
        end as broken_rule,
        '' as field,
        '' as value
    from accounts
    where operation is null

),

customers_left as (

    select
        source_key,
        'customer_left_active' as broken_rule,
        'statecode' as field,
        fate as value
    from accounts
    where operation is null and is_our_customer and customer_on_hold_status <> 'All'

),

by_record as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        coalesce(broken.value, '') as value
    from checked
    left join settings on settings.company = checked.company
    left join known_currencies on known_currencies.currency_code = checked.currency_code
    cross join lateral (
        select 'account_number_unassigned', 'accountnumber', '', checked.account_number is null
        union all select 'account_number_shared', 'accountnumber', checked.account_number, checked.is_number_shared
        union all select
            'account_number_too_long', 'accountnumber', checked.account_number,
            length(checked.account_number) > 20
        union all select 'account_name_blank', 'name', '', checked.account_name is null
        union all select
            'account_name_too_long', 'name', length(checked.account_name)::text,
            length(checked.account_name) > 100
        union all select 'currency_blank', 'transactioncurrencyid', '', checked.currency_code is null
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
        union all select 'site_missing', 'company', {{ literal(var('site_id')) }}, not settings.has_site
        union all select 'warehouse_missing', 'company', {{ literal(var('warehouse_id')) }}, not settings.has_warehouse
        union all select
            'country_unmapped', 'address1_country', checked.country_text,
            checked.country_text is not null and checked.country_iso2 is null
        union all select
            'country_unmapped', 'address2_country', checked.delivery_country_text,
            checked.delivery_country_text is not null and checked.delivery_country_iso2 is null
        union all select
            'state_unmapped', 'address1_stateorprovince', checked.state_text,
            checked.state_text is not null and checked.state_id is null and checked.has_states
        union all select
            'state_unmapped', 'address2_stateorprovince', checked.delivery_state_text,
            checked.delivery_state_text is not null and checked.delivery_state_id is null
            and checked.has_delivery_states
        union all select
            'state_not_sent', 'address1_stateorprovince', checked.state_text,
            checked.state_text is not null and checked.country_iso2 is not null and not checked.has_states
        union all select
            'state_not_sent', 'address2_stateorprovince', checked.delivery_state_text,
            checked.delivery_state_text is not null and checked.delivery_country_iso2 is not null
            and not checked.has_delivery_states
        union all select
            'customer_on_hold', 'statecode', checked.customer_on_hold_status,
            {{ literal(var('account_deactivation')) }} = 'on_hold' and not checked.is_our_customer
            and checked.customer_on_hold_status <> 'No'
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken

),

too_long as (

    select
        checked.source_key,
        'value_too_long' as broken_rule,
        measured.field,
        measured.longest::text as value
    from checked
    cross join lateral (
        select 'telephone1', checked.phone, 255
        union all select 'fax', checked.fax, 255
        union all select 'emailaddress1', checked.email, 255
        union all select 'websiteurl', checked.web_site, 255
        union all select 'primarytwitterid', checked.twitter, 255
        union all select 'address1_line1', checked.street, 250
        union all select 'address1_city', checked.city, 60
        union all select 'address1_postalcode', checked.postal_code, 10
        union all select 'address2_line1', checked.delivery_street, 250
        union all select 'address2_city', checked.delivery_city, 60
        union all select 'address2_postalcode', checked.delivery_postal_code, 10
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

similar_customers as (

    select
        checked.source_key,
        'customer_similar' as broken_rule,
        'name' as field,
        min(others.customer_account) as value
    from checked
    inner join {{ ref('stg_finops__customers_v3') }} as others
        on others.company = checked.company
        and {{ folded('others.organization_name') }} = {{ folded('checked.account_name') }}
        and {{ folded('others.city') }} = {{ folded('checked.city') }}
    where
        not others.is_deleted and not others.is_externally_maintained
        and lower(others.customer_account) <> lower(checked.account_number)
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
        and system = 'sales' and entity = 'accounts' and resolved_at is null

),

broken as (

    select * from by_fate
    union all
    select * from customers_left
    union all
    select * from by_record
    union all
    select * from too_long
    union all
    select * from unreadable
    union all
    select * from own_unmapped
    union all
    select * from similar_customers
    union all
    select * from poison

)

select
    broken.source_key,
    -- an assigned number is known to nobody yet
    case
        when accounts.is_number_assigned or accounts.account_number is null then broken.source_key
        else accounts.account_number
    end as record,
    coalesce(accounts.company, '') as company,
    broken.broken_rule,
    rules.effect,
    broken.field,
    broken.value
from broken
left join accounts on accounts.source_key = broken.source_key
left join rules on rules.rule = broken.broken_rule
