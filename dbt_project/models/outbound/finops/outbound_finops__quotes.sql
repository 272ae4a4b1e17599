with quotes as (

    select *, {{ row_age() }} from {{ ref('canonical_quotes') }} where operation is not null

),

addresses as (

    select *, {{ row_age() }} from {{ ref('canonical_quote_addresses') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_quotes') }} where effect in ('block', 'exclude')

),

products as (

    select
        quote_key,
        array_agg(distinct 'products:' || product_key order by 'products:' || product_key) as requires
    from {{ ref('canonical_quote_lines') }}
    where product_key is not null
    group by quote_key

),

-- materialized, because Postgres would inline this and build every body twice: for itself and for its hash
bodies as materialized (

    select
        quotes.source_key,
        quotes.quote_number,
        quotes.company,
        quotes.operation,
        quotes.locked,
        array[quotes.customer_reference] || coalesce(products.requires, '{}') as requires,
        case
            when {{ is_unchanged('quotes', also=['addresses']) }} then null::jsonb
            when quotes.operation = 'remove' then '{}'::jsonb
            else jsonb_build_object(
                'RequestingCustomerAccountNumber', quotes.customer_number,
                'CurrencyCode', quotes.currency_code,
                'SalesQuotationName', {{ utf16_left('quotes.quote_name', 100) }},
                'Email', quotes.email,
                'RequestedShippingDate', to_char(quotes.ships_on, 'YYYY-MM-DD"T12:00:00Z"'),
                {%- if var('quote_site_id') %}
                'DefaultShippingSiteId', {{ literal(var('quote_site_id')) }},
                {%- endif %}
                {%- if var('quote_warehouse_id') %}
                'DefaultShippingWarehouseId', {{ literal(var('quote_warehouse_id')) }},
                {%- endif %}
                'block:ship_to', jsonb_build_object(
                    'IsDeliveryAddressOrderSpecific', case when addresses.is_address_blank then 'No' else 'Yes' end,
                    'DeliveryAddressName', case when not addresses.is_address_blank then quotes.ship_to_name end
                ) || {{ address_block(
                    'addresses', 'DeliveryAddress', var('quote_address_description'), ids=true, county=false,
                    filled='not addresses.is_address_blank'
                ) }}
            ) || coalesce(quotes.own_fields, '{}')
        end as body
    from quotes
    inner join addresses on addresses.source_key = quotes.quote_id
    left join products on products.quote_key = quotes.source_key
    where not exists (select 1 from held_or_excluded where held_or_excluded.source_key = quotes.source_key)

)

select
    source_key,
    quote_number as record,
    company,
    jsonb_build_object('dataAreaId', company, 'SalesQuotationNumber', quote_number) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    requires,
    source_key as document,
    1 as ordinal,
    operation,
    null::text as if_match,
    locked
from bodies
