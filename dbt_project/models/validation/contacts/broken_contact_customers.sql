with checked as (

    select * from {{ ref('canonical_contacts') }} where becomes = 'customer' and operation is not null

),

known_currencies as (

    {{ finops_currencies() }}

),

company_setup as (

    {{ company_setup(var('customer_group_id'), var('contact_site_id'), var('contact_warehouse_id')) }}

),

-- a contact person takes these from its account; a customer needs its own
by_customer as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from checked
    left join company_setup on company_setup.company = checked.company
    left join known_currencies on known_currencies.currency_code = checked.currency_code
    cross join lateral (
        select 'currency_blank', 'transactioncurrencyid', '', checked.currency_code is null
        union all select
            'currency_missing', 'transactioncurrencyid', checked.currency_code,
            checked.currency_code is not null and known_currencies.currency_code is null
        union all select 'company_unmapped', 'company', checked.company_text, checked.company is null
        union all select
            'company_unknown', 'company', checked.company,
            checked.company is not null and company_setup.company is null
        union all select
            'customer_group_missing', 'company', {{ literal(var('customer_group_id')) }},
            not company_setup.has_customer_group
        union all select 'site_missing', 'company', {{ literal(var('contact_site_id')) }}, not company_setup.has_site
        union all select
            'warehouse_missing', 'company', {{ literal(var('contact_warehouse_id')) }},
            not company_setup.has_warehouse
        union all select
            'customer_on_hold', 'statecode', checked.customer_on_hold_status,
            {{ literal(var('contact_customer_deactivation')) }} = 'on_hold' and not checked.is_our_customer
            and checked.customer_on_hold_status <> 'No'
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken

),

similar_customers as (

    select
        checked.source_key,
        'customer_similar' as broken_rule,
        'lastname' as field,
        min(others.customer_account) as value
    from checked
    inner join {{ ref('canonical_contact_addresses') }} as addresses on addresses.source_key = checked.source_key
    inner join {{ ref('stg_finops__customers_v3') }} as others
        on others.company = checked.company
        and {{ folded('others.person_last_name') }} = {{ folded('checked.last_name') }}
        and {{ folded('others.person_first_name') }} = {{ folded('checked.first_name') }}
        and {{ folded('others.city') }} = {{ folded('addresses.city') }}
    where
        not others.is_deleted and not others.is_externally_maintained
        and {{ key_fold('others.customer_account') }} <> {{ key_fold('checked.contact_number') }}
    group by checked.source_key

)

{{ broken(['by_customer', 'similar_customers']) }}
