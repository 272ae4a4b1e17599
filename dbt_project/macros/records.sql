{#
  How people name a record: by its number, else by its name with its key, else by its key. Texts about a record use it, so
  no name of a person may be given.
#}
{% macro record_named(number, name, key) -%}
    coalesce({{ number }}, {{ name }} || ' (' || {{ key }} || ')', {{ key }})
{%- endmacro %}

{# The same with the kind of record before it, and the name after the number: account A-77 (Contoso). #}
{% macro record_label(kind, number, name, key) -%}
    '{{ kind }} ' || {{ record_named(number, name, key) }}
    || case when {{ number }} is not null and {{ name }} is not null then ' (' || {{ name }} || ')' else '' end
{%- endmacro %}
