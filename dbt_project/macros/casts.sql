{#
  Guarded casts. Payloads are read as text. `readable` tests whether a text is a value of a kind, `safe` casts it or
  returns null, and `unreadable` collects the fields whose text is neither blank nor readable, as {"field": "text"}.
  A bad value becomes a broken rule of its record and never fails the build.
  Kinds: numeric (22 digits, 4 of them decimals), decimal (28 digits, 10 of them decimals), integer, boolean, timestamp
  (with time zone), uuid, text (which Sales can store: no control characters). Postgres also reads words such as NaN and
  BC, and numbers such as 0x10 and 1_000: no source means them.
#}
{% macro readable(field, kind) -%}
    {%- if kind == "numeric" -%}
        (pg_input_is_valid({{ field }}, 'numeric(22, 4)') and {{ field }} ~ '^[-+.0-9eE\s]+$')
    {%- elif kind == "decimal" -%}
        (pg_input_is_valid({{ field }}, 'numeric(28, 10)') and {{ field }} ~ '^[-+.0-9eE\s]+$')
    {%- elif kind == "timestamp" -%}
        ({{ field }} ~* '^\d{4}-[-+:.0-9tz ]+$' and pg_input_is_valid({{ field }}, 'timestamptz'))
    {%- elif kind == "integer" -%}
        (pg_input_is_valid({{ field }}, 'integer') and {{ field }} ~ '^[-+0-9\s]+$')
    {%- elif kind == "text" -%}
        ({{ field }} !~ '[\u0001-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]')
    {%- elif kind in ("boolean", "uuid") -%}
        pg_input_is_valid({{ field }}, '{{ kind }}')
    {%- else -%}
        {{ exceptions.raise_compiler_error("Macro readable: unknown kind '" ~ kind ~ "'.") }}
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

{#
  What of a record's values does not go over, as {"field": "what happens to it"}; null if nothing: `texts` lose the blanks
  around them, `numbers` ({field: decimals}) are rounded.
#}
{% macro altered(texts, numbers={}) -%}
    case
        when
            {%- for field in texts %}
            {{ "or " if not loop.first }}{{ field }} <> {{ clean(field) }}
            {%- endfor %}
            {%- for field, decimals in numbers.items() %}
            or {{ safe_decimal(field) }} <> round({{ safe_decimal(field) }}, {{ decimals }})
            {%- endfor %}
            then jsonb_strip_nulls(jsonb_build_object(
                {%- for field in texts %}
                '{{ field | replace('"', "") }}', case length({{ field }}) - length({{ clean(field) }})
                    when 0 then null
                    when 1 then '1 blank character around it is cut off'
                    else (length({{ field }}) - length({{ clean(field) }})) || ' blank characters around it are cut off'
                end
                {{- "," if not loop.last or numbers }}
                {%- endfor %}
                {%- for field, decimals in numbers.items() %}
                '{{ field | replace('"', "") }}', case
                    when {{ safe_decimal(field) }} <> round({{ safe_decimal(field) }}, {{ decimals }})
                        then trim_scale({{ safe_decimal(field) }}) || ' becomes ' || round({{ safe_decimal(field) }}, {{ decimals }})
                end
                {{- "," if not loop.last }}
                {%- endfor %}
            ))
    end
{%- endmacro %}

{#
  Text without surrounding white space and invisible characters, no-break spaces and zero-width ones among them; blank text
  is null. The longer list is for texts that have other than ASCII characters.
#}
{% macro clean(field) -%}
    nullif(
        case
            when octet_length({{ field }}) = length({{ field }}) then btrim({{ field }}, e' \t\r\n')
            else btrim(
                {{ field }},
                e' \t\r\n\u0085\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006'
                || e'\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f'
                || e'\u205f\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u2800\u3000\u3164\ufeff\uffa0'
            )
        end,
        ''
    )
{%- endmacro %}
