{# Hash of a body's jsonb text, which has a fixed order of keys and keeps the scale of numbers. #}
{% macro body_hash(body) -%}
    md5({{ body }}::text)
{%- endmacro %}
