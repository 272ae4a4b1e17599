with products as (

    select * from {{ ref('canonical_products') }}

),

rules as (

    select * from {{ ref('rules') }} where flow = 'products'

),

percentages as (

    select
        product_id,
        unit_id,
        price_list_id
    from {{ ref('stg_sales__productpricelevels') }}
    where not is_amount and not is_deleted

),

by_fate as (

    select
        source_key,
        case
            when operation is null and fate = 'stopped' then 'product_stopped'
            when operation is null then 'product_gone'
            else 'product_vanished'
        end as broken_rule,
        '' as field,
        case when operation is null then company else {{ literal(var('product_retire_after_reads')) }} end as value
    from products
    where operation is null or fate = 'vanished'

),

-- whose price is to be on a list: the product itself, and the other companies' prices
priced as (

    select
        products.source_key,
        broken.broken_rule,
        broken.field,
        coalesce(broken.value, '') as value
    from products
    left join percentages
        on percentages.product_id = products.sales_product_id
        and percentages.unit_id = products.unit_id
        and percentages.price_list_id = products.price_list_id
    cross join lateral (
        select
            'product_not_in_master', 'dataAreaId', products.master_company,
            products.operation = 'price' and products.owner_key is null
        union all select
            'price_of_other_company', 'CurrencyCode', products.currency_code,
            products.operation = 'price' and not products.is_price_ruling and products.price_list_id is not null
        union all select 'currency_missing', 'CurrencyCode', products.currency_code, products.currency_id is null
        union all select
            'price_list_missing', 'CurrencyCode', products.currency_code,
            products.currency_id is not null and products.price_list_id is null
        union all select 'unit_blank', 'SalesUnitSymbol', '', products.unit_symbol is null
        union all select
            'unit_group_missing', 'SalesUnitSymbol', products.unit_group_name,
            products.unit_group_id is null
        union all select
            'unit_missing', 'SalesUnitSymbol', products.unit_name,
            products.unit_symbol is not null and products.unit_group_id is not null and products.unit_id is null
        union all select
            'price_quantity_unknown', 'SalesPriceQuantity', products.price_quantity::text,
            products.sales_price_amount is not null and products.price_amount is null
        union all select
            'price_out_of_range', 'SalesPrice', products.price_amount::text,
            products.price_amount not between 0 and 1000000000000
        union all select 'price_method_replaced', 'SalesPrice', '', percentages.product_id is not null
    ) as broken (broken_rule, field, value, is_broken)
    where products.operation in ('upsert', 'price') and broken.is_broken

),

-- whose record in Sales is to change
written as (

    select
        products.source_key,
        broken.broken_rule,
        broken.field,
        coalesce(broken.value, '') as value
    from products
    cross join lateral (
        select 'product_name_blank', 'ProductName', '', products.product_name is null
        union all select
            'product_name_too_long', 'ProductName', length(products.product_name)::text,
            length(products.product_name) > 100
        union all select 'value_too_long', 'ProductDescription', '2000', length(products.product_description) > 2000
        union all select
            'product_type_unknown', 'ProductType', products.product_type,
            products.product_type_code is null
        union all select
            'decimals_out_of_range', 'SalesUnitDecimalPrecision', products.quantity_decimals::text,
            products.quantity_decimals not between 0 and 5
        union all select
            'price_out_of_range', 'UnitCost', products.unit_cost_amount::text,
            products.unit_cost_amount not between 0 and 1000000000000
        union all select
            'unit_group_changed', 'SalesUnitSymbol', products.unit_group_name,
            products.sales_unit_group_id <> products.unit_group_id
    ) as broken (broken_rule, field, value, is_broken)
    where products.operation = 'upsert' and broken.is_broken

),

structure as (

    select
        source_key,
        case when is_plain_in_sales then 'product_under_revision' else 'product_in_family' end as broken_rule,
        'ProductNumber' as field,
        product_number as value
    from products
    where operation in ('upsert', 'retire') and (is_under_revision_in_sales or not is_plain_in_sales)

),

unreadable as (

    select
        products.source_key,
        'value_unreadable' as broken_rule,
        bad.field,
        bad.said as value
    from products
    cross join lateral jsonb_each_text(products.unreadable) as bad (field, said)
    where products.operation in ('upsert', 'price') and products.unreadable is not null

),

own_unmapped as (

    select
        products.source_key,
        'own_field_unmapped' as broken_rule,
        bad.field,
        bad.said as value
    from products
    cross join lateral jsonb_each_text(products.own_unmapped) as bad (field, said)
    where products.operation = 'upsert' and products.own_unmapped is not null

),

poison as (

    select
        key as source_key,
        'payload_unreadable' as broken_rule,
        coalesce(field, '') as field,
        reason as value
    from {{ source('landing', 'quarantine') }}
    where
        env_id = {{ literal(var('finops_env_id')) }}
        and system = 'finops' and entity = 'SellableReleasedProducts' and resolved_at is null

),

broken as (

    select * from by_fate
    union all
    select * from priced
    union all
    select * from written
    union all
    select * from structure
    union all
    select * from unreadable
    union all
    select * from own_unmapped
    union all
    select * from poison

)

select
    broken.source_key,
    coalesce(products.product_number, broken.source_key) as record,
    coalesce(products.company, '') as company,
    broken.broken_rule,
    rules.effect,
    broken.field,
    broken.value
from broken
left join products on products.source_key = broken.source_key
left join rules on rules.rule = broken.broken_rule
