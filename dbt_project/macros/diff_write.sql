{#
  Incremental strategy `diff_write`: make the target equal to the rows just computed and touch nothing else.
  Rows that vanished or differ are deleted, rows that are missing are inserted, equal rows keep their place.
  With config `diff_scope: landed` and var scope 'changed' the computed rows are only those that landed since the
  last cut: then a target row whose key was not computed stays. Columns in config `diff_skip` are not compared, because
  another column stands for them, as a hash for its text. Columns in config `diff_keep` may be null in a computed row that
  has not changed (macro `is_unchanged`): then the target's stand, so that nobody computes them again.
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

    {%- set differs -%}
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
    where {{ differs | replace("a_row", "new_row") }} and new_row.{{ kept[-1] }} is null;
    {%- endif %}

    delete from {{ arg_dict["target_relation"] }} as old_row
    using differing_keys
    where {{ differs | replace("a_row", "old_row") }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns | join(", ") }})
    select {{ columns | join(", ") }}
    from {{ arg_dict["temp_relation"] }} as new_row
    where exists (select 1 from differing_keys where {{ differs | replace("a_row", "new_row") }});

    -- a row without its key equals nothing above; it meets the constraint of its target here instead of getting lost
    insert into {{ arg_dict["target_relation"] }} ({{ columns | join(", ") }})
    select {{ columns | join(", ") }}
    from {{ arg_dict["temp_relation"] }} as new_row
    where {% for key in keys %}{{ " or " if not loop.first }}new_row.{{ key }} is null{% endfor %}
{% endmacro %}


{#
  A model whose contract has changed is built anew, alone and by itself: columns of other types cannot be appended.
  Compared are names and types of the contract with those of the relation.
#}
{% macro should_full_refresh() %}
    {%- set said = config.get("full_refresh") -%}
    {%- set said = flags.FULL_REFRESH if said is none else said -%}
    {%- if said or not execute or model.resource_type != "model" or not config.get("contract").enforced -%}
        {{ return(said) }}
    {%- endif -%}
    {%- set relation = load_cached_relation(this) -%}
    {%- if relation is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set standing = run_query(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = '" ~ relation
        ~ "'::regclass and attnum > 0 and not attisdropped order by attname"
    ) -%}
    {%- set found = [] -%}
    {%- for row in standing.rows -%}{%- do found.append(row[0] ~ " " ~ row[1]) -%}{%- endfor -%}
    {%- set wanted = [] -%}
    {%- for name, column in model.columns.items() -%}
        {%- do wanted.append(name ~ " " ~ column.data_type) -%}
    {%- endfor -%}
    {{ return(found != wanted | sort) }}
{% endmacro %}
