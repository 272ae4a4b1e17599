{#
  Lengths as both systems count them: in UTF-16 units, of which characters beyond the first 65 536, such as emojis, have
  two. The bytes are compared first, because they are cheap to count and never fewer than the units.
#}
{% macro utf16_length(field) -%}
    (length({{ field }}) + regexp_count({{ field }}, '[\U00010000-\U0010ffff]'))
{%- endmacro %}

{% macro is_longer(field, units) -%}
    (octet_length({{ field }}) > {{ units }} and {{ utf16_length(field) }} > {{ units }})
{%- endmacro %}

{# The first `units` UTF-16 units of a text, without half a character at the end. #}
{% macro utf16_left(field, units) -%}
    case
        when {{ is_longer(field, units) }} then (
            select left({{ field }}, max(cut.characters))
            from generate_series(0, {{ units }}) as cut (characters)
            where {{ utf16_length('left(' ~ field ~ ', cut.characters)') }} <= {{ units }}
        )
        else {{ field }}
    end
{%- endmacro %}
