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
        products.sales_product_id,
        products.operation,
        case
            when products.operation = 'retire' then jsonb_build_object('statecode', 1, 'statuscode', 2)
            else jsonb_build_object('statecode', 0, 'statuscode', 1)
        end as body
    from products
    where
        (
            products.operation = 'retire'
            {%- if var('product_activation') %}
            or (products.operation = 'upsert' and not products.is_active_in_sales)
            {%- endif %}
        )
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = products.source_key)

)

select
    source_key,
    product_number as record,
    '' as company,
    -- retired by id: a product created by hand in Sales is not found by the key that we would have given it
    case
        when operation = 'retire' then jsonb_build_object('productid', sales_product_id)
        else jsonb_build_object('productnumber', delivered_number)
    end as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    case when operation = 'retire' then '{}' else array['product_price_lists:' || source_key] end as requires,
    source_key as document,
    4 as ordinal,
    case when operation = 'retire' then 'deactivate' else 'upsert' end as operation,
    null::text as if_match,
    null::text as locked
from bodies
