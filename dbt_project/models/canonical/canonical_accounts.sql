{%- set company_from = choice('company_from', ['fixed', 'business_unit', 'owner_team', 'column']) -%}
{%- set company_text = {
    'fixed': 'null::text',
    'business_unit': 'accounts.business_unit_id',
    'owner_team': 'accounts.owner_team_id',
    'column': 'accounts.company_text',
}[company_from] -%}

with accounts as (

    select * from {{ ref('stg_sales__accounts') }}

),

numbers as (

    select * from {{ ref('canonical_account_numbers') }}

),

companies as (

    select * from {{ ref('canonical_companies') }}

),

currencies as (

    select
        source_key as currency_id,
        currency_code
    from {{ ref('stg_sales__transactioncurrencies') }}
    where not is_deleted

),

customers as (

    select distinct on (company, folded_number)
        company,
        {{ key_fold('customer_account') }} as folded_number,
        on_hold_status,
        is_externally_maintained
    from {{ ref('stg_finops__customers_v3') }}
    where not is_deleted
    order by company, folded_number, is_externally_maintained desc, source_key

),

placed as (

    select
        accounts.*,
        numbers.account_number as number,
        numbers.is_number_assigned,
        numbers.is_number_shared,
        numbers.number_spellings,
        numbers.is_twin,
        case
            when accounts.is_deleted then 'deleted'
            when accounts.master_account_id is not null then 'merged'
            {%- if choice('account_filter', ['all', 'customers_only']) == 'customers_only' %}
            when not accounts.is_customer then 'filtered'
            {%- endif %}
            when accounts.is_active then 'active'
            when accounts.state_code = '1' then 'inactive'
            else 'unknown'
        end as lifecycle_status,
        coalesce(companies.sales_name, {{ company_text }}) as company_text_used,
        {%- if company_from == 'fixed' %}
        {{ company_or_first('fixed_company') }} as company
        {%- else %}
        companies.company
        {%- endif %}
    from accounts
    inner join numbers on numbers.source_key = accounts.source_key
    left join companies on companies.sales_value = lower({{ company_text }})

)

select
    -- keys
    placed.source_key,
    placed.number as account_number,
    placed.is_number_assigned,
    placed.is_number_shared,
    placed.number_spellings,
    {%- set typed_number = 'case when not placed.is_number_assigned then placed.number end' %}
    {{ record_named(typed_number, 'placed.account_name', 'placed.source_key') }} as record,
    {{ record_label('account', typed_number, 'placed.account_name', 'placed.source_key') }} as label,
    placed.company,
    placed.company_text_used as company_text,

    -- lifecycle
    placed.state_code,
    placed.lifecycle_status,
    case
        when placed.lifecycle_status = 'active' then 'upsert'
        {%- if choice('account_deactivation', ['report', 'on_hold']) == 'on_hold' %}
        when placed.lifecycle_status = 'inactive' and customers.on_hold_status in ('No', 'All') then 'deactivate'
        {%- endif %}
    end as operation,
    customers.on_hold_status as customer_on_hold_status,
    coalesce(customers.is_externally_maintained, false) as is_our_customer,

    -- attributes
    placed.account_name,
    case
        when placed.currency_id is null then nullif({{ literal(var('default_currency') | upper) }}, '')
        else currencies.currency_code
    end as currency_code,
    placed.phone,
    placed.fax,
    placed.email,
    placed.web_site,
    placed.twitter,
    placed.memo,
    round(placed.credit_limit_amount, 2)::numeric(22, 2) as credit_limit_amount,
    placed.employee_count,

    -- versions
    case when placed.is_number_assigned then placed.etag end as etag,
    placed.unreadable,
    placed.altered,
    placed.own_fields,
    placed.own_unmapped
from placed
left join currencies on currencies.currency_id = placed.currency_id
-- the customer of an active account is not that of its inactive twin
left join customers
    on customers.company = placed.company and customers.folded_number = {{ key_fold('placed.number') }}
    and not placed.is_twin
