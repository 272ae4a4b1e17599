with lines as (

    select
        quotes.source_key as quote_key,
        lines.source_key as quotedetail_id,
        lines.line_item_number,
        lines.write_in_name,
        coalesce(lines.sequence_number, lines.line_item_number) as sales_line_number,
        -- what a line without a usable number is about, which stays the same in every revision
        concat_ws(
            '|', quotes.source_key, coalesce(lines.product_id, lines.write_in_name, ''), coalesce(lines.unit_id, '')
        ) as subject
    from {{ ref('stg_sales__quotedetails') }} as lines
    inner join {{ ref('canonical_quotes') }} as quotes
        on quotes.quote_id = lines.quote_id and quotes.operation = 'upsert'
    where not lines.is_deleted

),

counted as (

    select
        lines.*,
        count(*) over (partition by quote_key, sales_line_number) as sales_line_number_count,
        row_number() over (
            partition by quote_key, subject order by line_item_number, write_in_name collate "C", quotedetail_id
        ) as occurrence
    from lines

),

numbered as (

    select
        counted.*,
        case
            when sales_line_number > 0 and sales_line_number_count = 1 then sales_line_number
            else 100000000 + ('x' || left(md5(concat_ws('|', subject, occurrence)), 7))::bit(28)::integer
        end as line_number
    from counted

),

shared as (

    select
        numbered.*,
        count(*) over (partition by quote_key, line_number) > 1 as is_number_shared
    from numbered

)

-- two lines with one number are held and go by their ids
select
    case when is_number_shared then quotedetail_id else quote_key || ':' || line_number end as source_key,
    quote_key,
    quotedetail_id,
    line_number,
    is_number_shared
from shared
