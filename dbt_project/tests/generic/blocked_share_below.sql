{#
  The gate: fails if the blocked records of a flow are more than var max_blocked_share of all records in `of` and more
  than var blocked_floor. So many at once have one common cause (a setting, a missing reference table); nothing is sent
  until it is fixed. The vars are read here, not passed as arguments, because arguments are fixed when dbt parses.
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
