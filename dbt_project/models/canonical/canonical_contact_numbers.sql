with contacts as (

    select * from {{ ref('stg_sales__contacts') }}

),

delivered_customers as (

    select
        record_key,
        customer_account,
        pinned_at
    from {{ ref('stg_sync__identities') }}
    where entity = 'CustomersV3'

),

-- accounts and contacts become customers in one number sequence, so a number of either is in use for both
sales_records as (

    select
        source_key,
        contact_number as number,
        is_deleted,
        is_active and master_contact_id is null as is_active,
        true as is_contact
    from contacts
    union all
    select
        source_key,
        account_number as number,
        is_deleted,
        is_active and master_account_id is null as is_active,
        false as is_contact
    from {{ ref('stg_sales__accounts') }}

),

-- numbers that must not be assigned again: every number in Sales, and in Finance and Operations those of records that
-- are not maintained externally; one that is, under exactly this number, is the contact's own record
taken_numbers as (

    select {{ key_fold_latin('number') }} as folded_number
    from sales_records
    where number is not null
    union all
    select {{ key_fold_latin('customer_account') }} as folded_number
    from {{ ref('stg_finops__customers_v3') }}
    where not is_externally_maintained and not is_deleted
    union all
    select {{ key_fold_latin('party_number') }} as folded_number
    from {{ ref('stg_finops__cds_contact_persons') }}
    where not is_externally_maintained and not is_deleted

),

unnumbered as (

    select source_key from contacts where contact_number is null

),

assigned_numbers as (

    {{ free_numbers('CON', 'unnumbered', 'taken_numbers') }}

),

-- an inactive record that was never delivered claims no number
own_claims as (

    select
        sales_records.source_key,
        sales_records.number,
        null::timestamptz as pinned_at,
        sales_records.is_contact
    from sales_records
    left join delivered_customers on delivered_customers.record_key = sales_records.source_key
    where
        not sales_records.is_deleted
        and (sales_records.is_active or delivered_customers.record_key is not null)

),

number_claims as (

    select
        source_key,
        number,
        pinned_at
    from own_claims
    union all
    select
        record_key as source_key,
        customer_account as number,
        pinned_at
    from delivered_customers
    where not exists (select 1 from sales_records where source_key = record_key and is_deleted)

),

claimed_numbers as (

    select distinct {{ key_fold_latin('number') }} as folded_number from number_claims

),

shared_numbers as (

    {{ sharers('number_claims') }}

),

numbered as (

    select
        contacts.source_key,
        contacts.contact_number as sales_number,
        coalesce(contacts.contact_number, assigned_numbers.number) as contact_number
    from contacts
    left join assigned_numbers on assigned_numbers.source_key = contacts.source_key

)

select
    numbered.source_key,
    numbered.contact_number,
    numbered.sales_number is null as is_number_assigned,
    shared_numbers.source_key is not null as is_number_shared,
    {{ with_spellings('numbered.sales_number', 'shared_numbers.spellings') }} as number_spellings,
    claimed_numbers.folded_number is not null and own_claims.source_key is null
    and delivered_customers.record_key is null as is_twin
from numbered
left join shared_numbers on shared_numbers.source_key = numbered.source_key
left join own_claims on own_claims.source_key = numbered.source_key and own_claims.is_contact
left join delivered_customers on delivered_customers.record_key = numbered.source_key
left join claimed_numbers on claimed_numbers.folded_number = {{ key_fold_latin('numbered.contact_number') }}
