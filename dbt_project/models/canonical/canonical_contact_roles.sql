{%- set company_from = choice("company_from", ["fixed", "business_unit", "owner_team", "column"]) -%}
{%- set company_column = {
    "fixed": "", "business_unit": "business_unit_id", "owner_team": "owner_team_id", "column": "company_text",
}[company_from] -%}

with contacts as (

    select * from {{ ref('stg_sales__contacts') }}

),

companies as (

    select * from {{ ref('canonical_companies') }}

),

accounts as (

    select
        accounts.source_key,
        coalesce(accounts.account_number, accounts.account_name, accounts.source_key) as record,
        coalesce(
            companies.sales_name, {{ 'accounts.' ~ company_column if company_column else 'null::text' }}
        ) as company_text,
        {%- if company_from == 'fixed' %}
        {{ company_or_first('fixed_company') }} as company
        {%- else %}
        companies.company
        {%- endif %}
    from {{ ref('stg_sales__accounts') }} as accounts
    left join companies
        on companies.sales_value = lower({{ 'accounts.' ~ company_column if company_column else 'null::text' }})

),

-- the customers of all sales documents, deleted ones included; ids of accounts match no contact and do no harm
active_customers as (

    select customer_id as source_key from {{ ref('stg_sales__quotes') }}
    where customer_id is not null
    union distinct
    select customer_id as source_key from {{ ref('stg_sales__salesorders') }}
    where customer_id is not null
    union distinct
    select customer_id as source_key from {{ ref('stg_sales__invoices') }}
    where customer_id is not null

),

delivered_customers as (

    select record_key from {{ ref('stg_sync__identities') }} where entity = 'CustomersV3'

),

customers as (

    select distinct on (company, folded_number)
        company,
        {{ key_fold('customer_account') }} as folded_number,
        on_hold_status,
        is_externally_maintained and party_type = 'Person' as is_our_person
    from {{ ref('stg_finops__customers_v3') }}
    where not is_deleted
    order by company, folded_number, is_externally_maintained desc, source_key

),

placed as (

    select
        contacts.source_key,
        coalesce(contacts.parent_id, contacts.unreadable ->> '_parentcustomerid_value') as parent_id,
        accounts.source_key as account_id,
        accounts.company as account_company,
        accounts.company_text as account_company_text,
        accounts.record as account_record,
        coalesce(
            companies.sales_name, {{ 'contacts.' ~ company_column if company_column else 'null::text' }}
        ) as own_company_text,
        {%- if company_from == 'fixed' %}
        {{ company_or_first('fixed_company') }} as own_company,
        {%- else %}
        companies.company as own_company,
        {%- endif %}
        active_customers.source_key is not null or delivered_customers.record_key is not null as is_customer,
        case
            when contacts.is_deleted then 'deleted'
            when contacts.master_contact_id is not null then 'merged'
            when contacts.is_active then 'active'
            when contacts.state_code = '1' then 'inactive'
            else 'unknown'
        end as sales_status
    from contacts
    left join accounts on accounts.source_key = contacts.parent_id
    left join active_customers on active_customers.source_key = contacts.source_key
    left join delivered_customers on delivered_customers.record_key = contacts.source_key
    left join companies
        on companies.sales_value = lower({{ 'contacts.' ~ company_column if company_column else 'null::text' }})

),

-- the customer of an active contact is not that of its inactive twin
decided as (

    select
        placed.*,
        customers.on_hold_status as customer_on_hold_status,
        coalesce(customers.is_our_person, false) as is_our_customer,
        case
            when placed.is_customer or customers.is_our_person then 'customer'
            when placed.account_id is not null then 'contact_person'
        end as becomes
    from placed
    inner join {{ ref('canonical_contact_numbers') }} as numbers on numbers.source_key = placed.source_key
    left join customers
        on customers.company = coalesce(placed.account_company, placed.own_company)
        and customers.folded_number = {{ key_fold('numbers.contact_number') }}
        and not numbers.is_twin

)

select
    source_key,
    account_id,
    account_record,
    parent_id,
    becomes,
    case
        when becomes = 'contact_person' then account_company
        else coalesce(account_company, own_company)
    end as company,
    case
        when becomes = 'contact_person' then account_company_text
        else coalesce(own_company_text, account_company_text)
    end as company_text,
    case
        when sales_status <> 'active' or becomes is not null then sales_status
        -- a contact may belong to another contact; anything else that is not known may be an account
        when parent_id is null or exists (select 1 from contacts where contacts.source_key = decided.parent_id)
            then 'unattached'
        else 'account_unknown'
    end as lifecycle_status,
    customer_on_hold_status,
    is_our_customer
from decided
