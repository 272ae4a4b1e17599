{# Target prod has the schemas that folders configure; in any other, the schema of the target stands before them. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if target.name == "prod" -%}
        {{ custom_schema_name or target.schema }}
    {%- else -%}
        {{ target.schema ~ "_" ~ custom_schema_name if custom_schema_name else target.schema }}
    {%- endif -%}
{%- endmacro %}
