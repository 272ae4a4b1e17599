{#
  The gate: fails when more than `max_share` of the records in `of`, and more than `floor` of them, are blocked. That many
  at once have one common cause (a setting, a missing reference table), and nothing is sent until it is mended.
#}
{% test blocked_share_below(model, of, max_share, floor) %}

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
where blocked.records > {{ floor }} and blocked.records > {{ max_share }} * records.records

{% endtest %}
