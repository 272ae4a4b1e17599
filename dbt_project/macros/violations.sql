{#
  What the models of validation consist of: branches, which are relations of (source_key, broken_rule, field, value).
  `broken` makes a model of some of them, which is a branch itself; `violations` makes the model of all that a flow has. The
  other macros here are branches that several flows have.
#}

{#
  One row per record, broken rule and field, which is the key of these models: if a record breaks a rule twice in a field,
  its row has both values (at most 6).
#}
{% macro broken(branches) -%}
    select
        source_key,
        broken_rule,
        coalesce(field, '') as field,
        array_to_string((array_agg(distinct coalesce(value, '') collate "C"))[1:6], ', ') as value
    from (
        {%- for branch in branches %}
        {{ "union all " if not loop.first }}select source_key, broken_rule, field, value from {{ branch }}
        {%- endfor %}
    ) as branches
    group by source_key, broken_rule, coalesce(field, '')
{%- endmacro %}

{# `records` is the canonical relation, `record` what people call one of its records, whose id is its name otherwise. #}
{% macro violations(flow, branches, records, record) -%}
    select
        broken.source_key,
        coalesce({{ record }}, broken.source_key) as record,
        coalesce(records.company, '') as company,
        broken.broken_rule,
        rules.effect,
        broken.field,
        broken.value
    from ({{ broken(branches) }}) as broken
    left join {{ records }} as records on records.source_key = broken.source_key
    left join (
        select distinct on (rule) rule, effect from {{ ref('rules') }}
        where flow = {{ literal(flow) }}
        order by rule, effect
    ) as rules on rules.rule = broken.broken_rule
{%- endmacro %}

{#
  Values that are not of their field's kind, that var own_fields does not map, or of which a part is lost. `key` is the
  record's key in the relation, `line` an expression that is put before the field's name.
#}
{% macro bad_values(relation, key="source_key", line="''", own_unmapped="own_unmapped", altered="altered") -%}
    select
        {{ key }} as source_key,
        bad.broken_rule,
        {{ line }} || bad.field as field,
        bad.value
    from {{ relation }}
    cross join lateral (
        select 'value_unreadable', unreadable.field, unreadable.value
        from jsonb_each_text(unreadable) as unreadable (field, value)
        union all
        select 'own_field_unmapped', unmapped.field, unmapped.value
        from jsonb_each_text({{ own_unmapped }}) as unmapped (field, value)
        union all
        select 'value_altered', lost.field, lost.value
        from jsonb_each_text({{ altered }}) as lost (field, value)
    ) as bad (broken_rule, field, value)
    where unreadable is not null or own_unmapped is not null or {{ altered }} is not null
{%- endmacro %}

{# Texts that are longer than the target allows: `limits` is a list of [field, column, UTF-16 units]. #}
{% macro too_long(relation, limits) -%}
    select
        source_key,
        'value_too_long' as broken_rule,
        measured.field,
        measured.max_length::text as value
    from {{ relation }}
    cross join lateral (
        {%- for field, column, units in limits %}
        {{ "union all " if not loop.first }}select {{ literal(field) }}, {{ column }}, {{ units }}
        {%- endfor %}
    ) as measured (field, value, max_length)
    where {{ is_longer('measured.value', 'measured.max_length') }}
{%- endmacro %}

{# Records whose payload could not be stored. #}
{% macro quarantined(system, entity) -%}
    select
        key as source_key,
        'payload_unreadable' as broken_rule,
        field,
        reason as value
    from {{ source('landing', 'quarantine') }}
    where
        env_id = {{ literal(env_id(system)) }}
        and system = {{ literal(system) }} and entity = {{ literal(entity) }} and resolved_at is null
{%- endmacro %}

{#
  Per company that the connection serves: does it have the customer group, site and warehouse that the vars name? A blank
  var asks for none.
#}
{% macro company_setup(customer_group, site, warehouse) -%}
    select distinct on (companies.company)
        companies.company,
        exists (
            select 1 from {{ ref('stg_finops__customer_groups') }} as customer_groups
            where
                customer_groups.company = companies.company and not customer_groups.is_deleted
                and {{ key_fold('customer_groups.customer_group_id') }} = {{ key_fold(literal(customer_group)) }}
        ) as has_customer_group,
        {{ literal(site) }} = '' or exists (
            select 1 from {{ ref('stg_finops__operational_sites') }} as sites
            where
                sites.company = companies.company and not sites.is_deleted
                and {{ key_fold('sites.site_id') }} = {{ key_fold(literal(site)) }}
        ) as has_site,
        {{ literal(warehouse) }} = '' or exists (
            select 1 from {{ ref('stg_finops__warehouses') }} as warehouses
            where
                warehouses.company = companies.company and not warehouses.is_deleted
                and {{ key_fold('warehouses.warehouse_id') }} = {{ key_fold(literal(warehouse)) }}
                and (
                    {{ literal(site) }} = '' or warehouses.site_id is null
                    or {{ key_fold('warehouses.site_id') }} = {{ key_fold(literal(site)) }}
                )
        ) as has_warehouse
    from {{ ref('stg_finops__legal_entities') }} as companies
    where
        not companies.is_deleted
        and (companies.company = any({{ served_companies() }}) or {{ served_companies() }} is null)
    order by companies.company
{%- endmacro %}

{# The currencies of Finance and Operations, each once. #}
{% macro finops_currencies() -%}
    select distinct currency_code from {{ ref('stg_finops__currencies') }}
    where currency_code is not null and not is_deleted
{%- endmacro %}
