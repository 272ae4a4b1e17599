with accounts as (

    select * from {{ ref('stg_sales__accounts') }}

),

-- numbers that an assigned one must not meet: every number of Sales; of Finance and Operations those that did not come
-- from here, since a customer under this very number that is maintained externally is the account's own
taken_numbers as (

    select lower(account_number) as folded_number
    from {{ ref('stg_sales__accounts') }}
    where account_number is not null
    union all
    select lower(customer_account) as folded_number
    from {{ ref('stg_finops__customers_v3') }}
    where not is_externally_maintained and not is_deleted

),

candidates as (

    select
        accounts.source_key,
        salts.salt,
        {{ assigned_number('ACC', 'accounts.source_key', 'salts.salt') }} as account_number
    from accounts
    cross join generate_series(0, 3) as salts (salt)
    where accounts.account_number is null

),

free_candidates as (

    select
        source_key,
        salt,
        account_number,
        row_number() over (partition by account_number order by salt, source_key) as turn
    from candidates
    where not exists (select 1 from taken_numbers where folded_number = lower(candidates.account_number))

),

assigned_numbers as (

    select distinct on (source_key)
        source_key,
        account_number
    from free_candidates
    where turn = 1
    order by source_key, salt

),

shared_numbers as (

    select lower(account_number) as folded_number
    from {{ ref('stg_sales__accounts') }}
    where account_number is not null and is_active and not is_deleted and master_account_id is null
    group by 1
    having count(*) > 1

),

currencies as (

    select
        source_key::uuid as currency_id,
        currency_code
    from {{ ref('stg_sales__transactioncurrencies') }}
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

companies as (

    select * from {{ ref('canonical_companies') }}

),

customers as (

    select
        company,
        lower(customer_account) as folded_number,
        on_hold_status,
        is_externally_maintained
    from {{ ref('stg_finops__customers_v3') }}
    where not is_deleted

),

numbered as (

    select
        accounts.*,
        coalesce(accounts.account_number, assigned_numbers.account_number) as number,
        case
            when accounts.is_deleted then 'deleted'
            when accounts.master_account_id is not null then 'merged'
            {%- if choice('account_filter', ['all', 'customers_only']) == 'customers_only' %}
            when not accounts.is_customer then 'filtered'
            {%- endif %}
            when not accounts.is_active then 'inactive'
            else 'active'
        end as fate,
        {%- set company_from = choice('company_from', ['fixed', 'business_unit', 'owner_team', 'column']) %}
        {%- set company_text = {
            'fixed': 'null::text',
            'business_unit': 'accounts.business_unit_id',
            'owner_team': 'accounts.owner_team_id',
            'column': 'accounts.company_text',
        }[company_from] %}
        coalesce(companies.sales_name, {{ company_text }}) as company_text_used,
        {%- if company_from == 'fixed' %}
        {{ company_or_first('fixed_company') }} as company,
        {%- else %}
        companies.company,
        {%- endif %}
        concat(
            accounts.street, accounts.city, accounts.state_text, accounts.postal_code, accounts.country_text
            {%- if var('send_county') %}, accounts.county{% endif -%}
        ) = '' as is_address_blank,
        concat(
            accounts.delivery_street, accounts.delivery_city, accounts.delivery_state_text,
            accounts.delivery_postal_code, accounts.delivery_country_text
            {%- if var('send_county') %}, accounts.delivery_county{% endif -%}
        ) = '' as is_delivery_address_blank
    from accounts
    left join assigned_numbers on assigned_numbers.source_key = accounts.source_key
    left join companies on companies.sales_value = lower({{ company_text }})

),

located as (

    select
        numbered.*,
        case
            when numbered.country_text is not null then countries.iso2
            when {{ 'true' if var('country_for_blank_address') else 'not numbered.is_address_blank' }}
                then nullif({{ literal(var('country_when_blank')) }}, '')
        end as country_iso2,
        case
            when numbered.delivery_country_text is not null then delivery_countries.iso2
            when {{ 'true' if var('country_for_blank_address') else 'not numbered.is_delivery_address_blank' }}
                then nullif({{ literal(var('country_when_blank')) }}, '')
        end as delivery_country_iso2
    from numbered
    left join countries on countries.sales_text = lower(numbered.country_text)
    left join countries as delivery_countries on delivery_countries.sales_text = lower(numbered.delivery_country_text)

),

agreed as (

    select
        -- keys
        located.source_key,
        located.number as account_number,
        located.account_number is null as is_number_assigned,
        shared_numbers.folded_number is not null as is_number_shared,
        located.company,
        located.company_text_used as company_text,

        -- fate
        located.fate,
        case
            when located.fate = 'active' then 'upsert'
            {%- if choice('account_deactivation', ['report', 'on_hold']) == 'on_hold' %}
            when located.fate = 'inactive' and customers.on_hold_status in ('No', 'All') then 'deactivate'
            {%- endif %}
        end as operation,
        customers.on_hold_status as customer_on_hold_status,
        coalesce(customers.is_externally_maintained, false) as is_our_customer,

        -- attributes
        located.account_name,
        case
            when located.currency_id is null then nullif({{ literal(var('default_currency') | upper) }}, '')
            else currencies.currency_code
        end as currency_code,
        located.phone,
        located.fax,
        located.email,
        located.web_site,
        located.twitter,
        located.memo,
        round(located.credit_limit_amount, 2)::numeric(22, 2) as credit_limit_amount,
        located.employee_count,

        -- main address
        located.is_address_blank,
        located.street,
        located.city,
        located.state_text,
        states.state_id,
        countries_with_states.iso2 is not null as has_states,
        located.postal_code,
        located.county,
        located.country_text,
        located.country_iso2,

        -- delivery address
        located.is_delivery_address_blank,
        located.delivery_street,
        located.delivery_city,
        located.delivery_state_text,
        delivery_states.state_id as delivery_state_id,
        delivery_countries_with_states.iso2 is not null as has_delivery_states,
        located.delivery_postal_code,
        located.delivery_county,
        located.delivery_country_text,
        located.delivery_country_iso2,

        -- versions
        case when located.account_number is null then located.etag end as etag,
        located.unreadable,
        located.own_fields,
        located.own_unmapped
    from located
    left join shared_numbers
        on shared_numbers.folded_number = lower(located.account_number) and located.fate = 'active'
    left join currencies on currencies.currency_id = located.currency_id
    left join customers
        on customers.company = located.company and customers.folded_number = lower(located.number)
    left join states
        on states.iso2 = located.country_iso2 and states.sales_text = lower(located.state_text)
    left join countries_with_states on countries_with_states.iso2 = located.country_iso2
    left join states as delivery_states
        on delivery_states.iso2 = located.delivery_country_iso2
        and delivery_states.sales_text = lower(located.delivery_state_text)
    left join countries_with_states as delivery_countries_with_states
        on delivery_countries_with_states.iso2 = located.delivery_country_iso2

)

select * from agreed
