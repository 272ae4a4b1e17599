{#
  Requested dates of Sales. Their columns show a date and hold an instant: forms store the midnight of who typed the date,
  other writers often 00:00 UTC (ruling 19). `instant` is such a value, `zones` are expressions with IANA names of time
  zones: that of the row, and that of the settings of the owner.
#}
{% macro time_zones() -%}
    select distinct on (code)
        code,
        zone
    from {{ seed_rows('time_zone', ['code']) }}
    where pg_input_is_valid('2000-01-01 ' || zone, 'timestamptz')
    order by code, zone
{%- endmacro %}

{# The zone names to try, as SQL expressions. Midnight in one of them is the date that was typed. #}
{% macro date_zones(zones) -%}
    {%- set fallback = var('sales_time_zone') -%}
    {%- if fallback and modules.pytz is defined and fallback not in modules.pytz.all_timezones -%}
        {{ exceptions.raise_compiler_error(
            "Var 'sales_time_zone' is '" ~ fallback ~ "'; it must be the IANA name of a time zone, such as Europe/Berlin."
        ) }}
    {%- endif -%}
    {{ return(["'UTC'"] + zones + ([literal(fallback)] if fallback else [])) }}
{%- endmacro %}

{# An installation may have its own: docs/installation.md. #}
{% macro requested_date(instant, zones) -%}
    {%- if this -%}
        {{ adapter.dispatch("requested_date", "prospect_to_cash")(instant, zones) }}
    {%- else -%}
        {{ default__requested_date(instant, zones) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__requested_date(instant, zones) -%}
    case
        {%- for each in date_zones(zones) %}
        when ({{ instant }} at time zone {{ each }})::time = time '00:00' then ({{ instant }} at time zone {{ each }})::date
        {%- endfor %}
        else (({{ instant }} + interval '12 hours') at time zone 'UTC')::date
    end
{%- endmacro %}

{# Whether the date is a guess: the value is midnight in none of the zones. #}
{% macro is_date_uncertain(instant, zones) -%}
    coalesce(
        {%- for each in date_zones(zones) %}
        {{ "and " if not loop.first }}({{ instant }} at time zone {{ each }})::time is distinct from time '00:00'
        {%- endfor %}
        and {{ instant }} is not null,
        false
    )
{%- endmacro %}

{% macro utc_text(instant) -%}
    to_char({{ instant }} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
{%- endmacro %}
