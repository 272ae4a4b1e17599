with quotes as (

    select * from {{ ref('canonical_quotes') }} where operation = 'upsert'

),

lines as (

    select
        quotes.source_key as quote_key,
        quotes.quote_number,
        quotes.company,
        quotes.ships_on as quote_ships_on,
        lines.*,
        coalesce(lines.sequence_number, lines.line_item_number) as said_number
    from {{ ref('stg_sales__quotedetails') }} as lines
    inner join quotes on quotes.quote_id = lines.quote_id
    where not lines.is_deleted

),

counted as (

    select
        lines.*,
        count(*) over (partition by quote_key, said_number) as said_times,
        row_number() over (
            partition by quote_key, product_id, unit_id, write_in_name order by line_item_number, source_key
        ) as occurrence
    from lines

),

-- a number of its own for a line that has none: the same for product, unit and occurrence through all revisions
numbered as (

    select
        counted.*,
        case
            when said_number > 0 and said_times = 1 then said_number
            else
                100000000
                + ('x' || left(md5(concat_ws(
                    '|', quote_key, coalesce(product_id, write_in_name, ''), coalesce(unit_id, ''), occurrence
                )), 7))::bit(28)::integer
        end as line_number
    from counted

),

placed as (

    select
        numbered.*,
        row_number() over (partition by quote_key, line_number order by source_key) as number_place,
        count(*) over (partition by quote_key, line_number) as number_times
    from numbered

),

sales_products as (

    select
        source_key as product_id,
        product_number,
        lower(product_number) as folded_number
    from {{ ref('stg_sales__products') }}

),

-- a product is maintained externally when Finance and Operations sells it, in whatever company
products as (

    select
        company,
        product_number,
        lower(product_number) as folded_number,
        owner_key,
        unit_symbol,
        unit_id::text as unit_id,
        quantity_decimals
    from {{ ref('canonical_products') }}
    where fate in ('sellable', 'stopped')

),

known_products as (

    select distinct folded_number from products

),

sales_units as (

    select
        source_key as unit_id,
        unit_name
    from {{ ref('stg_sales__uoms') }}

),

unit_map as (

    select distinct on (lower(sales_unit))
        lower(sales_unit) as folded_unit,
        unit_symbol
    from {{ ref('unit') }}
    where sales_unit is not null
    order by lower(sales_unit), unit_symbol

),

-- a unit of Sales by the symbol of Finance and Operations, or by its description there
finops_units as (

    select distinct on (folded_unit)
        folded_unit,
        unit_symbol
    from (
        select
            lower(unit_symbol) as folded_unit,
            unit_symbol,
            1 as place
        from {{ ref('stg_finops__units_of_measure') }}
        where not is_deleted
        union all
        select
            lower(unit_description) as folded_unit,
            unit_symbol,
            2 as place
        from {{ ref('stg_finops__units_of_measure') }}
        where not is_deleted and unit_description is not null
    ) as named
    order by folded_unit, place, unit_symbol

),

resolved as (

    select
        placed.*,
        sales_products.product_number as sales_product_number,
        known_products.folded_number is not null as is_externally_maintained,
        products.product_number,
        products.owner_key as product_key,
        products.quantity_decimals,
        sales_units.unit_name,
        case
            when products.unit_id = placed.unit_id then products.unit_symbol
            else coalesce(unit_map.unit_symbol, finops_units.unit_symbol)
        end as unit_symbol,
        placed.extended_amount - placed.tax_amount as net_amount
    from placed
    left join sales_products on sales_products.product_id = placed.product_id
    left join known_products on known_products.folded_number = sales_products.folded_number
    left join products
        on products.company = placed.company and products.folded_number = sales_products.folded_number
    left join sales_units on sales_units.unit_id = placed.unit_id
    left join unit_map on unit_map.folded_unit = lower(sales_units.unit_name)
    left join finops_units on finops_units.folded_unit = lower(sales_units.unit_name)

),

discounted as (

    select
        resolved.*,
        -- the line as the settings read it, to be compared with what Sales computed
        round(unit_price_amount * quantity, 2) - round(
            volume_discount_amount * quantity
            + manual_discount_amount * {{ 'quantity' if var('line_discount') == 'per_unit' else '1' }},
            2
        ) as expected_amount,
        {%- if choice('line_discount', ['per_unit', 'line_item']) == 'per_unit' %}
        -- the 2017 templates: Sales discounts each unit, and so does Finance and Operations
        volume_discount_amount + manual_discount_amount as unit_discount_amount
        {%- else %}
        -- the direct templates: the line's discount over its quantity, what is left of it as a charge
        volume_discount_amount
        + case when quantity <> 0 then round(manual_discount_amount / quantity, 2) else 0 end as unit_discount_amount
        {%- endif %}
    from resolved

)

select
    -- keys
    quote_key || ':' || line_number
    || case when number_place > 1 then ':' || number_place else '' end as source_key,
    quote_key,
    source_key as quotedetail_id,
    quote_number,
    company,
    line_number,
    number_times > 1 as is_number_shared,
    product_key,

    -- attributes
    product_type,
    is_write_in or (product_id is null and write_in_name is not null) as is_write_in,
    write_in_name,
    sales_product_number,
    is_externally_maintained,
    product_number,
    unit_name,
    unit_symbol,
    quantity::numeric(28, 10) as quantity,
    quantity_decimals,
    case
        when requested_on >= date '1901-01-01' then requested_on
        else quote_ships_on
    end as ships_on,

    -- amounts
    unit_price_amount::numeric(28, 10) as unit_price_amount,
    unit_discount_amount::numeric(28, 10) as unit_discount_amount,
    {%- if var('line_discount') == 'line_item' %}
    -- 0 where the quantity is unreadable, which holds the quote
    coalesce(net_amount - round((unit_price_amount - unit_discount_amount) * quantity, 2), 0)::numeric(28, 10)
    {%- else %}
    0::numeric(28, 10)
    {%- endif %} as charge_amount,
    net_amount::numeric(28, 10) as net_amount,
    expected_amount::numeric(28, 10) as expected_amount,
    unreadable,
    own_fields,
    own_unmapped
from discounted
