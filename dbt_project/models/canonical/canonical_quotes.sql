with revisions as (

    select
        quotes.*,
        lower(quotes.quote_number) as folded_number,
        row_number() over (
            partition by lower(quotes.quote_number) order by quotes.is_deleted, quotes.revision desc, quotes.source_key
        ) as place
    from {{ ref('stg_sales__quotes') }} as quotes
    where quotes.quote_number is not null

),

-- a quote without a number is a document of its own, known by its id
unnumbered as (

    select
        quotes.*,
        quotes.source_key as folded_number,
        1 as place
    from {{ ref('stg_sales__quotes') }} as quotes
    where quotes.quote_number is null

),

newest as (

    select * from revisions where place = 1
    union all
    select * from unnumbered

),

-- numbers that differ in case only are one number in Finance and Operations
spellings as (

    select
        folded_number,
        count(distinct quote_number) as n
    from revisions
    where not is_deleted
    group by folded_number

),

-- a customer stays the one it was delivered as: a number or company that changes later is held in its own flow
delivered_customers as (

    select
        record_key,
        customer_account,
        company
    from {{ ref('stg_sync__identities') }}
    where entity = 'CustomersV3' and customer_account is not null

),

masters as (

    select
        source_key,
        account_number as number,
        account_name as customer_name,
        company,
        'accounts:' || source_key as customer_reference
    from {{ ref('canonical_accounts') }}
    union all
    select
        source_key,
        contact_number as number,
        null::text as customer_name,
        company,
        'contact_customers:' || source_key as customer_reference
    from {{ ref('canonical_contacts') }}
    where becomes = 'customer'

),

customers as (

    select
        masters.source_key as customer_id,
        coalesce(delivered_customers.customer_account, masters.number) as customer_number,
        masters.customer_name,
        coalesce(delivered_customers.company, masters.company) as company,
        masters.customer_reference
    from masters
    left join delivered_customers on delivered_customers.record_key = masters.source_key

),

currencies as (

    select
        source_key::uuid as currency_id,
        currency_code
    from {{ ref('stg_sales__transactioncurrencies') }}
    where not is_deleted

),

quotations as (

    select
        company,
        lower(quotation_number) as folded_number,
        quotation_status
    from {{ ref('stg_finops__cds_sales_quotation_headers') }}
    where not is_deleted

),

countries as (

    select * from {{ ref('country') }}

),

states as (

    select * from {{ ref('state') }}

),

countries_with_states as (

    select distinct iso2 from {{ ref('state') }}

),

decided as (

    select
        newest.*,
        case
            when newest.is_deleted then 'deleted'
            when newest.state = 0 then 'draft'
            when newest.state = 1 then 'active'
            when newest.state = 2 then {{ "'active'" if var('quote_won_counts') else "'won'" }}
            when newest.status = 7 then 'revised'
            when newest.status = 6 then 'canceled'
            else 'lost'
        end as fate,
        concat(
            newest.ship_to_name, newest.street, newest.city, newest.state_text, newest.postal_code, newest.country_text
        ) = '' as is_ship_to_blank
    from newest

),

located as (

    select
        decided.*,
        {%- set date_when_blank = var('quote_date_when_blank') %}
        case
            when decided.requested_on >= date '1901-01-01' then decided.requested_on
            else {{ literal(date_when_blank) ~ '::date' if date_when_blank else 'null::date' }}
        end as ships_on,
        case
            when decided.country_text is not null then countries.iso2
            when
                not decided.is_ship_to_blank
                or {{ literal(choice('quote_blank_ship_to', ['hold', 'customer_address'])) }} = 'hold'
                then nullif({{ literal(var('quote_country_when_blank')) }}, '')
        end as country_iso2
    from decided
    left join countries on countries.sales_text = lower(decided.country_text)

)

select
    -- keys
    located.folded_number as source_key,
    located.source_key as quote_id,
    located.quote_number,
    located.revision,
    coalesce(spellings.n, 1) > 1 as is_number_shared,
    customers.company,
    located.customer_id,
    customers.customer_number,
    customers.customer_reference,

    -- fate
    located.fate,
    case
        when located.fate = 'active' then 'upsert'
        {%- if choice('quote_close', ['report', 'delete']) == 'delete' %}
        when
            located.fate in ('lost', 'canceled', 'deleted') and quotations.quotation_status = 'Created'
            and customers.company is not null
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
    located.quote_name,
    currencies.currency_code,
    located.email,
    located.ships_on,
    located.line_total_amount::numeric(28, 10) as line_total_amount,
    located.discount_amount <> 0 or located.discount_percentage <> 0 or located.freight_amount <> 0
        as has_header_amounts,

    -- delivery address
    located.is_ship_to_blank,
    coalesce(located.ship_to_name, customers.customer_name, located.quote_name) as ship_to_name,
    located.street,
    located.city,
    located.state_text,
    states.state_id,
    countries_with_states.iso2 is not null as has_states,
    located.postal_code,
    located.country_text,
    located.country_iso2,
    located.unreadable,
    located.own_fields,
    located.own_unmapped
from located
left join spellings on spellings.folded_number = located.folded_number
left join customers on customers.customer_id = located.customer_id
left join currencies on currencies.currency_id = located.currency_id
left join quotations
    on quotations.company = customers.company and quotations.folded_number = located.folded_number
left join states
    on states.iso2 = located.country_iso2 and states.sales_text = lower(located.state_text)
left join countries_with_states on countries_with_states.iso2 = located.country_iso2
