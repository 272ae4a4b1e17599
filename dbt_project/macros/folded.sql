{# Text reduced for comparison: folded as keys are, letters and digits only; null if nothing is left. #}
{% macro folded(field) -%}
    nullif(regexp_replace({{ key_fold(field) }}, '[^[:alnum:]]+', '', 'g'), '')
{%- endmacro %}
