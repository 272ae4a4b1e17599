with products as (

    select * from {{ ref('canonical_products') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_products') }} where effect in ('block', 'exclude')

),

priced as (

    select * from products
    where
        operation in ('upsert', 'price') and is_price_source
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = products.source_key)

),

bodies as materialized (

    select
        price_item_key as source_key,
        source_key as product_key,
        product_number,
        owner_key,
        unit_id,
        price_list_id,
        'upsert' as operation,
        jsonb_build_object(
            'productid@odata.bind', '/products(@{products:' || owner_key || '})',
            'uomid@odata.bind', '/uoms(' || unit_id || ')',
            'pricelevelid@odata.bind', '/pricelevels(' || price_list_id || ')',
            'pricingmethodcode', 1,
            'amount', price_amount
        ) as body
    from priced
    union all
    select
        source_key,
        product_key,
        product_number,
        owner_key,
        unit_id,
        price_list_id,
        'remove' as operation,
        '{}'::jsonb as body
    from {{ ref('canonical_left_price_items') }} as left_items
    where
        {{ literal(choice('price_item_old', ['keep', 'delete'])) }} = 'delete'
        and exists (select 1 from priced where priced.source_key = left_items.product_key)

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
    product_key as document,
    2 as ordinal,
    operation,
    null::text as if_match,
    null::text as locked
from bodies
