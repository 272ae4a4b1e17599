{#
  A number for a record that has none: PREFIX-<5 digits>-<6 letters>, always the same for the same record and salt.
  Vowels are left out, so that no number spells a word.
#}
{% macro assigned_number(prefix, id, salt) -%}
    '{{ prefix }}-'
    || lpad((('x' || left(md5({{ id }} || ':' || {{ salt }}), 7))::bit(28)::integer % 100000)::text, 5, '0')
    || '-'
    {%- for position in range(6) %}
    || substr(
        'BCDFGHJKLMNPQRSTVWXZ',
        1 + ('x' || substr(md5({{ id }} || ':' || {{ salt }}), {{ 9 + 3 * position }}, 3))::bit(12)::integer % 20, 1
    )
    {%- endfor %}
{%- endmacro %}
