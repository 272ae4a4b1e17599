with contacts as (

    select *, {{ row_age() }} from {{ ref('canonical_contacts') }}

),

addresses as (

    select *, {{ row_age() }} from {{ ref('canonical_contact_addresses') }}

),

violations as (

    select
        source_key,
        bool_or(effect = 'block') as is_held,
        bool_or(effect = 'exclude') as is_excluded
    from {{ ref('violations_contacts') }}
    group by source_key

),

passed as (

    select
        contacts.*,
        -- a contact person is a contact at an account; at another account it is another contact person
        contacts.source_key || '/' || contacts.account_id as pair
    from contacts
    left join violations on violations.source_key = contacts.source_key
    where
        contacts.becomes = 'contact_person' and contacts.operation is not null
        and not coalesce(violations.is_held or violations.is_excluded, false)

),

-- excluded, not held: a contact person that was delivered earlier is made inactive
excluded as (

    select
        contacts.source_key,
        contacts.record
    from contacts
    inner join violations on violations.source_key = contacts.source_key
    where violations.is_excluded and not violations.is_held

),

-- materialized, because Postgres would inline this and build every body twice: for itself and for its hash
bodies as materialized (

    select
        passed.source_key,
        passed.pair,
        passed.account_id,
        passed.record,
        passed.contact_number,
        passed.is_number_assigned,
        passed.company,
        case when not {{ is_unchanged('passed', 'pair', also=['addresses']) }} then jsonb_build_object(
            'FirstName', passed.first_name,
            'MiddleName', passed.middle_name,
            'LastName', passed.last_name,
            'IsContactPersonExternallyMaintained', 'Yes',
            'IsInactive', 'No',
            'PrimaryPhoneNumber', passed.phone,
            'PrimaryFaxNumber', passed.fax,
            'PrimaryEmailAddress', passed.email,
            'PrimaryURL', passed.web_site,
            'EmploymentDepartment', passed.department,
            'EmploymentProfession', passed.profession,
            'Notes', passed.notes,
            'GovernmentIdentificationNumber', passed.government_id,
            'SpouseName', passed.spouse_name,
            'Gender', passed.gender,
            'MaritalStatus', passed.marital_status,
            'IsReceivingDirectMail', case when passed.is_receiving_mail then 'Yes' else 'No' end,
            {%- if var('send_decision_role') %}
            'DecisionMakingRoleCode', passed.decision_role,
            {%- endif %}
            'block:address', {{ address_block(
                'addresses', 'PrimaryAddress', var('address_description'), var('address_role'), ids=true
            ) }}
        ) || coalesce(passed.own_fields, '{}') end as body
    from passed
    inner join addresses on addresses.source_key = passed.source_key

),

envelopes as (

    select
        pair as source_key,
        record,
        coalesce(company, '') as company,
        jsonb_build_object(
            'dataAreaId', company,
            'ContactPersonPartyNumber',
            {{
                "contact_number" if var("send_party_number")
                else "'@?{CDSContactPersons.ContactPersonPartyNumber:' || source_key || '/*}'"
            }},
            'AssociatedPartyNumber', '@{CustomersV3.PartyNumber:' || account_id || '}'
        ) as target_key,
        body,
        {{ body_hash('body') }} as body_hash,
        {%- if var('send_party_number') and var('contact_number_column') %}
        array['accounts:' || account_id]
        || case when is_number_assigned then array['contact_numbers:' || source_key] else '{}' end as requires,
        {%- else %}
        array['accounts:' || account_id] as requires,
        {%- endif %}
        source_key as document,
        'upsert' as operation
    from bodies
    union all
    select
        source_key,
        record,
        '' as company,
        '{}'::jsonb as target_key,
        '{}'::jsonb as body,
        {{ body_hash("'{}'::jsonb") }} as body_hash,
        '{}'::text[] as requires,
        source_key as document,
        'absent' as operation
    from excluded

)

select
    source_key,
    record,
    company,
    target_key,
    body,
    body_hash,
    requires,
    document,
    1 as ordinal,
    operation,
    null::text as if_match,
    null::text as locked
from envelopes
