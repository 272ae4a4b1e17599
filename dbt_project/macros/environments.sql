{#
  The environments and companies that a build serves. A run of a flow passes those of its connections as vars; else they
  are those of the connections in the database (view sync.serving).
#}

{# The id of the environment of a system whose records are built. #}
{% macro env_id(system) -%}
    {{ return(var(system ~ "_env_id") or serving(system).env_id) }}
{%- endmacro %}

{# The companies that the connection of Finance and Operations names; empty if it names none, which means all. #}
{% macro companies() -%}
    {{ return(serving("finops").companies if var("companies") is none else var("companies")) }}
{%- endmacro %}

{% macro serving(system) -%}
    {%- if not execute -%}{{ return({"env_id": "", "companies": []}) }}{%- endif -%}
    {%- set query -%}
        select jsonb_build_object('env_id', env_id, 'companies', companies)::text as environment
        from sync.serving where system = {{ literal(system) }} order by env_id
    {%- endset -%}
    {%- set found = [] -%}
    {%- for row in run_query(query).rows -%}{%- do found.append(fromjson(row[0])) -%}{%- endfor -%}
    {%- set name = {"sales": "Sales", "finops": "Finance and Operations"}[system] -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error(
            "No connection to " ~ name ~ " has an environment whose records could be built: run a flow, which reads them"
            ~ " first, and accept the environment if the flow asks for that (view sync.serving)."
        ) }}
    {%- elif found | length > 1 -%}
        {{ exceptions.raise_compiler_error(
            "There are connections to several environments of " ~ name ~ " (" ~ found | map(attribute="env_id") | join(", ")
            ~ "): name the one to build, as in dbt build --vars '{" ~ system ~ "_env_id: " ~ found[0].env_id ~ "}'."
        ) }}
    {%- endif -%}
    {{ return(found[0]) }}
{%- endmacro %}

{#
  Before the first node of a build: refuse one that would empty tables of what has been read, or mix two states of them,
  and note one in target prod that no flow has begun.
#}
{% macro begin_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'retry') -%}
        {%- for name in selected_resources if name.startswith('model.') -%}
            {%- if loop.first -%}
                {%- do env_id('sales') -%}
                {%- do env_id('finops') -%}
                {%- do companies() -%}
            {%- endif -%}
        {%- endfor -%}
        {%- if var("scope") != "all" and target.name != "prod" -%}
            {{ exceptions.raise_compiler_error(
                "Nothing was built: scope '" ~ var("scope") ~ "' goes on from what target prod has; in target "
                ~ target.name ~ " leave var scope out, so that everything is built."
            ) }}
        {%- endif -%}
        {%- if is_by_hand() and note_build_by_hand() -%}
            {{ exceptions.raise_compiler_error(
                "Nothing was built: a flow is building the same relations; wait for its transform, or build in target dev."
            ) }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{# At the end of a build. #}
{% macro end_build() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed', 'retry') and is_by_hand() -%}
        {%- do note_build_by_hand() -%}
    {%- endif -%}
{%- endmacro %}

{% macro is_by_hand() -%}
    {{ return(target.name == "prod" and not var("build_id")) }}
{%- endmacro %}

{# Let each flow build anew what is built by hand now; whether a flow is building. #}
{% macro note_build_by_hand() -%}
    {%- set found = run_query("select sync.note_build_by_hand()").rows[0][0] -%}
    {%- do run_query("commit") -%}
    {{ return(found) }}
{%- endmacro %}
