{#
  The gate: fails when more than var max_blocked_share of the records in `of`, and more than var blocked_floor of them, are
  blocked. That many at once have one common cause (a setting, a missing reference table), and nothing is sent until it is
  mended. The vars are read here and not passed as arguments: those would be fixed when the project is parsed.
#}
{% test blocked_share_below(model, of) %}

with blocked as (

    select count(distinct source_key) as records from {{ model }} where effect = 'block'

),

records as (

    select count(*) as records from {{ of }}

)

select
    blocked.records as blocked,
    records.records as of_records
from blocked
cross join records
where
    blocked.records > {{ var('blocked_floor') }}
    and blocked.records > {{ var('max_blocked_share') }} * records.records

{% endtest %}
