with accounts as (

    select *, {{ row_age() }} from {{ ref('canonical_accounts') }}

),

addresses as (

    select *, {{ row_age() }} from {{ ref('canonical_account_addresses') }}

),

held_or_excluded as (

    select distinct source_key from {{ ref('violations_accounts') }} where effect in ('block', 'exclude')

),

-- materialized, because Postgres would inline this and build every body twice: for itself and for its hash
bodies as materialized (

    select
        accounts.source_key,
        accounts.account_number,
        accounts.company,
        accounts.is_number_assigned,
        accounts.operation,
        case when not {{ is_unchanged('accounts', also=['addresses']) }} then jsonb_build_object(
            'PartyType', 'Organization',
            {%- if var('send_party_number') %}
            'PartyNumber', accounts.account_number,
            {%- endif %}
            'OrganizationName', accounts.account_name,
            'IsExternallyMaintained', 'Yes',
            'CustomerGroupId', {{ literal(var('customer_group_id')) }},
            'SalesCurrencyCode', accounts.currency_code,
            'LanguageId', {{ literal(var('language_id')) }},
            {%- if var('site_id') %}
            'SiteId', {{ literal(var('site_id')) }},
            {%- endif %}
            {%- if var('warehouse_id') %}
            'WarehouseId', {{ literal(var('warehouse_id')) }},
            {%- endif %}
            {%- if var('account_deactivation') == 'on_hold' %}
            -- written only over a value in `over` or one that we wrote ourselves, as a read of that moment shows
            'guard:OnHoldStatus', case
                when accounts.operation = 'deactivate' then '{"value": "All", "over": ["No"]}'::jsonb
                else '{"value": "No", "over": []}'::jsonb
            end,
            {%- endif %}
            'PrimaryContactPhone', accounts.phone,
            'PrimaryContactFax', accounts.fax,
            'PrimaryContactEmail', accounts.email,
            'PrimaryContactURL', accounts.web_site,
            'PrimaryContactTwitter', accounts.twitter,
            'SalesMemo', accounts.memo,
            'CreditLimit', coalesce(accounts.credit_limit_amount, 0.00),
            'OrganizationNumberOfEmployees', coalesce(accounts.employee_count, 0),
            'block:address', {{ address_block(
                'addresses', 'Address', var('address_description'), var('address_role')
            ) }},
            'block:delivery_address', {{ address_block(
                'addresses', 'DeliveryAddress', var('delivery_address_description'), prefix='delivery_'
            ) }}
        ) || coalesce(accounts.own_fields, '{}') end as body
    from accounts
    inner join addresses on addresses.source_key = accounts.source_key
    where
        accounts.operation is not null
        and not exists (select 1 from held_or_excluded where held_or_excluded.source_key = accounts.source_key)

)

select
    source_key,
    account_number as record,
    company,
    jsonb_build_object('dataAreaId', company, 'CustomerAccount', account_number) as target_key,
    body,
    {{ body_hash('body') }} as body_hash,
    case when is_number_assigned then array['account_numbers:' || source_key] else '{}' end as requires,
    source_key as document,
    1 as ordinal,
    operation,
    null::text as if_match,
    null::text as locked
from bodies
