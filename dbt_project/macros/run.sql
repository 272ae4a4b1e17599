{# Condition on the raw rows of this run: one environment and, in a narrowed run, landed since the last cut. #}
{% macro landed(system) -%}
    raw.env_id = {{ literal(env_id(system)) }}
    {%- if is_incremental() and var("scope") == "changed" %}
        and raw.landed_xid >= {{ literal(var("cut_from")) }}::xid8
    {%- endif -%}
{%- endmacro %}

{# A value as an SQL text literal. #}
{% macro literal(value) -%}
    '{{ dbt.escape_single_quotes(value | string) }}'
{%- endmacro %}

{# The value of a var that must be one of `allowed`; any other value stops the build with an error. #}
{% macro choice(name, allowed) -%}
    {%- set value = var(name) -%}
    {%- if value not in allowed -%}
        {{ exceptions.raise_compiler_error(
            "Var '" ~ name ~ "' is '" ~ value ~ "'; it must be " ~ allowed | join(" or ") ~ "."
        ) }}
    {%- endif -%}
    {{ return(value) }}
{%- endmacro %}

{# The companies that connection d365_finops names, lower case; null if it names none, which means all. #}
{% macro served_companies() -%}
    {%- set companies = companies() -%}
    {%- if companies -%}
        {{ literal("{" ~ companies | map("lower") | join(",") ~ "}") }}::text[]
    {%- else -%}
        null::text[]
    {%- endif -%}
{%- endmacro %}

{# The company that a var names, else the first that the connection names; null if there is none. #}
{% macro company_or_first(name) -%}
    {%- set companies = companies() -%}
    nullif({{ literal((var(name) or (companies[0] if companies else "")) | lower) }}, '')
{%- endmacro %}

{#
  True if the input rows have not been written since this flow's last successful build and their row in this model exists:
  what depends on them alone need not be computed again (config diff_keep). `aged` is the alias of a relation with a
  column row_age (macro row_age), `also` are aliases of others that the row is made of; column `key` of `aged` holds the
  source_key of the row in this model. Every write renews a row's age, whichever flow builds it and even if that build
  fails; the cut is that of the last successful build.
#}
{% macro is_unchanged(aged, key="source_key", also=[]) -%}
    {%- if keeps_bodies() -%}
        (
            {% for alias in [aged] + also -%}
            {{ alias }}.row_age > pg_current_xact_id()::text::bigint - {{ literal(var("cut_from")) }}::bigint + 8
            and {% endfor -%}
            exists (select 1 from {{ this }} as existing where existing.source_key = {{ aged }}.{{ key }})
        )
    {%- else -%}
        false
    {%- endif -%}
{%- endmacro %}

{# Number of transactions since a row was written; select it directly from the relation. #}
{% macro row_age() -%}
    {{ "age(xmin)::bigint" if keeps_bodies() else "null::bigint" }} as row_age
{%- endmacro %}

{# True in a narrowed build; false in a unit test, which has no relation of its own (`this`). #}
{% macro keeps_bodies() -%}
    {{ return(this and is_incremental() and var("scope") == "changed") }}
{%- endmacro %}
