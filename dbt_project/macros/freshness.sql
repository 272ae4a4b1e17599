{#
  For a source table's `loaded_at_query`: up to when its entity set has been read without a gap (sync.read_until), in the
  environment that var <system>_env_id names, else in the one whose connection was bound last. A set that this
  installation does not read (meta read_if, as only_if on the card) is not stale.
#}
{% macro read_until(table) -%}
    {%- set system = table.source_name -%}
    {%- set meta = table.config.meta -%}
    {%- for name, value in meta.get("read_if", {}).items() if var(name) != value -%}
        {{ return("select current_timestamp") }}
    {%- endfor -%}
    {%- set environment = var(system ~ "_env_id") -%}
    {%- set found = run_query(
        "select read_until::text from sync.read_until where system = " ~ literal(system)
        ~ " and entity = " ~ literal(meta.entity_set)
        ~ (" and env_id = " ~ literal(environment) if environment else " and is_bound_last")
    ) if execute else none -%}
    {%- if found is none or not found.rows or found.rows[0][0] is none -%}
        {{ exceptions.raise_compiler_error(
            "Entity set " ~ meta.entity_set ~ " of " ~ system ~ " has never been read completely"
            ~ (" in environment " ~ environment if environment else "")
            ~ ". Run a flow whose card in dags/flows reads it, such as make run FLOW=accounts."
        ) }}
    {%- endif -%}
    select {{ literal(found.rows[0][0]) }}::timestamptz
{%- endmacro %}
