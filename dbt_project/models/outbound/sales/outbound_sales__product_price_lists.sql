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
        products.price_item_key,
        jsonb_build_object(
            'pricelevelid@odata.bind', '/pricelevels(' || products.price_list_id || ')'
        ) as body
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
    array['product_prices:' || price_item_key] as requires,
    source_key as document,
    3 as ordinal,
    'upsert' as operation,
    null::text as if_match,
    null::text as locked
from bodies
