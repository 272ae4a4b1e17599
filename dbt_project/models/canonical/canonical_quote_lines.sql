with numbers as (

    select * from {{ ref('canonical_quote_line_numbers') }}

),

time_zones as (

    {{ time_zones() }}

),

lines as (

    select
        lines.*,
        time_zones.zone,
        numbers.source_key as line_key,
        numbers.quote_key,
        numbers.line_number,
        numbers.is_number_shared,
        quotes.quote_number,
        quotes.company,
        quotes.ships_on as quote_ships_on,
        quotes.owner_zone
    from {{ ref('stg_sales__quotedetails') }} as lines
    inner join numbers on numbers.quotedetail_id = lines.source_key
    inner join {{ ref('canonical_quotes') }} as quotes on quotes.source_key = numbers.quote_key
    left join time_zones on time_zones.code = lines.time_zone_code

),

sales_products as (

    select
        source_key as product_id,
        product_number,
        {{ key_fold('product_number') }} as folded_number,
        is_deleted
    from {{ ref('stg_sales__products') }}

),

-- a product is maintained externally if Finance and Operations sells it in any company
products as (

    select distinct on (company, folded_number)
        company,
        product_number,
        {{ key_fold('product_number') }} as folded_number,
        owner_key,
        unit_symbol,
        unit_id,
        quantity_decimals,
        sales_price_amount
    from {{ ref('canonical_products') }}
    where lifecycle_status in ('sellable', 'stopped')
    order by company, folded_number, is_number_shared, lifecycle_status, source_key

),

known_products as (

    select distinct folded_number from products

),

former_products as (

    select distinct {{ key_fold('product_number') }} as folded_number from {{ ref('canonical_products') }}
    where lifecycle_status not in ('sellable', 'stopped')

),

sales_units as (

    select
        source_key as unit_id,
        unit_name
    from {{ ref('stg_sales__uoms') }}

),

unit_map as (

    select distinct on (folded_unit)
        {{ key_fold(clean('sales_unit')) }} as folded_unit,
        {{ clean('unit_symbol') }} as unit_symbol
    from {{ seed_rows('unit', ['unit_symbol']) }}
    where sales_unit is not null
    order by folded_unit, unit_symbol

),

-- a unit of Sales matches the symbol in Finance and Operations, else the description
finops_units as (

    select distinct on (folded_unit)
        folded_unit,
        unit_symbol
    from (
        select
            {{ key_fold('unit_symbol') }} as folded_unit,
            unit_symbol,
            1 as priority
        from {{ ref('stg_finops__units_of_measure') }}
        where not is_deleted
        union all
        select
            {{ key_fold('unit_description') }} as folded_unit,
            unit_symbol,
            2 as priority
        from {{ ref('stg_finops__units_of_measure') }}
        where not is_deleted and unit_description is not null
    ) as named
    order by folded_unit, priority, unit_symbol

),

resolved as (

    select
        lines.*,
        sales_products.product_number as sales_product_number,
        coalesce(sales_products.is_deleted, lines.product_id is not null) as is_product_deleted,
        known_products.folded_number is not null as is_externally_maintained,
        known_products.folded_number is null and former_products.folded_number is not null as is_product_discontinued,
        lines.pricing_error_code <> 0
        or lines.unit_price_amount = 0 and coalesce(products.sales_price_amount <> 0, false) as is_unpriced,
        products.product_number,
        products.owner_key as product_key,
        products.quantity_decimals,
        sales_units.unit_name,
        case
            when products.unit_id = lines.unit_id then products.unit_symbol
            else coalesce(unit_map.unit_symbol, finops_units.unit_symbol)
        end as unit_symbol,
        lines.extended_amount - lines.tax_amount as net_amount
    from lines
    left join sales_products on sales_products.product_id = lines.product_id
    left join known_products on known_products.folded_number = sales_products.folded_number
    left join former_products on former_products.folded_number = sales_products.folded_number
    left join products
        on products.company = lines.company and products.folded_number = sales_products.folded_number
    left join sales_units on sales_units.unit_id = lines.unit_id
    left join unit_map on unit_map.folded_unit = {{ key_fold('sales_units.unit_name') }}
    left join finops_units on finops_units.folded_unit = {{ key_fold('sales_units.unit_name') }}

),

discounted as (

    select
        resolved.*,
        -- the amount by var line_discount, to compare with what Sales computed
        round(unit_price_amount * quantity, 2) - round(
            volume_discount_amount * quantity
            + manual_discount_amount * {{ 'quantity' if var('line_discount') == 'per_unit' else '1' }},
            2
        ) as expected_amount,
        {%- if choice('line_discount', ['per_unit', 'line_item']) == 'per_unit' %}
        -- 2017 templates: both systems discount each unit
        volume_discount_amount + manual_discount_amount as unit_discount_amount
        {%- else %}
        -- direct templates: the line's discount divided by its quantity; the rounding difference goes as a charge
        volume_discount_amount
        + case when quantity <> 0 then round(manual_discount_amount / quantity, 2) else 0 end as unit_discount_amount
        {%- endif %}
    from resolved

)

select
    -- keys
    line_key as source_key,
    quote_key,
    source_key as quotedetail_id,
    quote_number,
    company,
    line_number,
    is_number_shared,
    product_key,

    -- attributes
    product_type,
    is_write_in or (product_id is null and write_in_name is not null) as is_write_in,
    write_in_name,
    sales_product_number,
    is_product_deleted,
    is_externally_maintained,
    is_product_discontinued,
    product_number,
    unit_name,
    unit_symbol,
    quantity::numeric(28, 10) as quantity,
    quantity_decimals,
    {%- set zones = ['zone', 'owner_zone'] %}
    case
        when requested_at >= '1901-01-01' then {{ requested_date('requested_at', zones) }}
        else quote_ships_on
    end as ships_on,
    requested_at >= '1901-01-01' and {{ is_date_uncertain('requested_at', zones) }} as is_date_uncertain,
    requested_at,

    -- amounts
    is_unpriced,
    pricing_error_code,
    unit_price_amount::numeric(28, 10) as unit_price_amount,
    unit_discount_amount::numeric(60, 10) as unit_discount_amount,
    {%- if var('line_discount') == 'line_item' %}
    -- an unreadable quantity gives 0; that quote is held anyway
    coalesce(net_amount - round((unit_price_amount - unit_discount_amount) * quantity, 2), 0)::numeric(60, 10)
    {%- else %}
    0::numeric(60, 10)
    {%- endif %} as charge_amount,
    net_amount::numeric(60, 10) as net_amount,
    expected_amount::numeric(60, 10) as expected_amount,
    unreadable,
    own_fields,
    own_unmapped
from discounted
