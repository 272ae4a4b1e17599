with newest as (

    select
        quotes.*,
        revisions.document_key,
        revisions.contested_revision,
        case
            when quotes.is_deleted then 'deleted'
            when revisions.contested_revision is not null then 'contested'
            when quotes.state = 0 then 'draft'
            when quotes.state = 1 then 'active'
            when quotes.state = 2 then {{ "'active'" if var('quote_won_counts') else "'won'" }}
            when quotes.state = 3 and quotes.status = 5 then 'lost'
            when quotes.state = 3 and quotes.status = 6 then 'canceled'
            when quotes.state = 3 and quotes.status = 7 then 'revised'
            else 'unknown'
        end as lifecycle_status
    from {{ ref('canonical_quote_revisions') }} as revisions
    inner join {{ ref('stg_sales__quotes') }} as quotes on quotes.source_key = revisions.source_key
    where revisions.is_newest

),

time_zones as (

    {{ time_zones() }}

),

owners as (

    select
        settings.source_key as owner_id,
        time_zones.zone
    from {{ ref('stg_sales__usersettingscollection') }} as settings
    inner join time_zones on time_zones.code = settings.time_zone_code
    where not settings.is_deleted and {{ 'true' if var('read_user_settings') else 'false' }}

),

delivered_quotations as (

    select
        record_key,
        quotation_number,
        pinned_at
    from {{ ref('stg_sync__identities') }}
    where entity = 'CDSSalesQuotationHeaders'

),

number_claims as (

    select
        document_key as source_key,
        quote_number as number,
        null::timestamptz as pinned_at
    from newest
    where not is_deleted
    union all
    select
        record_key as source_key,
        quotation_number as number,
        pinned_at
    from delivered_quotations
    where exists (select 1 from newest where newest.document_key = record_key and not newest.is_deleted)

),

claimed_numbers as (

    select distinct {{ key_fold_latin('number') }} as folded_number from number_claims

),

shared_numbers as (

    {{ sharers('number_claims') }}

),

currencies as (

    select
        source_key as currency_id,
        currency_code
    from {{ ref('stg_sales__transactioncurrencies') }}
    where not is_deleted

),

quotations as (

    select distinct on (company, folded_number)
        company,
        {{ key_fold('quotation_number') }} as folded_number,
        quotation_status
    from {{ ref('stg_finops__cds_sales_quotation_headers') }}
    where not is_deleted
    order by company, folded_number, source_key

)

select
    -- keys
    newest.document_key as source_key,
    newest.source_key as quote_id,
    newest.quote_number,
    newest.revision,
    newest.contested_revision,
    shared_numbers.source_key is not null as is_number_shared,
    {{ with_spellings('newest.quote_number', 'shared_numbers.spellings') }} as number_spellings,
    {{ record_named('newest.quote_number', 'newest.quote_name', 'newest.source_key') }} as record,
    {{ record_label('quote', 'newest.quote_number', 'newest.quote_name', 'newest.source_key') }} as label,
    customers.company,
    newest.customer_id,
    coalesce(customers.is_ambiguous, false) as is_customer_ambiguous,
    customers.customer_number,
    customers.customer_reference,

    -- lifecycle
    newest.state_code,
    newest.lifecycle_status,
    case
        when newest.lifecycle_status = 'active' then 'upsert'
        {%- if choice('quote_close', ['report', 'delete']) == 'delete' %}
        when
            newest.lifecycle_status in ('lost', 'canceled', 'deleted') and quotations.quotation_status = 'Created'
            and customers.company is not null and shared_numbers.source_key is null
            and (not newest.is_deleted or claimed_numbers.folded_number is null)
            then 'remove'
        {%- endif %}
    end as operation,
    quotations.quotation_status,
    case
        when quotations.quotation_status is null or quotations.quotation_status = 'Created' then null
        {%- if choice('quote_sent', ['hold', 'write']) == 'write' %}
        when quotations.quotation_status = 'Sent' then null
        {%- endif %}
        when quotations.quotation_status = 'Sent' then 'quotation_sent'
        when quotations.quotation_status = 'Confirmed' then 'quotation_confirmed'
        when quotations.quotation_status = 'Lost' then 'quotation_lost'
        when quotations.quotation_status = 'Cancelled' then 'quotation_cancelled'
        else 'quotation_in_process'
    end as locked,

    -- attributes
    newest.quote_name,
    currencies.currency_code,
    newest.email,
    {%- set date_when_blank = var('quote_date_when_blank') %}
    {%- set zones = ['time_zones.zone', 'owners.zone'] %}
    case
        when newest.requested_at >= '1901-01-01' then {{ requested_date('newest.requested_at', zones) }}
        else {{ literal(date_when_blank) ~ '::date' if date_when_blank else 'null::date' }}
    end as ships_on,
    newest.requested_at >= '1901-01-01'
    and {{ is_date_uncertain('newest.requested_at', zones) }} as is_date_uncertain,
    owners.zone as owner_zone,
    newest.requested_at,
    newest.line_total_amount::numeric(28, 10) as line_total_amount,
    newest.discount_amount <> 0 or newest.discount_percentage <> 0 or newest.freight_amount <> 0 as has_header_amounts,
    coalesce(newest.ship_to_name, customers.customer_name, newest.quote_name) as ship_to_name,
    newest.unreadable,
    newest.altered,
    newest.own_fields,
    newest.own_unmapped
from newest
left join claimed_numbers on claimed_numbers.folded_number = {{ key_fold_latin('newest.quote_number') }}
left join shared_numbers on shared_numbers.source_key = newest.document_key
left join {{ ref('canonical_quote_customers') }} as customers on customers.source_key = newest.customer_id
left join currencies on currencies.currency_id = newest.currency_id
left join time_zones on time_zones.code = newest.time_zone_code
left join owners on owners.owner_id = newest.owner_id
left join quotations
    on quotations.company = customers.company and quotations.folded_number = {{ key_fold('newest.quote_number') }}
