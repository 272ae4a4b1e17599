with numbers as (

    select * from {{ ref('canonical_product_numbers') }}

),

released as (

    select * from {{ ref('stg_finops__sellable_released_products') }}

),

sales_products as (

    select
        source_key as product_id,
        product_number,
        {{ key_fold('product_number') }} as folded_number,
        unit_group_id,
        is_plain,
        is_active,
        is_under_revision
    from {{ ref('stg_sales__products') }}
    where not is_deleted

),

-- should two numbers be one for us and not for the other system: the same spelling first
matched as (

    select distinct on (numbers.source_key)
        numbers.*,
        sales_products.product_id as sales_product_id,
        sales_products.unit_group_id as sales_unit_group_id,
        coalesce(sales_products.is_plain, true) as is_plain_in_sales,
        coalesce(sales_products.is_active, false) as is_active_in_sales,
        coalesce(sales_products.is_under_revision, false) as is_under_revision_in_sales
    from numbers
    left join sales_products on sales_products.folded_number = numbers.folded_number
    order by
        numbers.source_key,
        sales_products.product_number = numbers.product_number desc, sales_products.product_id

),

resolved as (

    select
        matched.*,
        released.product_name,
        released.product_description,
        released.product_type,
        released.currency_code,
        released.unit_symbol,
        released.sales_price_amount,
        released.unit_cost_amount,
        released.unreadable,
        released.altered,
        released.own_fields,
        released.own_unmapped,
        case
            when released.is_deleted and released.absent_reads >= {{ var('product_retire_after_reads') | int }}
                then 'gone'
            when released.is_deleted then 'vanished'
            when released.is_stopped then 'stopped'
            else 'sellable'
        end as lifecycle_status
    from matched
    inner join released on released.source_key = matched.released_key

),

decided as (

    select
        resolved.*,
        case
            when is_owner and lifecycle_status = 'sellable' then 'upsert'
            when is_owner and lifecycle_status = 'vanished' and sales_product_id is not null then 'upsert'
            when is_owner and lifecycle_status in ('gone', 'stopped') and sales_product_id is not null then 'retire'
            when not is_owner and lifecycle_status = 'sellable' then 'price'
        end as operation
    from resolved

),

first_items as (

    select
        record_key as source_key,
        price_list_id,
        unit_id
    from {{ ref('stg_sync__identities') }}
    where entity = 'productpricelevels' and record_key = priced_product_key

),

priced as (

    select
        decided.*,
        sales.currency_id,
        sales.price_list_id,
        sales.is_price_list_inactive,
        sales.other_price_list_name,
        case
            when first_items.price_list_id is null
                or (first_items.price_list_id = sales.price_list_id and first_items.unit_id = sales.unit_id)
                then decided.source_key
            else decided.source_key || '#' || sales.price_list_id || '/' || sales.unit_id
        end as price_item_key,
        sales.unit_group_name,
        sales.unit_group_id,
        sales.unit_name,
        sales.unit_id,
        sales.quantity_decimals,
        sales.price_quantity,
        case
            when sales.price_quantity in (0, 1) or decided.sales_price_amount = 0
                then round(decided.sales_price_amount, 4)
            when sales.price_quantity > 0 then round(decided.sales_price_amount / sales.price_quantity, 4)
        end as price_amount,
        -- companies that share a price list: the master company's price counts, else the first company's by name
        row_number() over (
            partition by
                decided.folded_number, sales.unit_id, sales.price_list_id, decided.operation in ('upsert', 'price')
            order by decided.is_owner desc, decided.company, decided.source_key
        ) = 1 as is_price_source
    from decided
    inner join {{ ref('canonical_product_references') }} as sales on sales.source_key = decided.source_key
    left join first_items on first_items.source_key = decided.source_key

)

select
    -- keys
    source_key,
    company,
    product_number,
    delivered_number,
    is_number_shared,
    number_spellings,
    {{ record_named('product_number', 'product_name', 'source_key') }} as record,
    {{ record_label('product', 'product_number', 'product_name', 'source_key') }} as label,
    is_owner,
    owner_key,
    master_company,
    sales_product_id,

    -- lifecycle
    lifecycle_status,
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
    is_price_list_inactive,
    other_price_list_name,
    price_item_key,
    price_quantity,
    sales_price_amount,
    price_amount::numeric(28, 4) as price_amount,
    is_price_source,
    unreadable,
    nullif(
        coalesce(altered, '{}') || case
            when price_amount * case when price_quantity > 0 then price_quantity else 1 end <> sales_price_amount
                then jsonb_build_object(
                    'SalesPrice', trim_scale(sales_price_amount)
                    || case when price_quantity > 1 then ' for ' || trim_scale(price_quantity) else '' end
                    || ' becomes ' || price_amount::numeric(28, 4)
                )
            else '{}'
        end,
        '{}'
    ) as altered,
    own_fields,
    own_unmapped
from priced
