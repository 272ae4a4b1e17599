with quotes as (

    select * from {{ ref('canonical_quotes') }}

),

-- whose contents count: documents that are to be sent
checked as (

    select * from quotes where operation = 'upsert'

),

lines as (

    select * from {{ ref('canonical_quote_lines') }}

),

rules as (

    select * from {{ ref('rules') }} where flow = 'quotes'

),

known_currencies as (

    select currency_code from {{ ref('stg_finops__currencies') }} where not is_deleted

),

sites as (

    select distinct company from {{ ref('stg_finops__operational_sites') }}
    where not is_deleted and lower(site_id) = lower({{ literal(var('quote_site_id')) }})

),

warehouses as (

    select distinct company from {{ ref('stg_finops__warehouses') }}
    where
        not is_deleted and lower(warehouse_id) = lower({{ literal(var('quote_warehouse_id')) }})
        and (
            {{ literal(var('quote_site_id')) }} = '' or site_id is null
            or lower(site_id) = lower({{ literal(var('quote_site_id')) }})
        )

),

line_totals as (

    select
        quote_key,
        sum(net_amount) as net_amount,
        count(*) as line_count
    from lines
    group by quote_key

),

quotation_totals as (

    select
        company,
        lower(quotation_number) as folded_number,
        line_number,
        line_amount,
        observed_at
    from {{ ref('stg_finops__cds_sales_quotation_lines') }}
    where not is_deleted

),

by_fate as (

    select
        source_key,
        case fate
            when 'deleted' then 'quote_deleted'
            when 'draft' then 'quote_draft'
            when 'won' then 'quote_won'
            when 'revised' then 'quote_being_revised'
            when 'canceled' then 'quote_canceled'
            when 'lost' then 'quote_lost'
        end as broken_rule,
        '' as field,
        '' as value
    from quotes
    where operation is null

),

left_open as (

    select
        source_key,
        'quotation_left_open' as broken_rule,
        'statecode' as field,
        fate as value
    from quotes
    where operation is null and fate in ('deleted', 'lost', 'canceled') and quotation_status in ('Created', 'Sent')

),

by_document as (

    select
        checked.source_key,
        broken.broken_rule,
        broken.field,
        coalesce(broken.value, '') as value
    from checked
    left join known_currencies on known_currencies.currency_code = checked.currency_code
    left join sites on sites.company = checked.company
    left join warehouses on warehouses.company = checked.company
    left join line_totals on line_totals.quote_key = checked.source_key
    cross join lateral (
        select 'quote_number_blank', 'quotenumber', '', checked.quote_number is null
        union all select 'quote_number_too_long', 'quotenumber', checked.quote_number, length(checked.quote_number) > 20
        union all select 'quote_number_shared', 'quotenumber', checked.quote_number, checked.is_number_shared
        union all select 'quote_customer_blank', 'customerid', '', checked.customer_id is null
        union all select
            'quote_customer_unknown', 'customerid', checked.customer_id,
            checked.customer_id is not null and checked.customer_reference is null
        union all select
            'quote_company_unknown', 'customerid', checked.customer_number,
            checked.customer_reference is not null and checked.company is null
        union all select 'currency_blank', 'transactioncurrencyid', '', checked.currency_code is null
        union all select
            'currency_missing', 'transactioncurrencyid', checked.currency_code,
            checked.currency_code is not null and known_currencies.currency_code is null
        union all select 'quote_date_blank', 'requestdeliveryby', '', checked.ships_on is null
        union all select
            'quote_country_blank', 'shipto_country', '',
            checked.country_text is null and checked.country_iso2 is null
            and (
                not checked.is_ship_to_blank
                or {{ literal(var('quote_blank_ship_to')) }} = 'hold'
            )
        union all select
            'country_unmapped', 'shipto_country', checked.country_text,
            checked.country_text is not null and checked.country_iso2 is null
        union all select
            'state_unmapped', 'shipto_stateorprovince', checked.state_text,
            checked.state_text is not null and checked.state_id is null and checked.has_states
        union all select
            'state_not_sent', 'shipto_stateorprovince', checked.state_text,
            checked.state_text is not null and checked.country_iso2 is not null and not checked.has_states
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
        union all select 'quote_name_cut', 'name', '', length(checked.quote_name) > 100
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken

),

by_line as (

    select
        lines.quote_key as source_key,
        broken.broken_rule,
        'line ' || lines.line_number || case when broken.detail = '' then '' else ' ' || broken.detail end as field,
        coalesce(broken.value, '') as value
    from lines
    cross join lateral (
        select 'quote_line_write_in', '', lines.write_in_name, lines.is_write_in
        union all select
            'quote_line_product_blank', '', '',
            not lines.is_write_in and lines.sales_product_number is null
        union all select 'quote_line_bundle', '', lines.product_type::text, lines.product_type <> 1
        union all select
            'quote_line_product_foreign', '', lines.sales_product_number,
            not lines.is_write_in and lines.sales_product_number is not null and not lines.is_externally_maintained
        union all select
            'quote_line_product_not_released', '', lines.sales_product_number,
            not lines.is_write_in and lines.is_externally_maintained and lines.product_number is null
            and lines.company is not null
        union all select
            'quote_line_unit_unmapped', '', lines.unit_name,
            lines.unit_symbol is null and not lines.is_write_in
        union all select 'quote_line_quantity', '', trim_scale(lines.quantity)::text, coalesce(lines.quantity, 0) <= 0
        union all select
            'quote_line_quantity_decimals', '', trim_scale(lines.quantity)::text,
            lines.quantity > 0 and scale(trim_scale(lines.quantity)) > lines.quantity_decimals
        union all select 'quote_line_price', '', trim_scale(lines.unit_price_amount)::text, lines.unit_price_amount < 0
        union all select
            'quote_line_amount_unexplained', '',
            trim_scale(round(lines.net_amount, 2)) || ' against ' || trim_scale(lines.expected_amount),
            {{ literal(var('quote_total_check')) }} = 'hold' and abs(lines.net_amount - lines.expected_amount) > 0.02
        union all select
            'quote_line_number_shared', lines.quotedetail_id, lines.line_number::text,
            lines.is_number_shared
    ) as broken (broken_rule, detail, value, is_broken)
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
        select 'shipto_name', checked.ship_to_name, 100, not checked.is_ship_to_blank
        union all select 'shipto_line1', checked.street, 250, true
        union all select 'shipto_city', checked.city, 60, true
        union all select 'shipto_postalcode', checked.postal_code, 10, true
    ) as measured (field, said, longest, is_sent)
    where measured.is_sent and length(measured.said) > measured.longest

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
    union all
    select
        lines.quote_key as source_key,
        'value_unreadable' as broken_rule,
        'line ' || lines.line_number || ' ' || bad.field as field,
        bad.said as value
    from lines
    cross join lateral jsonb_each_text(lines.unreadable) as bad (field, said)
    where lines.unreadable is not null

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
    union all
    select
        lines.quote_key as source_key,
        'own_field_unmapped' as broken_rule,
        'line ' || lines.line_number || ' ' || bad.field as field,
        bad.said as value
    from lines
    cross join lateral jsonb_each_text(lines.own_unmapped) as bad (field, said)
    where lines.own_unmapped is not null

),

