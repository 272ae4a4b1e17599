{#
  A number for a record without one: PREFIX-<5 digits>-<6 letters>, always the same for the same id and salt.
  It has no vowels, so that no number spells a word. An installation may have its own (docs/installation.md);
  a unit test, which has no relation of its own (`this`), tests ours.
#}
{% macro assigned_number(prefix, id, salt) -%}
    {%- if this -%}
        {{ adapter.dispatch("assigned_number", "prospect_to_cash")(prefix, id, salt) }}
    {%- else -%}
        {{ default__assigned_number(prefix, id, salt) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__assigned_number(prefix, id, salt) -%}
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

{#
  A query over the relation `unnumbered` (source_key): for each record a number that nobody has, of four candidates made
  from its id. `taken` (folded_number) has the numbers that must not be assigned. Nearly all records get their first
  candidate, so that is computed apart, for speed.
#}
{% macro free_numbers(prefix, unnumbered, taken) -%}
    with first_candidates as (

        select
            source_key,
            {{ assigned_number(prefix, 'source_key', '0') }} as number
        from {{ unnumbered }}

    ),

    first_assigned as (

        select
            min(source_key) as source_key,
            number
        from first_candidates
        where not exists (
            select 1 from {{ taken }} where folded_number = {{ key_fold_latin('first_candidates.number') }}
        )
        group by number

    ),

    candidates as (

        select
            first_candidates.source_key,
            salts.salt,
            {{ assigned_number(prefix, 'first_candidates.source_key', 'salts.salt') }} as number
        from first_candidates
        cross join generate_series(1, 3) as salts (salt)
        where not exists (select 1 from first_assigned where first_assigned.source_key = first_candidates.source_key)

    ),

    free_candidates as (

        select
            source_key,
            salt,
            number,
            row_number() over (partition by number order by salt, source_key) as claim_rank
        from candidates
        where
            not exists (select 1 from {{ taken }} where folded_number = {{ key_fold_latin('candidates.number') }})
            and not exists (select 1 from first_assigned where first_assigned.number = candidates.number)

    )

    select
        source_key,
        number
    from first_assigned
    union all
    (
        select distinct on (source_key)
            source_key,
            number
        from free_candidates
        where claim_rank = 1
        order by source_key, salt
    )
{%- endmacro %}
