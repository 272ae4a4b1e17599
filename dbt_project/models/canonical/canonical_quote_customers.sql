with quotes as (

    select distinct customer_id from {{ ref('stg_sales__quotes') }} where customer_id is not null

),

-- a customer keeps the number and company it was delivered with; its own flow holds later changes of them
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

-- an account and a contact may have the same id: nobody can tell then which of them the quote is for
counted as (

    select
        masters.*,
        count(*) over (partition by masters.source_key) > 1 as is_ambiguous
    from masters
    inner join quotes on quotes.customer_id = masters.source_key

)

select distinct on (counted.source_key)
    counted.source_key,
    counted.is_ambiguous,
    case when not counted.is_ambiguous then counted.customer_reference end as customer_reference,
    case when not counted.is_ambiguous then coalesce(delivered_customers.customer_account, counted.number) end
        as customer_number,
    case when not counted.is_ambiguous then counted.customer_name end as customer_name,
    case when not counted.is_ambiguous then coalesce(delivered_customers.company, counted.company) end as company
from counted
left join delivered_customers on delivered_customers.record_key = counted.source_key
order by counted.source_key
