with accounts as (

    select *, {{ row_age() }} from {{ ref('canonical_accounts') }}

),

kept_back as (

    select distinct source_key from {{ ref('violations_accounts') }} where effect in ('block', 'exclude')

),

-- materialized: inlined, every body would be built twice, once more for its hash
bodies as materialized (

    select
        accounts.source_key,
        accounts.account_number,
        accounts.company,
        accounts.is_number_assigned,
        accounts.operation,
        case when not {{ is_unchanged('accounts') }} then jsonb_build_object(
            'PartyType', 'Organization',
            {%- if var('send_party_number') %}
            'PartyNumber', accounts.account_number,
            {%- endif %}
            'OrganizationName', accounts.account_name,
            'IsExternallyMaintained', 'Yes',
            'CustomerGroupId', {{ literal(var('customer_group_id')) }},
            'SalesCurrencyCode', accounts.currency_code,
            'LanguageId', {{ literal(var('language_id')) }},
            'SiteId', nullif({{ literal(var('site_id')) }}, ''),
            'WarehouseId', nullif({{ literal(var('warehouse_id')) }}, ''),
            {%- if var('account_deactivation') == 'on_hold' %}
            'OnHoldStatus', case
                when accounts.operation = 'deactivate' then 'All'
                when accounts.customer_on_hold_status not in ('No', 'All') then accounts.customer_on_hold_status
                else 'No'
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
            'block:address', jsonb_build_object(
                'AddressDescription', case
                    when accounts.country_iso2 is not null or not accounts.is_address_blank
                        then {{ literal(var('address_description')) }}
                end,
                'AddressLocationRoles', case
                    when accounts.country_iso2 is not null or not accounts.is_address_blank
                        then {{ literal(var('address_role')) }}
                end,
                'AddressStreet', accounts.street,
                'AddressCity', accounts.city,
                'AddressState', accounts.state_id,
                'AddressZipCode', accounts.postal_code,
                {%- if var('send_county') %}
                'AddressCounty', accounts.county,
                {%- endif %}
                'AddressCountryRegionISOCode', accounts.country_iso2
            ),
            'block:delivery_address', jsonb_build_object(
                'DeliveryAddressDescription', case
                    when accounts.delivery_country_iso2 is not null or not accounts.is_delivery_address_blank
                        then {{ literal(var('delivery_address_description')) }}
                end,
                'DeliveryAddressStreet', accounts.delivery_street,
                'DeliveryAddressCity', accounts.delivery_city,
                'DeliveryAddressState', accounts.delivery_state_id,
                'DeliveryAddressZipCode', accounts.delivery_postal_code,
                {%- if var('send_county') %}
                'DeliveryAddressCounty', accounts.delivery_county,
                {%- endif %}
                'DeliveryAddressCountryRegionISOCode', accounts.delivery_country_iso2
            )
        ) || coalesce(accounts.own_fields, '{}') end as body
    from accounts
    where
        accounts.operation is not null
        and not exists (select 1 from kept_back where kept_back.source_key = accounts.source_key)

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
