{#
  Guarded casts. A payload is read as text; `readable` says whether a text is a value of the type, `safe` casts it or
  gives null, and `unreadable` collects the fields whose text is not blank and not readable, as {"field": "text"}:
  a bad value becomes a broken rule of one record and never a failed build.
  Kinds: numeric (22 digits, 4 of them decimals), decimal (28 digits, 10 of them decimals), integer, boolean, timestamp
  (with time zone), uuid.
#}
{% macro readable(field, kind) -%}
    {%- if kind == "numeric" -%}
        (pg_input_is_valid({{ field }}, 'numeric(22, 4)') and {{ field }} !~* 'nan')
    {%- elif kind == "decimal" -%}
        (pg_input_is_valid({{ field }}, 'numeric(28, 10)') and {{ field }} !~* 'nan')
    {%- elif kind == "timestamp" -%}
        ({{ field }} ~ '^\d{4}-' and pg_input_is_valid({{ field }}, 'timestamptz'))
    {%- elif kind in ("integer", "boolean", "uuid") -%}
        pg_input_is_valid({{ field }}, '{{ kind }}')
    {%- else -%}
        {{ exceptions.raise_compiler_error("readable: kind '" ~ kind ~ "' is not known.") }}
    {%- endif -%}
{%- endmacro %}

{% macro safe(field, kind) -%}
    {%- set types = {"numeric": "numeric(22, 4)", "decimal": "numeric(28, 10)", "timestamp": "timestamptz"} -%}
    case when {{ readable(field, kind) }} then {{ field }}::{{ types.get(kind, kind) }} end
{%- endmacro %}

{% macro safe_numeric(field) -%}{{ safe(field, "numeric") }}{%- endmacro %}
{% macro safe_decimal(field) -%}{{ safe(field, "decimal") }}{%- endmacro %}
{% macro safe_integer(field) -%}{{ safe(field, "integer") }}{%- endmacro %}
{% macro safe_boolean(field) -%}{{ safe(field, "boolean") }}{%- endmacro %}
{% macro safe_timestamp(field) -%}{{ safe(field, "timestamp") }}{%- endmacro %}
{% macro safe_uuid(field) -%}{{ safe(field, "uuid") }}{%- endmacro %}

{% macro unreadable(fields) -%}
    case
        when
            {%- for field, kind in fields.items() %}
            {{ "or " if not loop.first }}({{ field }} <> '' and not {{ readable(field, kind) }})
            {%- endfor %}
            then jsonb_strip_nulls(jsonb_build_object(
                {%- for field, kind in fields.items() %}
                '{{ field | replace('"', "") }}',
                case when {{ field }} <> '' and not {{ readable(field, kind) }} then left({{ field }}, 50) end
                {{- "," if not loop.last }}
                {%- endfor %}
            ))
    end
{%- endmacro %}

{# A text without the blanks around it; a blank text is none. #}
{% macro clean(field) -%}
    nullif(btrim({{ field }}, e' \t\r\n'), '')
{%- endmacro %}
