{%- set pin = literal(var('price_list_pin') | trim | lower) %}
with released as (

    select
        numbers.source_key,
        numbers.company,
        numbers.folded_number,
        released.currency_code,
        released.unit_symbol,
        {{ key_fold('released.unit_symbol') }} as folded_unit,
        released.decimals
    from {{ ref('canonical_product_numbers') }} as numbers
    inner join {{ ref('stg_finops__sellable_released_products') }} as released
        on released.source_key = numbers.released_key

),

items as (

    select distinct on (distinct_products.company, folded_number)
        distinct_products.company,
        {{ key_fold('distinct_products.product_number') }} as folded_number,
        released.price_quantity
    from {{ ref('stg_finops__cds_released_distinct_products') }} as distinct_products
    inner join {{ ref('stg_finops__released_products_v2') }} as released
        on released.company = distinct_products.company
        and {{ key_fold('released.item_number') }} = {{ key_fold('distinct_products.item_number') }}
    where not distinct_products.is_deleted and not released.is_deleted
    order by distinct_products.company, folded_number, distinct_products.source_key, released.source_key

),

unit_map as (

    select distinct on (folded_unit)
        {{ key_fold(clean('unit_symbol')) }} as folded_unit,
        {{ clean('sales_unit') }} as sales_unit,
        {{ clean('unit_group') }} as unit_group,
        decimals
    from {{ seed_rows('unit', ['unit_symbol']) }}
    order by folded_unit, unit_symbol, sales_unit

),

finops_units as (

    select distinct on (folded_unit)
        {{ key_fold('unit_symbol') }} as folded_unit,
        unit_description
    from {{ ref('stg_finops__units_of_measure') }}
    where not is_deleted
    order by folded_unit, unit_symbol, source_key

),

unit_groups as (

    select distinct on (folded_name)
        source_key as unit_group_id,
        {{ key_fold('unit_group_name') }} as folded_name
    from {{ ref('stg_sales__uomschedules') }}
    where is_active and not is_deleted
    order by folded_name, source_key

),

sales_units as (

    select distinct on (unit_group_id, folded_name)
        source_key as unit_id,
        unit_group_id,
        {{ key_fold('unit_name') }} as folded_name
    from {{ ref('stg_sales__uoms') }}
    where not is_deleted
    order by unit_group_id, folded_name, source_key

),

price_lists as (

    select
        source_key as price_list_id,
        currency_id,
        price_list_name,
        lower(price_list_name) collate "C" as folded_name,
        is_active
    from {{ ref('stg_sales__pricelevels') }}
    where not is_deleted and currency_id is not null

),

active_price_lists as (

    select * from price_lists where is_active

),

-- the default price list that Sales shows; of two products with one number, of the first
shown_price_lists as (

    select distinct on (product_number)
        product_number,
        price_list_id
    from {{ ref('stg_sales__products') }}
    where not is_deleted and product_number is not null
    order by product_number, source_key

),

-- of two currencies with one code, the one that has a price list
currencies as (

    select distinct on (currency_code)
        source_key as currency_id,
        currency_code
    from {{ ref('stg_sales__transactioncurrencies') }}
    where is_active and not is_deleted
    order by
        currency_code, source_key in (select currency_id from active_price_lists) desc, source_key

),

-- one price list per currency for products that have none yet: the pinned one, else the first by name
first_price_lists as (

    select distinct on (currency_id)
        currency_id,
        price_list_id,
        price_list_name,
        folded_name = {{ pin }} as is_pinned
    from active_price_lists
    where {{ pin }} = '' or exists (select 1 from active_price_lists as pinned where pinned.folded_name = {{ pin }})
    order by currency_id, folded_name = {{ pin }} desc, folded_name, price_list_id

),

-- a product stays on the list on which its price was delivered; after a pin has moved it, on the one that Sales shows
delivered_price_lists as (

    select distinct on (items.priced_product_key, price_lists.currency_id)
        items.priced_product_key as source_key,
        price_lists.currency_id,
        price_lists.price_list_id,
        price_lists.is_active
    from {{ ref('stg_sync__identities') }} as items
    inner join price_lists on price_lists.price_list_id = items.price_list_id
    left join {{ ref('stg_sync__identities') }} as products
        on products.entity = 'products' and products.record_key = items.priced_product_key
    left join shown_price_lists on shown_price_lists.product_number = products.product_number
    where items.entity = 'productpricelevels'
    order by
        items.priced_product_key, price_lists.currency_id,
        price_lists.price_list_id is not distinct from shown_price_lists.price_list_id desc,
        items.pinned_at desc, items.record_key

),

mapped as (

    select
        released.*,
        coalesce(unit_map.unit_group, {{ literal(var('unit_group')) }}) as unit_group_name,
        coalesce(unit_map.sales_unit, released.unit_symbol) as unit_name,
        unit_map.sales_unit is not null as is_unit_mapped,
        coalesce(unit_map.decimals, released.decimals, 0) as quantity_decimals
    from released
    left join unit_map on unit_map.folded_unit = released.folded_unit

)

select
    mapped.source_key,
    currencies.currency_id,
    case when first_price_lists.is_pinned then first_price_lists.price_list_id else coalesce(
        delivered_price_lists.price_list_id, first_price_lists.price_list_id
    ) end as price_list_id,
    first_price_lists.is_pinned is not true and delivered_price_lists.is_active is false as is_price_list_inactive,
    case
        when not first_price_lists.is_pinned and first_price_lists.price_list_id <> delivered_price_lists.price_list_id
            then first_price_lists.price_list_name
    end as other_price_list_name,
    mapped.unit_group_name,
    unit_groups.unit_group_id,
    mapped.unit_name,
    coalesce(units_by_name.unit_id, units_by_description.unit_id) as unit_id,
    mapped.quantity_decimals,
    items.price_quantity
from mapped
left join currencies on currencies.currency_code = mapped.currency_code
left join first_price_lists on first_price_lists.currency_id = currencies.currency_id
left join delivered_price_lists
    on delivered_price_lists.source_key = mapped.source_key
    and delivered_price_lists.currency_id = currencies.currency_id
left join unit_groups on unit_groups.folded_name = {{ key_fold('mapped.unit_group_name') }}
left join sales_units as units_by_name
    on units_by_name.unit_group_id = unit_groups.unit_group_id
    and units_by_name.folded_name = {{ key_fold('mapped.unit_name') }}
left join finops_units on finops_units.folded_unit = mapped.folded_unit and not mapped.is_unit_mapped
left join sales_units as units_by_description
    on units_by_description.unit_group_id = unit_groups.unit_group_id
    and units_by_description.folded_name = {{ key_fold('finops_units.unit_description') }}
left join items on items.company = mapped.company and items.folded_number = mapped.folded_number
