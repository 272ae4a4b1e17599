{# The rows of a raw table that this run looks at: one environment; when narrowed, what landed since the last cut. #}
{% macro landed(system) -%}
    raw.env_id = {{ literal(var(system ~ "_env_id")) }}
    {%- if is_incremental() and var("scope") == "changed" %}
        and raw.landed_xid >= {{ literal(var("cut_from")) }}::xid8
    {%- endif -%}
{%- endmacro %}

{# A var's value as a text literal. #}
{% macro literal(value) -%}
    '{{ dbt.escape_single_quotes(value | string) }}'
{%- endmacro %}

{# The value of a var that allows only some; anything else stops the build with a sentence. #}
{% macro choice(name, allowed) -%}
    {%- set said = var(name) -%}
    {%- if said not in allowed -%}
        {{ exceptions.raise_compiler_error(
            "Var '" ~ name ~ "' is '" ~ said ~ "'; it may be " ~ allowed | join(" or ") ~ "."
        ) }}
    {%- endif -%}
    {{ return(said) }}
{%- endmacro %}

{# The companies that the connection d365_finops serves, lower case; null when it names none (then all count). #}
{% macro served_companies() -%}
    {%- if var("companies") -%}
        {{ literal("{" ~ var("companies") | map("lower") | join(",") ~ "}") }}::text[]
    {%- else -%}
        null::text[]
    {%- endif -%}
{%- endmacro %}

{# A company named by a var, else the first that the connection serves; null when there is none. #}
{% macro company_or_first(name) -%}
    {%- set companies = var("companies") -%}
    nullif({{ literal((var(name) or (companies[0] if companies else "")) | lower) }}, '')
{%- endmacro %}

{#
  Whether a row of a relation stands as it did when this flow was last built, and has a row here: what is a function of
  that row alone need not be computed again (config diff_keep). `aged` is the alias of a relation that has a column
  row_age (macro row_age) and, in column `key`, the source_key that the row has here. A row that a build writes gets a
  new age, whichever flow builds it and whether or not the build ends well; the cut is that of the last green one.
#}
{% macro is_unchanged(aged, key="source_key") -%}
    {%- if keeps_bodies() -%}
        (
            {{ aged }}.row_age > pg_current_xact_id()::text::bigint - {{ literal(var("cut_from")) }}::bigint + 8
            and exists (select 1 from {{ this }} as standing where standing.source_key = {{ aged }}.{{ key }})
        )
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# Transactions since a row was written; to be selected from the relation itself. #}
{% macro row_age() -%}
    {{ "age(xmin)::bigint" if keeps_bodies() else "null::bigint" }} as row_age
{%- endmacro %}

{# Only a narrowed build does; a unit test has no relation of its own (`this`). #}
{% macro keeps_bodies() -%}
    {{ return(this and is_incremental() and var("scope") == "changed") }}
{%- endmacro %}
