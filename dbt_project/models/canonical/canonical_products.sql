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

priced as (

    select
        decided.*,
        sales.currency_id,
        sales.price_list_id,
        sales.unit_group_name,
        sales.unit_group_id,
        sales.unit_name,
        sales.unit_id,
        sales.quantity_decimals,
        sales.price_quantity,
        case
            when sales.price_quantity in (0, 1) or decided.sales_price_amount = 0 then decided.sales_price_amount
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

)

select
    -- keys
    source_key,
    company,
    product_number,
    delivered_number,
    is_number_shared,
    number_spellings,
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
    price_quantity,
    sales_price_amount,
    price_amount::numeric(28, 4) as price_amount,
    is_price_source,
    unreadable,
    own_fields,
    own_unmapped
from priced
