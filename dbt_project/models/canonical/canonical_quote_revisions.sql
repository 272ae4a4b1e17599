with quotes as (

    select
        source_key,
        typed_number,
        quote_number,
        revision,
        unreadable ->> 'revisionnumber' as unread_revision,
        is_deleted,
        -- Sales allows 100 characters; what is longer would not fit into an index either
        quote_number is not null and length(quote_number) <= 100 as is_numbered
    from {{ ref('stg_sales__quotes') }}

),

delivered_quotations as (

    select
        record_key,
        quotation_number
    from {{ ref('stg_sync__identities') }}
    where entity = 'CDSSalesQuotationHeaders'

),

live_spellings as (

    select
        typed_number,
        quote_number,
        lower(quote_number) as document_key,
        min(source_key) as first_quote_id
    from quotes
    where is_numbered and not is_deleted
    group by typed_number, quote_number

),

-- of numbers that differ only in case or in the blanks around them one is the document: the delivered one, else the
-- first; the others are held
spellings as (

    select
        live_spellings.*,
        row_number() over (
            partition by live_spellings.document_key
            order by
                delivered_quotations.quotation_number is not null desc,
                live_spellings.typed_number = live_spellings.quote_number desc,
                live_spellings.typed_number collate "C"
        ) as place
    from live_spellings
    left join delivered_quotations
        on delivered_quotations.record_key = live_spellings.document_key
        and delivered_quotations.quotation_number = live_spellings.quote_number

),

-- a quote without a usable number, and one whose number is spelled otherwise than the document, is a document of its
-- own; its key has upper case, so no number in lower case can be the same
keyed as (

    select
        quotes.*,
        case
            when not quotes.is_numbered then 'ID ' || quotes.source_key
            when spellings.place > 1 then 'ID ' || spellings.first_quote_id
            else lower(quotes.quote_number)
        end as document_key
    from quotes
    left join spellings
        on quotes.is_numbered and not quotes.is_deleted and spellings.typed_number = quotes.typed_number

),

counted as (

    select
        keyed.*,
        count(*) filter (where not is_deleted) over (partition by document_key) as live_count,
        count(*) filter (where not is_deleted) over (partition by document_key, revision) as live_count_of_revision,
        max(unread_revision) filter (where not is_deleted) over (partition by document_key) as unread_of_document,
        row_number() over (
            partition by document_key order by is_deleted, revision desc, source_key
        ) = 1 as is_newest
    from keyed

)

select
    source_key,
    document_key,
    quote_number,
    is_newest,
    -- nobody can know which one is the newest: two have its revision, or one of several has none that can be read
    case
        when is_newest and live_count > 1 then coalesce(
            unread_of_document, case when live_count_of_revision > 1 then revision::text end
        )
    end as contested_revision
from counted
