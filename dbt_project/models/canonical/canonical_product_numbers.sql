with delivered_products as (

    select
        record_key,
        product_number,
        pinned_at
    from {{ ref('stg_sync__identities') }}
    where entity = 'products'

),

spelled as (

    select
        source_key as released_key,
        company,
        product_number,
        {{ key_fold('product_number') }} as folded_number,
        is_deleted,
        absent_reads
    from {{ ref('stg_finops__sellable_released_products') }}
    where company = any({{ served_companies() }}) or {{ served_companies() }} is null

),

ranked as (

    select
        spelled.*,
        delivered_products.record_key is not null as is_delivered,
        count(*) filter (where not spelled.is_deleted) over spellings as live_count,
        row_number() over (
            spellings
            order by
                spelled.is_deleted, delivered_products.pinned_at nulls last, spelled.absent_reads, spelled.released_key
        ) as place,
        first_value(spelled.released_key) over (
            spellings order by delivered_products.pinned_at nulls last, spelled.released_key
        ) as first_delivered_key,
        bool_or(delivered_products.record_key is not null) over spellings as is_any_delivered
    from spelled
    left join delivered_products on delivered_products.record_key = spelled.released_key
    window spellings as (partition by spelled.company, spelled.folded_number)

),

-- a number that has come back in another spelling is the same product and keeps the key under which it was delivered;
-- of one that is gone in all its spellings, one row stands for it
products as (

    select
        ranked.*,
        case
            when ranked.live_count = 1 and not ranked.is_delivered and ranked.is_any_delivered
                then ranked.first_delivered_key
            else ranked.released_key
        end as source_key
    from ranked
    where not ranked.is_deleted or (ranked.live_count = 0 and ranked.place = 1)

),

master_company as (

    select
        coalesce({{ company_or_first('product_master_company') }}, min(company) filter (where company <> '')) as company
    from products

),

number_claims as (

    select
        products.source_key,
        products.product_number as number,
        null::timestamptz as pinned_at
    from products
    inner join master_company on master_company.company = products.company
    where not products.is_deleted
    union all
    select
        delivered_products.record_key as source_key,
        delivered_products.product_number as number,
        delivered_products.pinned_at
    from delivered_products
    where exists (
        select 1 from products where products.source_key = delivered_products.record_key and not products.is_deleted
    )

),

shared_numbers as (

    {{ sharers('number_claims') }}

),

-- should two numbers be one for us and not for the other system: the same spelling first
owned as (

    select distinct on (products.source_key)
        products.*,
        master_company.company as master_company,
        owners.source_key as owner_key
    from products
    cross join master_company
    left join products as owners
        on owners.company = master_company.company and owners.folded_number = products.folded_number
    order by products.source_key, owners.product_number = products.product_number desc, owners.source_key

)

select
    owned.source_key,
    owned.released_key,
    owned.company,
    owned.product_number,
    owned.folded_number,
    coalesce(delivered_products.product_number, owned.product_number) as delivered_number,
    coalesce(shared_numbers.source_key is not null and owned.company = owned.master_company, false) as is_number_shared,
    {{ with_spellings('owned.product_number', 'shared_numbers.spellings') }} as number_spellings,
    coalesce(owned.company = owned.master_company, false) as is_owner,
    owned.owner_key,
    owned.master_company
from owned
left join shared_numbers on shared_numbers.source_key = owned.source_key
left join delivered_products on delivered_products.record_key = owned.source_key
