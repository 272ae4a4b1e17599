{#
  For a seed that maps texts: fails for a row that no text can ever match, because a key is blank, or because another row
  has the same keys but for case and surrounding blanks, and other values. `known` maps a key to [seed, column] that must
  have it.
#}
{% test rows_can_match(model, keys, columns, known={}) %}

with rows_of_map as (

    select
        {%- for key in keys %}
        lower({{ clean('source.' ~ key) }}) as {{ key }},
        {%- endfor %}
        md5(concat_ws('|' {%- for column in columns %}, coalesce({{ clean('source.' ~ column ~ '::text') }}, ''){% endfor %})) as answer
    from {{ model }} as source

),

judged as (

    select
        rows_of_map.*,
        min(answer) over (partition by {{ keys | join(', ') }}) <> max(answer) over (partition by {{ keys | join(', ') }})
            as is_contradicted
    from rows_of_map

)

select * from judged
where
    is_contradicted
    {%- for key in keys %}
    or {{ key }} is null
    {%- endfor %}
    {%- for key, place in known.items() %}
    or {{ key }} not in (
        select lower({{ clean('known.' ~ place[1]) }}) from {{ ref(place[0]) }} as known where known.{{ place[1] }} is not null
    )
    {%- endfor %}

{% endtest %}
