with accounts as (

    select * from {{ ref('canonical_accounts') }}

),

-- only records to be sent have their contents checked
checked as (

    select * from accounts where operation is not null

),

addresses as (

    select * from {{ ref('canonical_account_addresses') }}
    where source_key in (select source_key from checked)

),

known_currencies as (

    {{ finops_currencies() }}

),

company_setup as (

    {{ company_setup(var('customer_group_id'), var('site_id'), var('warehouse_id')) }}

),

by_lifecycle_status as (

    select
        source_key,
        case lifecycle_status
            when 'deleted' then 'account_deleted'
            when 'merged' then 'account_merged'
            when 'filtered' then 'account_not_customer'
            when 'inactive' then 'account_inactive'
            when 'unknown' then 'account_state_unknown'
        end as broken_rule,
        case when lifecycle_status = 'unknown' then 'statecode' end as field,
        case when lifecycle_status = 'unknown' then left(state_code, 50) end as value
    from accounts
    where operation is null

),

customers_left_active as (

    select
        source_key,
        'customer_left_active' as broken_rule,
        'statecode' as field,
        lifecycle_status as value
    from accounts
    where operation is null and is_our_customer and customer_on_hold_status <> 'All'

),

by_record as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from checked
    left join company_setup on company_setup.company = checked.company
    left join known_currencies on known_currencies.currency_code = checked.currency_code
    cross join lateral (
        select 'account_number_unassigned', 'accountnumber', '', checked.account_number is null
        union all select 'account_number_shared', 'accountnumber', checked.number_spellings, checked.is_number_shared
        union all select
            'account_number_too_long', 'accountnumber', checked.account_number,
            {{ is_longer('checked.account_number', 20) }}
        union all select 'account_name_blank', 'name', '', checked.account_name is null
        union all select
            'account_name_too_long', 'name', {{ utf16_length('checked.account_name') }}::text,
            {{ is_longer('checked.account_name', 100) }}
        union all select 'currency_blank', 'transactioncurrencyid', '', checked.currency_code is null
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
        union all select 'site_missing', 'company', {{ literal(var('site_id')) }}, not company_setup.has_site
        union all select
            'warehouse_missing', 'company', {{ literal(var('warehouse_id')) }},
            not company_setup.has_warehouse
        union all select
            'customer_on_hold', 'statecode', checked.customer_on_hold_status,
            {{ literal(var('account_deactivation')) }} = 'on_hold' and not checked.is_our_customer
            and checked.customer_on_hold_status <> 'No'
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken

),

by_address as (

    {{ address_rules('addresses', {'address1_': '', 'address2_': 'delivery_'}) }}

),

too_long as (

    {{ too_long('checked', [
        ['telephone1', 'phone', 255], ['fax', 'fax', 255], ['emailaddress1', 'email', 255],
        ['websiteurl', 'web_site', 255], ['primarytwitterid', 'twitter', 255],
    ]) }}

),

address_too_long as (

    {{ too_long('addresses', [
        ['address1_line1', 'street', 250], ['address1_city', 'city', 60], ['address1_postalcode', 'postal_code', 10],
        ['address2_line1', 'delivery_street', 250], ['address2_city', 'delivery_city', 60],
        ['address2_postalcode', 'delivery_postal_code', 10],
    ]) }}

),

bad_values as (

    {{ bad_values('checked') }}

),

similar_customers as (

    select
        checked.source_key,
        'customer_similar' as broken_rule,
        'name' as field,
        min(others.customer_account) as value
    from checked
    inner join addresses on addresses.source_key = checked.source_key
    inner join {{ ref('stg_finops__customers_v3') }} as others
        on others.company = checked.company
        and {{ folded('others.organization_name') }} = {{ folded('checked.account_name') }}
        and {{ folded('others.city') }} = {{ folded('addresses.city') }}
    where
        not others.is_deleted and not others.is_externally_maintained
        and {{ key_fold('others.customer_account') }} <> {{ key_fold('checked.account_number') }}
    group by checked.source_key

),

quarantined as (

    {{ quarantined('sales', 'accounts') }}

)

{{ violations(
    'accounts',
    [
        'by_lifecycle_status', 'customers_left_active', 'by_record', 'by_address', 'too_long', 'address_too_long',
        'bad_values', 'similar_customers', 'quarantined',
    ],
    records='accounts',
    record='records.record'
) }}
