with quotes as (

    select * from {{ ref('canonical_quotes') }}

),

-- only quotes to be sent have their contents checked
checked as (

    select * from quotes where operation = 'upsert'

),

addresses as (

    select
        checked.source_key,
        checked.ship_to_name,
        checked.email,
        addresses.is_address_blank,
        addresses.street,
        addresses.city,
        addresses.state_text,
        addresses.state_id,
        addresses.has_states,
        addresses.postal_code,
        addresses.country_text,
        addresses.country_iso2
    from checked
    inner join {{ ref('canonical_quote_addresses') }} as addresses on addresses.source_key = checked.quote_id

),

by_lifecycle_status as (

    select
        source_key,
        case lifecycle_status
            when 'deleted' then 'quote_deleted'
            when 'draft' then 'quote_draft'
            when 'won' then 'quote_won'
            when 'revised' then 'quote_being_revised'
            when 'canceled' then 'quote_canceled'
            when 'lost' then 'quote_lost'
            when 'contested' then 'quote_revision_contested'
            when 'unknown' then 'quote_state_unknown'
        end as broken_rule,
        case lifecycle_status when 'contested' then 'revisionnumber' when 'unknown' then 'statecode' end as field,
        left(case lifecycle_status when 'contested' then contested_revision when 'unknown' then state_code end, 50)
            as value
    from quotes
    where operation is null

),

quotations_left_open as (

    select
        source_key,
        'quotation_left_open' as broken_rule,
        'statecode' as field,
        lifecycle_status as value
    from quotes
    where
        operation is null and lifecycle_status in ('deleted', 'lost', 'canceled')
        and quotation_status in ('Created', 'Sent')

),

by_address as (

    {{ address_rules('addresses', {'shipto_': ''}) }}

),

too_long as (

    {{ too_long('addresses', [
        ['shipto_name', 'case when not is_address_blank then ship_to_name end', 100], ['shipto_line1', 'street', 250],
        ['shipto_city', 'city', 60], ['shipto_postalcode', 'postal_code', 10], ['emailaddress', 'email', 255],
    ]) }}

),

bad_values as (

    {{ bad_values('checked') }}

),

quarantined_lines as (

    {{ quarantined('sales', 'quotedetails') }}

),

-- of a quote or a line that nothing was ever read of, the id is all that is known
quarantined as (

    select
        coalesce(revisions.document_key, broken.source_key) as source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from ({{ quarantined('sales', 'quotes') }}) as broken
    left join {{ ref('canonical_quote_revisions') }} as revisions on revisions.source_key = broken.source_key
    union all
    select
        coalesce(revisions.document_key, quarantined_lines.source_key) as source_key,
        quarantined_lines.broken_rule,
        concat_ws(' ', 'line', quarantined_lines.source_key, quarantined_lines.field) as field,
        quarantined_lines.value
    from quarantined_lines
    left join {{ ref('stg_sales__quotedetails') }} as lines on lines.source_key = quarantined_lines.source_key
    left join {{ ref('canonical_quote_revisions') }} as revisions on revisions.source_key = lines.quote_id

)

{{ violations(
    'quotes',
    [
        'by_lifecycle_status', 'quotations_left_open', ref('broken_quotes'), 'by_address', 'too_long', 'bad_values',
        ref('broken_quote_lines'), ref('broken_quotations'), 'quarantined',
    ],
    records='quotes',
    record='records.record'
) }}
