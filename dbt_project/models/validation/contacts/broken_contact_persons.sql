with checked as (

    select * from {{ ref('canonical_contacts') }} where becomes = 'contact_person' and operation is not null

),

-- an excluded account that was never delivered has no customer that a contact person could belong to
excluded_accounts as (

    select
        source_key,
        record
    from {{ ref('canonical_accounts') }}
    where lifecycle_status in ('inactive', 'filtered', 'deleted')

),

known_roles as (

    select distinct
        company,
        {{ key_fold('role_name') }} as folded_role
    from {{ ref('stg_finops__decision_making_roles') }}
    where not is_deleted

),

contacts_of_excluded_accounts as (

    select
        checked.source_key,
        'account_left_out' as broken_rule,
        'parentcustomerid' as field,
        excluded_accounts.record as value
    from checked
    inner join excluded_accounts on excluded_accounts.source_key = checked.account_id
    where checked.account_party_number is null

),

by_decision_role as (

    select
        checked.source_key,
        broken.broken_rule,
        'accountrolecode' as field,
        broken.value
    from checked
    left join known_roles
        on known_roles.company = checked.company and known_roles.folded_role = {{ key_fold('checked.decision_role') }}
    cross join lateral (
        select
            'decision_role_unmapped', checked.role_code::text,
            checked.role_code is not null and not checked.is_role_mapped
        union all select
            'decision_role_missing', checked.decision_role,
            checked.decision_role is not null and checked.company is not null and known_roles.company is null
    ) as broken (broken_rule, value, is_broken)
    where {{ 'true' if var('send_decision_role') else 'false' }} and broken.is_broken

),

-- a contact of an account that was never delivered waits for it; that of one that was delivered would go to no company
contacts_of_no_company as (

    select
        source_key,
        'company_unmapped' as broken_rule,
        'company' as field,
        company_text as value
    from checked
    where company is null and account_party_number is not null

),

similar_contacts as (

    select
        checked.source_key,
        'contact_similar' as broken_rule,
        'lastname' as field,
        min(others.party_number) as value
    from checked
    inner join {{ ref('stg_finops__cds_contact_persons') }} as others
        on others.company = checked.company and others.associated_party_number = checked.account_party_number
        and {{ folded('others.last_name') }} = {{ folded('checked.last_name') }}
        and {{ folded('others.first_name') }} = {{ folded('checked.first_name') }}
    where not others.is_deleted and not others.is_externally_maintained
    group by checked.source_key

)

{{ broken([
    'contacts_of_excluded_accounts', 'by_decision_role', 'contacts_of_no_company', 'similar_contacts',
]) }}
