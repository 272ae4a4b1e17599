with checked as (

    select * from {{ ref('canonical_quotes') }} where operation = 'upsert'

),

known_currencies as (

    {{ finops_currencies() }}

),

sites as (

    select distinct company from {{ ref('stg_finops__operational_sites') }}
    where not is_deleted and {{ key_fold('site_id') }} = {{ key_fold(literal(var('quote_site_id'))) }}

),

warehouses as (

    select distinct company from {{ ref('stg_finops__warehouses') }}
    where
        not is_deleted and {{ key_fold('warehouse_id') }} = {{ key_fold(literal(var('quote_warehouse_id'))) }}
        and (
            {{ literal(var('quote_site_id')) }} = '' or site_id is null
            or {{ key_fold('site_id') }} = {{ key_fold(literal(var('quote_site_id'))) }}
        )

),

line_totals as (

    select
        quote_key,
        sum(net_amount) as net_amount,
        count(*) as line_count
    from {{ ref('canonical_quote_lines') }}
    group by quote_key

),

by_document as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from checked
    inner join {{ ref('canonical_quote_addresses') }} as addresses on addresses.source_key = checked.quote_id
    left join known_currencies on known_currencies.currency_code = checked.currency_code
    left join sites on sites.company = checked.company
    left join warehouses on warehouses.company = checked.company
    left join line_totals on line_totals.quote_key = checked.source_key
    cross join lateral (
        select 'quote_number_blank', 'quotenumber', '', checked.quote_number is null
        union all select 'quote_number_too_long', 'quotenumber', checked.quote_number,
            {{ is_longer('checked.quote_number', 20) }}
        union all select 'quote_number_shared', 'quotenumber', checked.number_spellings, checked.is_number_shared
        union all select 'quote_customer_blank', 'customerid', '', checked.customer_id is null
        union all select
            'quote_customer_unknown', 'customerid', checked.customer_id,
            checked.customer_id is not null and checked.customer_reference is null
            and not checked.is_customer_ambiguous
        union all select
            'quote_customer_ambiguous', 'customerid', checked.customer_id, checked.is_customer_ambiguous
        union all select
            'quote_company_unknown', 'customerid', checked.customer_number,
            checked.customer_reference is not null and checked.company is null
        union all select 'currency_blank', 'transactioncurrencyid', '', checked.currency_code is null
        union all select
            'currency_missing', 'transactioncurrencyid', checked.currency_code,
            checked.currency_code is not null and known_currencies.currency_code is null
        union all select 'quote_date_blank', 'requestdeliveryby', '', checked.ships_on is null
        union all select
            'quote_date_out_of_range', 'requestdeliveryby', checked.ships_on::text,
            checked.ships_on > date '2154-12-31'
        union all select
            'date_zone_uncertain', 'requestdeliveryby', {{ utc_text('checked.requested_at') }},
            checked.is_date_uncertain
        union all select
            'quote_country_blank', 'shipto_country', '',
            addresses.country_text is null and addresses.country_iso2 is null
            and (
                not addresses.is_address_blank
                or {{ literal(choice('quote_blank_ship_to', ['hold', 'customer_address'])) }} = 'hold'
            )
        union all select
            'site_missing', 'company', {{ literal(var('quote_site_id')) }},
            {{ literal(var('quote_site_id')) }} <> '' and checked.company is not null and sites.company is null
        union all select
            'warehouse_missing', 'company', {{ literal(var('quote_warehouse_id')) }},
            {{ literal(var('quote_warehouse_id')) }} <> '' and checked.company is not null
            and warehouses.company is null
        union all select 'quote_without_lines', '', '', line_totals.quote_key is null
        union all select
            'quote_total_differs', 'totallineitemamount',
            trim_scale(checked.line_total_amount) || ' against ' || trim_scale(round(line_totals.net_amount, 2)),
            {{ literal(choice('quote_total_check', ['hold', 'off'])) }} = 'hold'
            and round(checked.line_total_amount, 2) <> round(line_totals.net_amount, 2)
        union all select 'quote_header_amounts', 'discountamount', '', checked.has_header_amounts
        union all select
            'quote_name_cut', 'name', {{ utf16_length('checked.quote_name') }}::text,
            {{ is_longer('checked.quote_name', 100) }}
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken

)

{{ broken(['by_document']) }}
