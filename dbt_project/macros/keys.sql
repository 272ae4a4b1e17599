{#
  Keys that a target may take for one. Both systems compare keys without regard to case, width, blanks at the end and more:
  records may have one key for the target if `key_fold_latin` of their keys is equal. `key_fold` is narrower and finds the
  record of a key. Migration 0002_key_fold.sql defines both.
#}
{% macro key_fold(field) -%}sync.key_fold({{ field }}){%- endmacro %}
{% macro key_fold_latin(field) -%}sync.key_fold_latin({{ field }}){%- endmacro %}

{#
  A query over the relation `claims` (source_key, number, pinned_at): the records that must be held because their numbers
  may be one number for the target, with all spellings of it (at most 6). A claim of a record that was delivered under that
  number has pinned_at: of each number the first delivered record keeps it and is not in the result.
#}
{% macro sharers(claims) -%}
    with folded_claims as materialized (

        select
            source_key,
            number,
            pinned_at,
            {{ key_fold_latin('number') }} as folded_number
        from {{ claims }}
        where number is not null

    ),

    contested as (

        select folded_number from folded_claims
        group by folded_number
        having min(source_key) <> max(source_key)

    ),

    decided as (

        select
            folded_number,
            (array_agg(source_key order by pinned_at, source_key) filter (where pinned_at is not null))[1] as keeper,
            (array_agg(distinct number collate "C"))[1:6] as spellings
        from folded_claims
        where folded_number in (select folded_number from contested)
        group by folded_number

    )

    select distinct on (folded_claims.source_key)
        folded_claims.source_key,
        decided.spellings
    from folded_claims
    inner join decided on decided.folded_number = folded_claims.folded_number
    where folded_claims.source_key is distinct from decided.keeper
    order by folded_claims.source_key, folded_claims.pinned_at nulls first
{%- endmacro %}

{# A number with the other spellings that may be the same one: STRASSE-1 (also straße-1). #}
{% macro with_spellings(number, spellings) -%}
    {{ number }}
    || coalesce(' (also ' || nullif(array_to_string(array_remove({{ spellings }}, {{ number }}), ', '), '') || ')', '')
{%- endmacro %}
