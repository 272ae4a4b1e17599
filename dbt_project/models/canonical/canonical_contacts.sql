with contacts as (

    select * from {{ ref('stg_sales__contacts') }}

),

numbers as (

    select * from {{ ref('canonical_contact_numbers') }}

),

roles as (

    select * from {{ ref('canonical_contact_roles') }}

),

account_customers as (

    select
        record_key as account_id,
        party_number
    from {{ ref('stg_sync__identities') }}
    where entity = 'CustomersV3'

),

currencies as (

    select
        source_key as currency_id,
        currency_code
    from {{ ref('stg_sales__transactioncurrencies') }}
    where not is_deleted

),

-- of the newest document that made the contact a customer
document_currencies as (

    select distinct on (customer_id)
        customer_id,
        currency_id
    from (
        select
            customer_id,
            currency_id,
            created_at,
            source_key
        from {{ ref('stg_sales__quotes') }}
        where not is_deleted
        union all
        select
            customer_id,
            currency_id,
            created_at,
            source_key
        from {{ ref('stg_sales__salesorders') }}
        where not is_deleted
        union all
        select
            customer_id,
            currency_id,
            created_at,
            source_key
        from {{ ref('stg_sales__invoices') }}
        where not is_deleted
    ) as documents
    where customer_id is not null and currency_id is not null
    order by customer_id, created_at desc nulls last, source_key

),

genders as (

    select distinct on (sales_code)
        sales_code,
        member
    from {{ seed_rows('gender', ['sales_code']) }}
    order by sales_code, member

),

marital_statuses as (

    select distinct on (sales_code)
        sales_code,
        member
    from {{ seed_rows('marital_status', ['sales_code']) }}
    order by sales_code, member

),

decision_roles as (

    select distinct on (sales_code)
        sales_code,
        role_code
    from {{ seed_rows('decision_role', ['sales_code']) }}
    order by sales_code, role_code

)

select
    -- keys
    contacts.source_key,
    numbers.contact_number,
    numbers.is_number_assigned,
    numbers.is_number_shared,
    numbers.number_spellings,
    -- without a number in Sales by its account, never by the name of the person
    {%- set of_account -%}
        concat('contact ', 'of account ' || roles.account_record || ' ', '(' || contacts.source_key || ')')
    {%- endset %}
    case when not numbers.is_number_assigned then numbers.contact_number else {{ of_account }} end as record,
    case
        when not numbers.is_number_assigned then 'contact ' || numbers.contact_number
        else {{ of_account }}
    end as label,
    roles.company,
    roles.company_text,
    roles.account_id,
    roles.parent_id,
    account_customers.party_number as account_party_number,

    -- lifecycle
    contacts.state_code,
    roles.becomes,
    roles.lifecycle_status,
    case
        when roles.lifecycle_status = 'active' then 'upsert'
        {%- if choice('contact_customer_deactivation', ['report', 'on_hold']) == 'on_hold' %}
        when
            roles.lifecycle_status = 'inactive' and roles.becomes = 'customer'
            and roles.customer_on_hold_status in ('No', 'All')
            then 'deactivate'
        {%- endif %}
    end as operation,
    roles.customer_on_hold_status,
    roles.is_our_customer,

    -- attributes
    contacts.first_name,
    contacts.middle_name,
    contacts.last_name,
    case
        when contacts.currency_id is not null then currencies.currency_code
        else coalesce(
            case when roles.becomes = 'customer' then document_currency.currency_code end,
            nullif({{ literal(var('default_currency') | upper) }}, '')
        )
    end as currency_code,
    contacts.phone,
    contacts.fax,
    contacts.email,
    contacts.web_site,
    contacts.department,
    contacts.profession,
    contacts.notes,
    contacts.government_id,
    contacts.spouse_name,
    contacts.gender_code,
    case when contacts.gender_code is null then 'Unknown' else genders.member end as gender,
    contacts.marital_status_code,
    case when contacts.marital_status_code is null then 'None' else marital_statuses.member end as marital_status,
    not contacts.is_mail_refused as is_receiving_mail,
    contacts.role_code,
    decision_roles.sales_code is not null as is_role_mapped,
    nullif(btrim(decision_roles.role_code), '') as decision_role,

    -- versions
    case when numbers.is_number_assigned then contacts.etag end as etag,
    contacts.unreadable,
    contacts.altered,
    contacts.own_fields,
    contacts.own_unmapped
from contacts
inner join numbers on numbers.source_key = contacts.source_key
inner join roles on roles.source_key = contacts.source_key
left join account_customers on account_customers.account_id = roles.account_id
left join currencies on currencies.currency_id = contacts.currency_id
left join document_currencies on document_currencies.customer_id = contacts.source_key
left join currencies as document_currency on document_currency.currency_id = document_currencies.currency_id
left join genders on genders.sales_code = contacts.gender_code
left join marital_statuses on marital_statuses.sales_code = contacts.marital_status_code
left join decision_roles on decision_roles.sales_code = contacts.role_code
