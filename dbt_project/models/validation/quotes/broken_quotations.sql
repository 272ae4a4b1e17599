with quotes as (

    select
        *,
        {{ key_fold('quote_number') }} as folded_number
    from {{ ref('canonical_quotes') }}
    where operation = 'upsert'

),

lines as (

    select * from {{ ref('canonical_quote_lines') }}

),

quotation_lines as (

    select
        company,
        {{ key_fold('quotation_number') }} as folded_number,
        line_number,
        line_amount,
        observed_at
    from {{ ref('stg_finops__cds_sales_quotation_lines') }}
    where not is_deleted

),

-- when the quote or its lines last changed in Sales, as read; quotation lines read before that cannot be compared
sales_observed_at as (

    select
        quotes.source_key,
        greatest(max(revisions.observed_at), max(lines.observed_at)) as observed_at
    from quotes
    inner join {{ ref('stg_sales__quotes') }} as revisions on revisions.source_key = quotes.quote_id
    left join {{ ref('stg_sales__quotedetails') }} as lines on lines.quote_id = quotes.quote_id
    group by quotes.source_key

),

-- lines that somebody else added to the quotation in Finance and Operations
unknown_quotation_lines as (

    select
        quotes.source_key,
        'quotation_line_unknown' as broken_rule,
        'line ' || quotation_lines.line_number as field,
        '' as value
    from quotes
    inner join sales_observed_at on sales_observed_at.source_key = quotes.source_key
    inner join quotation_lines
        on quotation_lines.company = quotes.company and quotation_lines.folded_number = quotes.folded_number
        and quotation_lines.observed_at > sales_observed_at.observed_at
    where not exists (
        select 1 from lines
        where lines.quote_key = quotes.source_key and lines.line_number = quotation_lines.line_number
    )

),

-- delivered lines for which Finance and Operations computed another amount than Sales
differing_amounts as (

    select
        quotes.source_key,
        'line_amount_differs' as broken_rule,
        'line ' || lines.line_number as field,
        trim_scale(quotation_lines.line_amount) || ' against ' || trim_scale(round(lines.net_amount, 2)) as value
    from quotes
    inner join lines on lines.quote_key = quotes.source_key
    inner join quotation_lines
        on quotation_lines.company = quotes.company and quotation_lines.folded_number = quotes.folded_number
        and quotation_lines.line_number = lines.line_number
    inner join sales_observed_at
        on sales_observed_at.source_key = quotes.source_key
        and quotation_lines.observed_at > sales_observed_at.observed_at
    where round(quotation_lines.line_amount, 2) <> round(lines.net_amount, 2)

)

{{ broken(['unknown_quotation_lines', 'differing_amounts']) }}
