with products as (

    select * from {{ ref('stg_finops__sellable_released_products') }}
    where company = any({{ served_companies() }}) or {{ served_companies() }} is null

),

master_company as (

    select coalesce({{ company_or_first('product_master_company') }}, min(company)) as company from products

),

sales_products as (

    select
        source_key::uuid as product_id,
        lower(product_number) as folded_number,
        unit_group_id,
        is_plain,
        is_active,
        is_under_revision
    from {{ ref('stg_sales__products') }}
    where not is_deleted

),

items as (

    select
        distinct_products.company,
        lower(distinct_products.product_number) as folded_number,
        released.price_quantity
    from {{ ref('stg_finops__cds_released_distinct_products') }} as distinct_products
    inner join {{ ref('stg_finops__released_products_v2') }} as released
        on released.company = distinct_products.company
        and lower(released.item_number) = lower(distinct_products.item_number)
    where not distinct_products.is_deleted and not released.is_deleted

),

unit_map as (

    select * from {{ ref('unit') }}

),

finops_units as (

    select
        lower(unit_symbol) as folded_symbol,
        unit_description
    from {{ ref('stg_finops__units_of_measure') }}
    where not is_deleted

),

unit_groups as (

    select distinct on (lower(unit_group_name))
        source_key::uuid as unit_group_id,
        lower(unit_group_name) as folded_name
    from {{ ref('stg_sales__uomschedules') }}
    where is_active and not is_deleted
    order by lower(unit_group_name), source_key

),

sales_units as (

    select distinct on (unit_group_id, lower(unit_name))
        source_key::uuid as unit_id,
        unit_group_id,
        lower(unit_name) as folded_name
    from {{ ref('stg_sales__uoms') }}
    where not is_deleted
    order by unit_group_id, lower(unit_name), source_key

),

currencies as (

    select distinct on (currency_code)
        source_key::uuid as currency_id,
        currency_code
    from {{ ref('stg_sales__transactioncurrencies') }}
    where is_active and not is_deleted
    order by currency_code, source_key

),

active_price_lists as (

    select
        source_key::uuid as price_list_id,
        currency_id,
        lower(price_list_name) collate "C" as folded_name
    from {{ ref('stg_sales__pricelevels') }}
    where is_active and not is_deleted

),

-- one list per currency: the pinned one, else the first by name
price_lists as (

    select distinct on (currency_id)
        currency_id,
        price_list_id
    from active_price_lists
    {%- set pin = literal(var('price_list_pin') | lower) %}
    where {{ pin }} = '' or exists (select 1 from active_price_lists as pinned where pinned.folded_name = {{ pin }})
    order by currency_id, folded_name = {{ pin }} desc, folded_name, price_list_id

),

owned as (

    select
        products.*,
        products.company = master_company.company as is_owner,
        master_company.company as master_company,
        owners.source_key as owner_key,
        sales_products.product_id as sales_product_id,
        sales_products.unit_group_id as sales_unit_group_id,
        coalesce(sales_products.is_plain, true) as is_plain_in_sales,
        coalesce(sales_products.is_active, false) as is_active_in_sales,
        coalesce(sales_products.is_under_revision, false) as is_under_revision_in_sales,
        case
            when products.is_deleted and products.absent_reads >= {{ var('product_retire_after_reads') | int }}
                then 'gone'
            when products.is_deleted then 'vanished'
            when products.is_stopped then 'stopped'
            else 'sellable'
        end as fate
    from products
    cross join master_company
    left join products as owners
        on owners.company = master_company.company and lower(owners.product_number) = lower(products.product_number)
    left join sales_products on sales_products.folded_number = lower(products.product_number)

),

resolved as (

    select
        owned.*,
        case
            when owned.is_owner and owned.fate = 'sellable' then 'upsert'
            when owned.is_owner and owned.fate = 'vanished' and owned.sales_product_id is not null then 'upsert'
            when owned.is_owner and owned.fate in ('gone', 'stopped') and owned.sales_product_id is not null
                then 'retire'
            when not owned.is_owner and owned.fate = 'sellable' then 'price'
        end as operation,
        currencies.currency_id,
        price_lists.price_list_id,
        coalesce(unit_map.unit_group, {{ literal(var('unit_group')) }}) as unit_group_name,
        unit_groups.unit_group_id,
        coalesce(unit_map.sales_unit, owned.unit_symbol) as unit_name,
        coalesce(units_by_name.unit_id, units_by_description.unit_id) as unit_id,
        coalesce(unit_map.decimals, owned.decimals, 0) as quantity_decimals,
        items.price_quantity
    from owned
    left join currencies on currencies.currency_code = owned.currency_code
    left join price_lists on price_lists.currency_id = currencies.currency_id
    left join unit_map on lower(unit_map.unit_symbol) = lower(owned.unit_symbol)
    left join unit_groups
        on unit_groups.folded_name = lower(coalesce(unit_map.unit_group, {{ literal(var('unit_group')) }}))
    left join sales_units as units_by_name
        on units_by_name.unit_group_id = unit_groups.unit_group_id
        and units_by_name.folded_name = lower(coalesce(unit_map.sales_unit, owned.unit_symbol))
    left join finops_units
        on finops_units.folded_symbol = lower(owned.unit_symbol) and unit_map.sales_unit is null
    left join sales_units as units_by_description
        on units_by_description.unit_group_id = unit_groups.unit_group_id
        and units_by_description.folded_name = lower(finops_units.unit_description)
    left join items
        on items.company = owned.company and items.folded_number = lower(owned.product_number)

),

priced as (

    select
        resolved.*,
        case
            when price_quantity in (0, 1) or sales_price_amount = 0 then sales_price_amount
            when price_quantity > 0 then round(sales_price_amount / price_quantity, 4)
        end as price_amount,
        -- of several companies with the same list, the master company prices the product, else the first by name
        row_number() over (
            partition by lower(product_number), unit_id, price_list_id, operation in ('upsert', 'price')
            order by is_owner desc, company
        ) = 1 as is_price_ruling
    from resolved

)

select
    -- keys
    source_key,
    company,
    product_number,
    is_owner,
    owner_key,
    master_company,
    sales_product_id,

    -- fate
    fate,
    operation,
    is_plain_in_sales,
    is_active_in_sales,
    is_under_revision_in_sales,

    -- attributes
    product_name,
    product_description,
    product_type,
    case lower(product_type) when 'item' then 1 when 'service' then 3 end as product_type_code,
    currency_code,
    currency_id,
    unit_symbol,
    unit_name,
    unit_id,
    unit_group_name,
    unit_group_id,
    sales_unit_group_id,
    quantity_decimals,
    unit_cost_amount,

    -- price
    price_list_id,
    price_quantity,
    sales_price_amount,
    price_amount::numeric(22, 4) as price_amount,
    is_price_ruling,
    unreadable,
    own_fields,
    own_unmapped
from priced
