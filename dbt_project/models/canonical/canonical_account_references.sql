with accounts as (

    select * from {{ ref('stg_sales__accounts') }}

),

identities as (

    select * from {{ ref('stg_sync__identities') }}

),

contact_persons as (

    select
        company,
        party_number,
        associated_party_number,
        min(contact_person_id) as contact_person_id
    from {{ ref('stg_finops__contact_persons') }}
    where not is_deleted and not {{ is_longer('contact_person_id', 20) }}
    group by company, party_number, associated_party_number

),

final as (

    select
        accounts.source_key,
        nullif(accounts.parent_account_id, accounts.source_key) as parent_account_id,
        contact_persons.contact_person_id
    from accounts
    left join identities as customers
        on customers.entity = 'CustomersV3' and customers.record_key = accounts.source_key
    left join identities as contacts
        on contacts.entity = 'CDSContactPersons'
        and contacts.record_key = accounts.primary_contact_id || '/' || accounts.source_key
    left join contact_persons
        on contact_persons.company = contacts.company
        and contact_persons.party_number = contacts.party_number
        and contact_persons.associated_party_number = customers.party_number
    where not accounts.is_deleted

)

select * from final
where parent_account_id is not null or contact_person_id is not null
