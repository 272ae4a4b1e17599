{# A text as people compare it: letters and digits alone, lower case; null when there are none. #}
{% macro folded(field) -%}
    nullif(regexp_replace(lower({{ field }}), '[^[:alnum:]]+', '', 'g'), '')
{%- endmacro %}
