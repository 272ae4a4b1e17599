with lines as (

    select * from {{ ref('canonical_quote_lines') }}

),

by_line as (

    select
        lines.quote_key as source_key,
        broken.broken_rule,
        'line ' || lines.line_number || case when broken.detail = '' then '' else ' ' || broken.detail end as field,
        broken.value
    from lines
    cross join lateral (
        select 'quote_line_write_in', '', lines.write_in_name, lines.is_write_in
        union all select
            'quote_line_product_blank', '', '',
            not lines.is_write_in and lines.sales_product_number is null and not lines.is_product_deleted
        union all select
            'quote_line_product_deleted', '', coalesce(lines.sales_product_number, ''),
            not lines.is_write_in and lines.is_product_deleted
        union all select
            'quote_line_product_discontinued', '', lines.sales_product_number,
            not lines.is_write_in and lines.is_product_discontinued and not lines.is_product_deleted
        union all select 'quote_line_bundle', '', lines.product_type::text, lines.product_type <> 1
        union all select
            'quote_line_product_foreign', '', lines.sales_product_number,
            not lines.is_write_in and lines.sales_product_number is not null and not lines.is_externally_maintained
            and not lines.is_product_discontinued and not lines.is_product_deleted
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
        union all select
            'quote_line_unpriced', '', lines.pricing_error_code::text,
            {{ 'lines.is_unpriced' if var('send_sales_price') else 'false' }} and not lines.is_write_in
        union all select
            'date_zone_uncertain', 'requestdeliveryby', {{ utc_text('lines.requested_at') }}, lines.is_date_uncertain
        union all select
            'quote_date_out_of_range', 'requestdeliveryby', lines.ships_on::text, lines.ships_on > date '2154-12-31'
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

bad_values as (

    {{ bad_values('lines', key='quote_key', line="'line ' || line_number || ' '", altered='null::jsonb') }}

)

{{ broken(['by_line', 'bad_values']) }}
