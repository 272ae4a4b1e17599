{# Hash of a body: over its jsonb text, where keys stand in one order and numerics keep their scale. #}
{% macro body_hash(body) -%}
    md5({{ body }}::text)
{%- endmacro %}
