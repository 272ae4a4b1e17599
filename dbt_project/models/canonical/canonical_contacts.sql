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

-- the customers of every sales document there ever was; the ids of accounts among them meet no contact
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

customers_answered as (

    select
        record_key,
        party_number
    from {{ ref('stg_sync__identities') }}
    where entity = 'CustomersV3'

),

-- numbers that an assigned one must not meet: every number of Sales; of Finance and Operations those that did not come
-- from here, since a record under this very number that is maintained externally is the contact's own
taken_numbers as (

    select lower(contact_number) as folded_number
    from {{ ref('stg_sales__contacts') }}
    where contact_number is not null
    union all
    select lower(account_number) as folded_number
    from {{ ref('stg_sales__accounts') }}
    where account_number is not null
    union all
    select lower(customer_account) as folded_number
    from {{ ref('stg_finops__customers_v3') }}
    where not is_externally_maintained and not is_deleted
    union all
    select lower(party_number) as folded_number
    from {{ ref('stg_finops__cds_contact_persons') }}
    where not is_externally_maintained and not is_deleted

),

-- most contacts have no number in Sales, and nearly all of them get the first one that is made
first_candidates as (

    select
        source_key,
        {{ assigned_number('CON', 'source_key', '0') }} as account_number
    from contacts
    where contact_number is null

),

first_assigned as (

    select
        min(source_key) as source_key,
        account_number
    from first_candidates
    where not exists (select 1 from taken_numbers where folded_number = lower(first_candidates.account_number))
    group by account_number

),

candidates as (

    select
        first_candidates.source_key,
        salts.salt,
        {{ assigned_number('CON', 'first_candidates.source_key', 'salts.salt') }} as account_number
    from first_candidates
    cross join generate_series(1, 3) as salts (salt)
    where not exists (select 1 from first_assigned where first_assigned.source_key = first_candidates.source_key)

),

free_candidates as (

    select
        source_key,
        salt,
        account_number,
        row_number() over (partition by account_number order by salt, source_key) as turn
    from candidates
    where
        not exists (select 1 from taken_numbers where folded_number = lower(candidates.account_number))
        and not exists (select 1 from first_assigned where first_assigned.account_number = candidates.account_number)

),

assigned_numbers as (

    select
        source_key,
        account_number
    from first_assigned
    union all
    (
        select distinct on (source_key)
            source_key,
            account_number
        from free_candidates
        where turn = 1
        order by source_key, salt
    )

),

-- customers of both flows are numbered alike, so an account's number is taken too
used_numbers as (

    select lower(contact_number) as folded_number
    from {{ ref('stg_sales__contacts') }}
    where contact_number is not null and is_active and not is_deleted and master_contact_id is null
    union all
    select lower(account_number) as folded_number
    from {{ ref('stg_sales__accounts') }}
    where account_number is not null and is_active and not is_deleted and master_account_id is null

),

