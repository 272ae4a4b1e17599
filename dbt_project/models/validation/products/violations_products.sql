with products as (

    select * from {{ ref('canonical_products') }}

),

percentage_prices as (

    select distinct
        product_id,
        unit_id,
        price_list_id
    from {{ ref('stg_sales__productpricelevels') }}
    where not is_amount and not is_deleted

),

by_lifecycle_status as (

    select
        source_key,
        case
            when operation is null and lifecycle_status = 'stopped' then 'product_stopped'
            when operation is null then 'product_gone'
            when lifecycle_status = 'vanished' then 'product_vanished'
        end as broken_rule,
        '' as field,
        case when operation is null then company else {{ literal(var('product_retire_after_reads')) }} end as value
    from products
    where operation is null or lifecycle_status = 'vanished'

),

-- records whose price goes on a price list: the master company's, and those of other companies
by_price as (

    select
        products.source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from products
    left join percentage_prices
        on percentage_prices.product_id = products.sales_product_id
        and percentage_prices.unit_id = products.unit_id
        and percentage_prices.price_list_id = products.price_list_id
    cross join lateral (
        select 'product_number_blank', 'ProductNumber', '', products.product_number is null
        union all select
            'product_not_in_master', 'dataAreaId', products.master_company,
            products.operation = 'price' and products.owner_key is null
        union all select
            'price_of_other_company', 'CurrencyCode', products.currency_code,
            products.operation = 'price' and not products.is_price_source and products.price_list_id is not null
        union all select 'currency_missing', 'CurrencyCode', products.currency_code, products.currency_id is null
        union all select
            'price_list_missing', 'CurrencyCode', products.currency_code,
            products.currency_id is not null and products.price_list_id is null
        union all select
            'price_list_inactive', 'CurrencyCode', products.currency_code, products.is_price_list_inactive
        union all select
            'price_list_kept', 'CurrencyCode', products.other_price_list_name,
            products.other_price_list_name is not null and not products.is_price_list_inactive
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
            'price_becomes_zero', 'SalesPrice', trim_scale(products.sales_price_amount)::text,
            products.price_amount = 0 and products.sales_price_amount <> 0
        union all select
            'price_out_of_range', 'SalesPrice', products.price_amount::text,
            products.price_amount not between 0 and 1000000000000
        union all select 'price_method_replaced', 'SalesPrice', '', percentage_prices.product_id is not null
    ) as broken (broken_rule, field, value, is_broken)
    where products.operation in ('upsert', 'price') and broken.is_broken

),

-- records that are written to the product in Sales
by_product as (

    select
        products.source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from products
    cross join lateral (
        select 'product_name_blank', 'ProductName', '', products.product_name is null
        union all select
            'product_number_shared', 'ProductNumber', products.number_spellings, products.is_number_shared
        union all select
            'product_name_too_long', 'ProductName', {{ utf16_length('products.product_name') }}::text,
            {{ is_longer('products.product_name', 100) }}
        union all select 'value_too_long', 'ProductNumber', '100', {{ is_longer('products.product_number', 100) }}
        union all select 'value_too_long', 'ProductDescription', '2000',
            {{ is_longer('products.product_description', 2000) }}
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

by_structure as (

    select
        source_key,
        case when is_plain_in_sales then 'product_under_revision' else 'product_in_family' end as broken_rule,
        'ProductNumber' as field,
        product_number as value
    from products
    where operation in ('upsert', 'retire') and (is_under_revision_in_sales or not is_plain_in_sales)

),

-- own fields are the product's, not the price's
bad_values as (

    select *
    from ({{ bad_values('products', own_unmapped="case when operation = 'upsert' then own_unmapped end") }}) as bad
    where source_key in (select source_key from products where operation in ('upsert', 'price'))

),

quarantined as (

    {{ quarantined('finops', 'SellableReleasedProducts') }}

)

{{ violations(
    'products',
    ['by_lifecycle_status', 'by_price', 'by_product', 'by_structure', 'bad_values', 'quarantined'],
    records='products',
    record='records.record'
) }}
