with headers as (

    select * from {{ ref('outbound_finops__quotes') }} where operation = 'upsert'

),

lines as (

    select *, {{ row_age() }} from {{ ref('canonical_quote_lines') }}

),

-- materialized, because Postgres would inline this and build every body twice: for itself and for its hash
bodies as materialized (

    select
        lines.source_key,
        lines.quote_key,
        lines.quote_number,
        lines.company,
        lines.line_number,
        headers.locked,
        case when not {{ is_unchanged('lines') }} then jsonb_build_object(
            'ProductNumber', lines.product_number,
            'RequestedSalesQuantity', trim_scale(lines.quantity),
            'SalesUnitSymbol', lines.unit_symbol,
            {%- if var('send_sales_price') %}
            'SalesPrice', trim_scale(lines.unit_price_amount),
            'SalesPriceQuantity', 1,
            {%- endif %}
            'LineDiscountAmount', trim_scale(lines.unit_discount_amount),
            {%- if choice('line_discount', ['per_unit', 'line_item']) == 'line_item' %}
            'FixedPriceCharges', trim_scale(lines.charge_amount),
            {%- endif %}
            {%- if var('quote_site_id') %}
            'ShippingSiteId', {{ literal(var('quote_site_id')) }},
            {%- endif %}
            {%- if var('quote_warehouse_id') %}
            'ShippingWarehouseId', {{ literal(var('quote_warehouse_id')) }},
            {%- endif %}
            'RequestedShippingDate', to_char(lines.ships_on, 'YYYY-MM-DD"T12:00:00Z"')
        ) || coalesce(lines.own_fields, '{}') end as body
    from lines
    inner join headers on headers.source_key = lines.quote_key

)

select
    source_key,
    quote_number || ' line ' || line_number as record,
    company,
    jsonb_build_object(
        'dataAreaId', company, 'SalesQuotationNumber', quote_number, 'LineCreationSequenceNumber', line_number
    ) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    array['quotes:' || quote_key] as requires,
    quote_key as document,
    2 as ordinal,
    'upsert' as operation,
    null::text as if_match,
    locked
from bodies
