-- once Sales shows that the product is on its new list, in its new unit
select
    items.record_key as source_key,
    products.source_key as product_key,
    products.product_number,
    products.owner_key,
    items.unit_id,
    items.price_list_id
from {{ ref('canonical_products') }} as products
inner join {{ ref('stg_sync__identities') }} as items
    on items.entity = 'productpricelevels' and items.priced_product_key = products.source_key
    and items.record_key <> products.price_item_key
inner join {{ ref('stg_sales__products') }} as sales_products
    on sales_products.source_key = products.sales_product_id and not sales_products.is_deleted
    and (sales_products.price_list_id, sales_products.unit_id) = (products.price_list_id, products.unit_id)
where products.operation in ('upsert', 'price') and products.is_price_source
