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
        products.owner_key,
        products.unit_id,
        products.price_list_id,
        jsonb_build_object(
            'productid@odata.bind', '/products(@{products:' || products.owner_key || '})',
            'uomid@odata.bind', '/uoms(' || products.unit_id || ')',
            'pricelevelid@odata.bind', '/pricelevels(' || products.price_list_id || ')',
            'pricingmethodcode', 1,
            'amount', products.price_amount
        ) as body
    from products
    where
        products.operation in ('upsert', 'price') and products.is_price_source
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = products.source_key)

)

select
    source_key,
    product_number as record,
    '' as company,
    jsonb_build_object(
        '_productid_value', '@{products:' || owner_key || '}',
        '_uomid_value', unit_id,
        '_pricelevelid_value', price_list_id
    ) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    array['products:' || owner_key] as requires,
    source_key as document,
    2 as ordinal,
    'upsert' as operation,
    null::text as if_match,
    null::text as locked
from bodies
