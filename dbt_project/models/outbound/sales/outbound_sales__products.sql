with products as (

    select * from {{ ref('canonical_products') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_products') }} where effect in ('block', 'exclude')

),

bodies as materialized (

    select
        products.source_key,
        products.product_number,
        products.delivered_number,
        jsonb_build_object(
            'productnumber', products.product_number,
            'name', products.product_name,
            'description', products.product_description,
            'productstructure', 1,
            'producttypecode', products.product_type_code,
            'quantitydecimal', products.quantity_decimals,
            'price', products.price_amount,
            'currentcost', products.unit_cost_amount,
            'defaultuomscheduleid@odata.bind', '/uomschedules(' || products.unit_group_id || ')',
            'defaultuomid@odata.bind', '/uoms(' || products.unit_id || ')',
            'transactioncurrencyid@odata.bind', '/transactioncurrencies(' || products.currency_id || ')'
        ) || coalesce(products.own_fields, '{}') as body
    from products
    where
        products.operation = 'upsert'
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = products.source_key)

)

select
    source_key,
    product_number as record,
    '' as company,
    jsonb_build_object('productnumber', delivered_number) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    '{}'::text[] as requires,
    source_key as document,
    1 as ordinal,
    'upsert' as operation,
    null::text as if_match,
    null::text as locked
from bodies
