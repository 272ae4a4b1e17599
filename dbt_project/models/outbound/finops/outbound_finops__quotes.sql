with quotes as (

    select *, {{ row_age() }} from {{ ref('canonical_quotes') }} where operation is not null

),

kept_back as (

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

-- materialized: inlined, every body would be built twice, once more for its hash
bodies as materialized (

    select
        quotes.source_key,
        quotes.quote_number,
        quotes.company,
        quotes.operation,
        quotes.locked,
        array[quotes.customer_reference] || coalesce(products.requires, '{}') as requires,
        case
            when {{ is_unchanged('quotes') }} then null::jsonb
            when quotes.operation = 'remove' then '{}'::jsonb
            else jsonb_build_object(
                'RequestingCustomerAccountNumber', quotes.customer_number,
                'CurrencyCode', quotes.currency_code,
                'SalesQuotationName', left(quotes.quote_name, 100),
                'Email', quotes.email,
                'RequestedShippingDate', to_char(quotes.ships_on, 'YYYY-MM-DD"T12:00:00Z"'),
                'DefaultShippingSiteId', nullif({{ literal(var('quote_site_id')) }}, ''),
                'DefaultShippingWarehouseId', nullif({{ literal(var('quote_warehouse_id')) }}, ''),
                'block:ship_to', jsonb_build_object(
                    'IsDeliveryAddressOrderSpecific', case when quotes.is_ship_to_blank then 'No' else 'Yes' end,
                    'DeliveryAddressName', case when not quotes.is_ship_to_blank then quotes.ship_to_name end,
                    'DeliveryAddressDescription', case
                        when not quotes.is_ship_to_blank then {{ literal(var('quote_address_description')) }}
                    end,
                    'DeliveryAddressStreet', quotes.street,
                    'DeliveryAddressCity', quotes.city,
                    'DeliveryAddressStateId', quotes.state_id,
                    'DeliveryAddressZipCode', quotes.postal_code,
                    'DeliveryAddressCountryRegionISOCode', quotes.country_iso2
                )
            ) || coalesce(quotes.own_fields, '{}')
        end as body
    from quotes
    left join products on products.quote_key = quotes.source_key
    where not exists (select 1 from kept_back where kept_back.source_key = quotes.source_key)

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
