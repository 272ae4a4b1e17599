{# The schema that a folder configures, without dbt's prefix of the target schema: names are the same everywhere. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
