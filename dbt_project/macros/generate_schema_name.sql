{# In target prod a folder's schema has the name that the folder configures; in any other, the target's own name before it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name == "prod" -%}
        {{ custom_schema_name or target.schema }}
    {%- else -%}
        {{ target.schema ~ "_" ~ custom_schema_name if custom_schema_name else target.schema }}
    {%- endif -%}
{%- endmacro %}
