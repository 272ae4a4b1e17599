{#
  Incremental strategy `diff_write`: make the target equal to the computed rows and touch nothing else. Rows that have
  vanished or differ are deleted, missing rows are inserted, equal rows stay untouched.
  diff_scope: landed   when var scope is 'changed', only rows that landed since the last cut are computed; a target row
                       whose key was not computed stays
  diff_skip: [column]  not compared, because another column stands for it, as a hash does for its text
  diff_keep: [column]  may be null in a computed row that has not changed (macro `is_unchanged`); the target keeps its
                       value, so that it need not be computed again
#}
{% macro get_incremental_diff_write_sql(arg_dict) %}
    {%- set keys = arg_dict["unique_key"] -%}
    {%- set keys = [keys] if keys is string else keys -%}
    {%- set columns = arg_dict["dest_columns"] | map(attribute="quoted") | list -%}
    {%- set compared = columns | reject("in", config.get("diff_skip", []) | map("tojson") | list) | list -%}
    {%- set kept = config.get("diff_keep", []) | map("tojson") | list if var("scope") == "changed" else [] -%}
    {%- set narrowed = config.get("diff_scope") == "landed" and var("scope") == "changed" -%}
    {%- set same_key -%}
        {%- for key in keys %}{{ " and " if not loop.first }}new_row.{{ key }} = old_row.{{ key }}{% endfor -%}
    {%- endset -%}

    {%- set matches_differing_key -%}
        {%- for key in keys %}{{ " and " if not loop.first }}differing_keys.{{ key }} = a_row.{{ key }}{% endfor -%}
    {%- endset -%}

    {%- set old_values -%}
        {%- for column in compared %}{{ ", " if not loop.first }}old_row.{{ column }}{% endfor -%}
    {%- endset -%}
    {%- set new_values -%}
        {%- for column in compared %}{{ ", " if not loop.first -}}
            {{ "coalesce(new_row." ~ column ~ ", old_row." ~ column ~ ")" if column in kept else "new_row." ~ column }}
        {%- endfor -%}
    {%- endset -%}

    create temporary table differing_keys on commit drop as
    select
        {%- for key in keys %}
        {{ ", " if not loop.first }}coalesce(new_row.{{ key }}, old_row.{{ key }}) as {{ key }}
        {%- endfor %}
        {%- for column in kept %}, old_row.{{ column }}{% endfor %}
    from {{ arg_dict["temp_relation"] }} as new_row
    {{ "left" if narrowed else "full" }} join {{ arg_dict["target_relation"] }} as old_row on {{ same_key }}
    where
        new_row.{{ keys[0] }} is null or old_row.{{ keys[0] }} is null
        or ({{ old_values }}) is distinct from ({{ new_values }});

    {% if kept -%}
    update {{ arg_dict["temp_relation"] }} as new_row
    set {% for column in kept %}{{ ", " if not loop.first }}{{ column }} = differing_keys.{{ column }}{% endfor %}
    from differing_keys
    where {{ matches_differing_key | replace("a_row", "new_row") }} and new_row.{{ kept[-1] }} is null;
    {%- endif %}

    delete from {{ arg_dict["target_relation"] }} as old_row
    using differing_keys
    where {{ matches_differing_key | replace("a_row", "old_row") }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns | join(", ") }})
    select {{ columns | join(", ") }}
    from {{ arg_dict["temp_relation"] }} as new_row
    where exists (select 1 from differing_keys where {{ matches_differing_key | replace("a_row", "new_row") }});

    -- the joins above skip a row without a key; inserting it here breaks the target's constraint, so it is not lost
    insert into {{ arg_dict["target_relation"] }} ({{ columns | join(", ") }})
    select {{ columns | join(", ") }}
    from {{ arg_dict["temp_relation"] }} as new_row
    where {% for key in keys %}{{ " or " if not loop.first }}new_row.{{ key }} is null{% endfor %}
{% endmacro %}


{#
  A model whose contract has changed is rebuilt in full automatically: dbt appends new columns but never changes
  types. The contract's column names and types are compared with those of the relation, both as Postgres prints them:
  a contract may say `numeric(28, 10)` for numeric(28,10), or `int`.
#}
{% macro should_full_refresh() %}
    {%- set full_refresh = config.get("full_refresh") -%}
    {%- set full_refresh = flags.FULL_REFRESH if full_refresh is none else full_refresh -%}
    {%- if full_refresh or not execute or model.resource_type != "model" or not config.get("contract").enforced -%}
        {{ return(full_refresh) }}
    {%- endif -%}
    {%- set relation = load_cached_relation(this) -%}
    {%- if relation is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set differing -%}
        with declared (name, type) as (values
            {%- for column in model.columns.values() %}
            ({{ literal(column.name) }}, {{ literal(column.data_type) }}){{ "," if not loop.last }}
            {%- endfor %}
        )
        select declared.name
        from declared
        full join (
            select * from pg_attribute
            where attrelid = {{ literal(relation) }}::regclass and attnum > 0 and not attisdropped
        ) as existing on existing.attname = declared.name
        where format_type(existing.atttypid, existing.atttypmod)
            is distinct from format_type(to_regtype(declared.type), to_regtypemod(declared.type))
    {%- endset -%}
    {{ return(run_query(differing).rows | length > 0) }}
{% endmacro %}