-- when Sales was last seen to say something else: a quotation line that was seen before that is not comparable
said_at as (

    select
        quotes.source_key,
        greatest(max(revisions.observed_at), max(lines.observed_at)) as observed_at
    from quotes
    inner join {{ ref('stg_sales__quotes') }} as revisions on revisions.source_key = quotes.quote_id
    left join {{ ref('stg_sales__quotedetails') }} as lines on lines.quote_id = quotes.quote_id
    group by quotes.source_key

),

-- lines that somebody added to the quotation in Finance and Operations
strange_lines as (

    select
        checked.source_key,
        'quotation_line_unknown' as broken_rule,
        'line ' || quotation_totals.line_number as field,
        '' as value
    from checked
    inner join said_at on said_at.source_key = checked.source_key
    inner join quotation_totals
        on quotation_totals.company = checked.company and quotation_totals.folded_number = checked.source_key
        and quotation_totals.observed_at > said_at.observed_at
    where not exists (
        select 1 from lines
        where lines.quote_key = checked.source_key and lines.line_number = quotation_totals.line_number
    )

),

-- the amount of a delivered line as Finance and Operations computed it
amounts as (

    select
        checked.source_key,
        'line_amount_differs' as broken_rule,
        'line ' || lines.line_number as field,
        trim_scale(quotation_totals.line_amount) || ' against ' || trim_scale(round(lines.net_amount, 2)) as value
    from checked
    inner join lines on lines.quote_key = checked.source_key
    inner join quotation_totals
        on quotation_totals.company = checked.company and quotation_totals.folded_number = checked.source_key
        and quotation_totals.line_number = lines.line_number
    inner join said_at
        on said_at.source_key = checked.source_key and quotation_totals.observed_at > said_at.observed_at
    where round(quotation_totals.line_amount, 2) <> round(lines.net_amount, 2)

),

poison as (

    select
        coalesce(lower(quotes_said.quote_number), lines_said.quote_number, quarantine.key) as source_key,
        'payload_unreadable' as broken_rule,
        case
            when quarantine.entity = 'quotedetails'
                then btrim('line ' || quarantine.key || ' ' || coalesce(quarantine.field, ''))
            else coalesce(quarantine.field, '')
        end as field,
        quarantine.reason as value
    from {{ source('landing', 'quarantine') }} as quarantine
    left join {{ ref('stg_sales__quotes') }} as quotes_said
        on quarantine.entity = 'quotes' and quotes_said.source_key = quarantine.key
    left join (
        select
            lines.source_key,
            lower(quotes_of_lines.quote_number) as quote_number
        from {{ ref('stg_sales__quotedetails') }} as lines
        inner join {{ ref('stg_sales__quotes') }} as quotes_of_lines on quotes_of_lines.source_key = lines.quote_id
    ) as lines_said
        on quarantine.entity = 'quotedetails' and lines_said.source_key = quarantine.key
    where
        quarantine.env_id = {{ literal(var('sales_env_id')) }}
        and quarantine.system = 'sales' and quarantine.entity in ('quotes', 'quotedetails')
        and quarantine.resolved_at is null

),

broken as (

    select * from by_fate
    union all
    select * from left_open
    union all
    select * from by_document
    union all
    select * from by_line
    union all
    select * from too_long
    union all
    select * from unreadable
    union all
    select * from own_unmapped
    union all
    select * from amounts
    union all
    select * from strange_lines
    union all
    select * from poison

)

select
    broken.source_key,
    coalesce(quotes.quote_number, broken.source_key) as record,
    coalesce(quotes.company, '') as company,
    broken.broken_rule,
    rules.effect,
    broken.field,
    broken.value
from broken
left join quotes on quotes.source_key = broken.source_key
left join rules on rules.rule = broken.broken_rule
