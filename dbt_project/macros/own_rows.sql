{#
  A seed with the rows that an installation adds to it by a seed of its own: var own_rows maps ours to theirs, as in
  {country: country_contoso}. Of rows with the same `keys`, whatever case and blanks, theirs counts; a column that theirs
  leaves out is null. The seed's yml has the keys too (meta).
#}
{% macro seed_rows(seed, keys) -%}
    {#- a unit test has no relation of its own and tests our rows alone -#}
    {%- set own = (var("own_rows", "") or {}).get(seed) if this else none -%}
    {%- if not own -%}
        {{ ref(seed) }}
    {%- elif not execute -%}
        {{ ref(seed) }} cross join {{ ref(own) }}
    {%- else -%}
        {%- set columns = adapter.get_columns_in_relation(ref(seed)) -%}
        {%- set found = own_seed_columns(seed, own, columns, keys) -%}
        (
            select distinct on (
                {%- for key in keys %}{{ ", " if not loop.first }}lower({{ clean(key ~ "::text") }}){% endfor -%}
            ) *
            from (
                select
                    {%- for column in columns %}
                    {{ column.quoted if column.name in found else "null" }}::{{ column.data_type }} as {{ column.quoted }},
                    {%- endfor %}
                    0 as place
                from {{ ref(own) }}
                union all
                select {% for column in columns %}{{ column.quoted }}, {% endfor %}1 as place
                from {{ ref(seed) }}
            ) as all_rows
            order by
                {%- for key in keys %} lower({{ clean(key ~ "::text") }}),{% endfor %} place
        )
    {%- endif -%}
{%- endmacro %}

{# The names of an own seed's columns, if they fit those of ours. #}
{% macro own_seed_columns(seed, own, columns, keys) -%}
    {%- set names = columns | map(attribute="name") | list -%}
    {%- set found = [] -%}
    {%- for column in adapter.get_columns_in_relation(ref(own)) -%}
        {%- if column.name not in names -%}
            {{ exceptions.raise_compiler_error(
                "Seed " ~ own ~ " has column '" ~ column.name ~ "', which seed " ~ seed ~ " does not have; its columns are "
                ~ names | join(", ") ~ "."
            ) }}
        {%- endif -%}
        {%- set ours = columns | selectattr("name", "equalto", column.name) | first -%}
        {%- if ours.data_type == "text" and column.data_type != "text" -%}
            {{ exceptions.raise_compiler_error(
                "Seed " ~ own ~ ": dbt has read column '" ~ column.name ~ "' as " ~ column.data_type ~ ", so that 01 is 1; give"
                ~ " the seed in its yml the column_types that seed " ~ seed ~ " has."
            ) }}
        {%- endif -%}
        {%- do found.append(column.name) -%}
    {%- endfor -%}
    {%- for key in keys if key not in found -%}
        {{ exceptions.raise_compiler_error("Seed " ~ own ~ " needs column '" ~ key ~ "', which identifies its rows.") }}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
