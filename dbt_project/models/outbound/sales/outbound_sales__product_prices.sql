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
    -- the item that a product has left, once Sales shows the new list and unit, by var price_item_old
    select
        items.record_key as source_key,
        priced.source_key as product_key,
        priced.product_number,
        priced.owner_key,
        items.unit_id,
        items.price_list_id,
        'remove' as operation,
        '{}'::jsonb as body
    from priced
    inner join {{ ref('stg_sync__identities') }} as items
        on items.entity = 'productpricelevels' and items.priced_product_key = priced.source_key
        and items.record_key <> priced.price_item_key
    inner join {{ ref('stg_sales__products') }} as sales_products
        on sales_products.source_key = priced.sales_product_id and not sales_products.is_deleted
        and (sales_products.price_list_id, sales_products.unit_id) = (priced.price_list_id, priced.unit_id)
    where {{ literal(choice('price_item_old', ['keep', 'delete'])) }} = 'delete'

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
