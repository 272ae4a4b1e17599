with accounts as (

    select * from {{ ref('stg_sales__accounts') }}

),

-- numbers that must not be assigned again: every number in Sales, and in Finance and Operations those of customers that
-- are not maintained externally; one that is, under exactly this number, is the account's own customer
taken_numbers as (

    select {{ key_fold_latin('account_number') }} as folded_number
    from accounts
    where account_number is not null
    union all
    select {{ key_fold_latin('customer_account') }} as folded_number
    from {{ ref('stg_finops__customers_v3') }}
    where not is_externally_maintained and not is_deleted

),

unnumbered as (

    select source_key from accounts where account_number is null

),

assigned_numbers as (

    {{ free_numbers('ACC', 'unnumbered', 'taken_numbers') }}

),

delivered_customers as (

    select
        record_key,
        customer_account,
        pinned_at
    from {{ ref('stg_sync__identities') }}
    where entity = 'CustomersV3'

),

-- an inactive account that was never delivered claims no number
own_claims as (

    select
        accounts.source_key,
        accounts.account_number as number,
        null::timestamptz as pinned_at
    from accounts
    left join delivered_customers on delivered_customers.record_key = accounts.source_key
    where
        not accounts.is_deleted
        and (
            (accounts.is_active and accounts.master_account_id is null)
            or delivered_customers.record_key is not null
        )

),

number_claims as (

    select * from own_claims
    union all
    select
        record_key as source_key,
        customer_account as number,
        pinned_at
    from delivered_customers
    where not exists (select 1 from accounts where source_key = record_key and is_deleted)

),

claimed_numbers as (

    select distinct {{ key_fold_latin('number') }} as folded_number from number_claims

),

shared_numbers as (

    {{ sharers('number_claims') }}

),

numbered as (

    select
        accounts.source_key,
        accounts.account_number as sales_number,
        coalesce(accounts.account_number, assigned_numbers.number) as account_number
    from accounts
    left join assigned_numbers on assigned_numbers.source_key = accounts.source_key

)

select
    numbered.source_key,
    numbered.account_number,
    numbered.sales_number is null as is_number_assigned,
    shared_numbers.source_key is not null as is_number_shared,
    {{ with_spellings('numbered.sales_number', 'shared_numbers.spellings') }} as number_spellings,
    claimed_numbers.folded_number is not null and own_claims.source_key is null
    and delivered_customers.record_key is null as is_twin
from numbered
left join shared_numbers on shared_numbers.source_key = numbered.source_key
left join own_claims on own_claims.source_key = numbered.source_key
left join delivered_customers on delivered_customers.record_key = numbered.source_key
left join claimed_numbers on claimed_numbers.folded_number = {{ key_fold_latin('numbered.account_number') }}