shared_numbers as (

    select folded_number from used_numbers
    group by folded_number
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

genders as (

    select * from {{ ref('gender') }}

),

marital_statuses as (

    select * from {{ ref('marital_status') }}

),

decision_roles as (

    select * from {{ ref('decision_role') }}

),

customers as (

    select
        company,
        lower(customer_account) as folded_number,
        on_hold_status,
        is_externally_maintained and party_type = 'Person' as is_our_person
    from {{ ref('stg_finops__customers_v3') }}
    where not is_deleted

),

numbered as (

    select
        contacts.*,
        coalesce(contacts.contact_number, assigned_numbers.account_number) as number,
        accounts.source_key as account_id,
        accounts.company as account_company,
        accounts.company_text as account_company_text,
        coalesce(
            companies.sales_name, {{ 'contacts.' ~ company_column if company_column else 'null::text' }}
        ) as own_company_text,
        {%- if company_from == 'fixed' %}
        {{ company_or_first('fixed_company') }} as own_company,
        {%- else %}
        companies.company as own_company,
        {%- endif %}
        active_customers.source_key is not null as is_active_customer,
        customers_answered.record_key is not null as was_customer,
        concat(
            contacts.street, contacts.city, contacts.state_text, contacts.postal_code, contacts.country_text
            {%- if var('send_county') %}, contacts.county{% endif -%}
        ) = '' as is_address_blank
    from contacts
    left join assigned_numbers on assigned_numbers.source_key = contacts.source_key
    left join accounts on accounts.source_key = contacts.parent_id
    left join active_customers on active_customers.source_key = contacts.source_key
    left join customers_answered on customers_answered.record_key = contacts.source_key
    left join companies
        on companies.sales_value = lower({{ 'contacts.' ~ company_column if company_column else 'null::text' }})

),

placed as (

    select
        numbered.*,
        customers.on_hold_status as customer_on_hold_status,
        coalesce(customers.is_our_person, false) as is_our_customer,
        case
            when numbered.is_active_customer or numbered.was_customer or customers.is_our_person then 'customer'
            when numbered.account_id is not null then 'contact_person'
        end as becomes
    from numbered
    left join customers
        on customers.company = coalesce(numbered.account_company, numbered.own_company)
        and customers.folded_number = lower(numbered.number)

),

located as (

    select
        placed.*,
        case
            when placed.is_deleted then 'deleted'
            when placed.master_contact_id is not null then 'merged'
            when not placed.is_active then 'inactive'
            when placed.becomes is null then 'unattached'
            else 'active'
        end as fate,
        case
            when placed.becomes = 'contact_person' then placed.account_company
            else coalesce(placed.account_company, placed.own_company)
        end as company,
        case
            when placed.becomes = 'contact_person' then placed.account_company_text
            else coalesce(placed.own_company_text, placed.account_company_text)
        end as company_text_used,
        case
            when placed.country_text is not null then countries.iso2
            when {{ 'true' if var('country_for_blank_address') else 'not placed.is_address_blank' }}
                then nullif({{ literal(var('country_when_blank')) }}, '')
        end as country_iso2
    from placed
    left join countries on countries.sales_text = lower(placed.country_text)

),

agreed as (

    select
        -- keys
        located.source_key,
        located.number as contact_number,
        located.contact_number is null as is_number_assigned,
        shared_numbers.folded_number is not null as is_number_shared,
        located.company,
        located.company_text_used as company_text,
        located.account_id,
        account_answered.party_number as account_party_number,

        -- fate
        located.becomes,
        located.fate,
        case
            when located.fate = 'active' then 'upsert'
            {%- if choice('contact_customer_deactivation', ['report', 'on_hold']) == 'on_hold' %}
            when
                located.fate = 'inactive' and located.becomes = 'customer'
                and located.customer_on_hold_status in ('No', 'All')
                then 'deactivate'
            {%- endif %}
        end as operation,
        located.customer_on_hold_status,
        located.is_our_customer,

        -- attributes
        located.first_name,
        located.middle_name,
        located.last_name,
        case
            when located.currency_id is null then nullif({{ literal(var('default_currency') | upper) }}, '')
            else currencies.currency_code
        end as currency_code,
        located.phone,
        located.fax,
        located.email,
        located.web_site,
        located.department,
        located.profession,
        located.notes,
        located.government_id,
        located.spouse_name,
        located.gender_code,
        case when located.gender_code is null then 'Unknown' else genders.member end as gender,
        located.marital_status_code,
        case when located.marital_status_code is null then 'None' else marital_statuses.member end as marital_status,
        not located.is_mail_refused as is_receiving_mail,
        located.role_code,
        decision_roles.sales_code is not null as is_role_mapped,
        nullif(btrim(decision_roles.role_code), '') as decision_role,

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

        -- versions
        case when located.contact_number is null then located.etag end as etag,
        located.unreadable,
        located.own_fields,
        located.own_unmapped
    from located
    left join shared_numbers
        on shared_numbers.folded_number = lower(located.contact_number) and located.fate = 'active'
    left join customers_answered as account_answered on account_answered.record_key = located.account_id
    left join currencies on currencies.currency_id = located.currency_id
    left join genders on genders.sales_code = located.gender_code
    left join marital_statuses on marital_statuses.sales_code = located.marital_status_code
    left join decision_roles on decision_roles.sales_code = located.role_code
    left join states
        on states.iso2 = located.country_iso2 and states.sales_text = lower(located.state_text)
    left join countries_with_states on countries_with_states.iso2 = located.country_iso2

)

select * from agreed
