{#
  Addresses. One relation per flow (canonical_<flow>_addresses) finds country and state of each record's addresses, by
  macro `addresses`; macros `address_rules` and `address_block` check them and make bodies of them. A record may have
  several: `prefix` stands before the columns of each, as in delivery_street.
#}
{#
  A query over the relation `records`: source_key and, for each prefix, the address and what was found for it.
  parts       what makes an address not blank; with `county`, there is a county, which counts if it is sent
  country     the country for a blank one, in a filled address and, with `for_blank`, in a blank address too
#}
{% macro addresses(records, prefixes, parts, country, for_blank, county=true) -%}
    {%- set parts = parts + (['county'] if county and var('send_county') else []) -%}
    with records as (

        select * from {{ records }}

    ),

    countries as (

        {{ map_rows('country', ['sales_text'], ['iso2']) }}

    ),

    states as (

        {{ map_rows('state', ['iso2', 'sales_text'], ['state_id']) }}

    ),

    countries_with_states as (

        select distinct iso2 from states

    )

    select
        records.source_key,
        {%- for prefix in prefixes %}
        {{ prefix }}place.is_blank as is_{{ prefix }}address_blank,
        records.{{ prefix }}street,
        records.{{ prefix }}city,
        records.{{ prefix }}state_text,
        {{ prefix }}states.state_id as {{ prefix }}state_id,
        {{ prefix }}countries_with_states.iso2 is not null as has_{{ prefix }}states,
        records.{{ prefix }}postal_code,
        {%- if county %}
        records.{{ prefix }}county,
        {%- endif %}
        records.{{ prefix }}country_text,
        {{ prefix }}place.iso2 as {{ prefix }}country_iso2{{ "," if not loop.last }}
        {%- endfor %}
    from records
    {%- for prefix in prefixes %}
    left join countries as {{ prefix }}countries
        on {{ prefix }}countries.sales_text = lower(records.{{ prefix }}country_text)
    cross join lateral (
        select
            case
                when records.{{ prefix }}country_text is not null then {{ prefix }}countries.iso2
                when {{ 'true' if for_blank else 'not blank.is_blank' }} then nullif({{ literal(country) }}, '')
            end as iso2,
            blank.is_blank
        from (
            select concat(
                {%- for part in parts %}{{ ", " if not loop.first }}records.{{ prefix ~ part }}{% endfor -%}
            ) = '' as is_blank
        ) as blank
    ) as {{ prefix }}place
    left join states as {{ prefix }}states
        on {{ prefix }}states.iso2 = {{ prefix }}place.iso2
        and {{ prefix }}states.sales_text = lower(records.{{ prefix }}state_text)
    left join countries_with_states as {{ prefix }}countries_with_states
        on {{ prefix }}countries_with_states.iso2 = {{ prefix }}place.iso2
    {%- endfor %}
{%- endmacro %}

{# A seed as a relation to look texts up in, by `lower(text)`: each key once, whatever its case and blanks around it. #}
{% macro map_rows(seed, keys, columns) -%}
    select distinct on ({{ keys | join(", ") }}) * from (
        select
            {%- for column in keys + columns %}
            {{ 'upper' if column == 'iso2' else 'lower' if column in keys else '' }}({{ clean(column) }}) as {{ column }}
            {{- "," if not loop.last }}
            {%- endfor %}
        from {{ seed_rows(seed, keys) }}
    ) as map_rows
    order by {{ (keys + columns) | join(", ") }}
{%- endmacro %}

{# A branch of a violations model: `fields` maps the beginning of the fields' names in Sales to the prefix. #}
{% macro address_rules(relation, fields) -%}
    select
        source_key,
        broken.broken_rule,
        broken.field,
        broken.value
    from {{ relation }}
    cross join lateral (
        {%- for field, prefix in fields.items() %}
        {{ "union all " if not loop.first }}select
            'country_unmapped', '{{ field }}country', {{ prefix }}country_text,
            {{ prefix }}country_text is not null and {{ prefix }}country_iso2 is null
        union all select
            'state_unmapped', '{{ field }}stateorprovince', {{ prefix }}state_text,
            {{ prefix }}state_text is not null and {{ prefix }}state_id is null and has_{{ prefix }}states
        union all select
            'state_not_sent', '{{ field }}stateorprovince', {{ prefix }}state_text,
            {{ prefix }}state_text is not null and {{ prefix }}country_iso2 is not null and not has_{{ prefix }}states
        {%- endfor %}
    ) as broken (broken_rule, field, value, is_broken)
    where broken.is_broken
{%- endmacro %}

{#
  An address as a block of a body, in properties that begin with `property`. Description and role are sent where the
  condition `filled` holds: by default with an address that has anything, if only the default country. No role is sent if
  none is given. `ids`: the entity calls state and county StateId and CountyId. An installation may have its own:
  docs/installation.md.
#}
{% macro address_block(relation, property, description, role=none, prefix="", ids=false, county=true, filled=none) -%}
    {%- if this -%}
        {{ adapter.dispatch("address_block", "prospect_to_cash")(
            relation, property, description, role, prefix, ids, county, filled
        ) }}
    {%- else -%}
        {{ default__address_block(relation, property, description, role, prefix, ids, county, filled) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__address_block(relation, property, description, role, prefix, ids, county, filled) -%}
    {%- set filled = filled or (
        relation ~ "." ~ prefix ~ "country_iso2 is not null or not " ~ relation ~ ".is_" ~ prefix ~ "address_blank"
    ) -%}
    {%- set id = 'Id' if ids else '' -%}
    jsonb_build_object(
        '{{ property }}Description', case when {{ filled }} then {{ literal(description) }} end,
        {%- if role is not none %}
        '{{ property }}LocationRoles', case when {{ filled }} then {{ literal(role) }} end,
        {%- endif %}
        '{{ property }}Street', {{ relation }}.{{ prefix }}street,
        '{{ property }}City', {{ relation }}.{{ prefix }}city,
        '{{ property }}State{{ id }}', {{ relation }}.{{ prefix }}state_id,
        '{{ property }}ZipCode', {{ relation }}.{{ prefix }}postal_code,
        {%- if county and var('send_county') %}
        '{{ property }}County{{ id }}', {{ relation }}.{{ prefix }}county,
        {%- endif %}
        '{{ property }}CountryRegionISOCode', {{ relation }}.{{ prefix }}country_iso2
    )
{%- endmacro %}
