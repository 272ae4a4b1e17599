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
