{#
  Every model reads the records of one environment of each system, by vars that a run passes. Without them there would be
  no record at all, and a build would empty all tables of what has been read and planned: it is refused before its first
  node.
#}
{% macro refuse_without_environments() -%}
    {%- set models = [] -%}
    {%- for name in selected_resources if name.startswith('model.') -%}{%- do models.append(name) -%}{%- endfor -%}
    {%- if execute and models and flags.WHICH in ('build', 'run', 'retry') -%}
        {%- for system in ('sales', 'finops') if not var(system ~ '_env_id') -%}
            {{ exceptions.raise_compiler_error(
                "Nothing was built: var " ~ system ~ "_env_id is blank, so there is no environment to read records of. Run a flow"
                ~ " (make run FLOW=accounts), or pass the ids in sync.environment and the companies that are served: dbt build"
                ~ " --vars '{sales_env_id: ..., finops_env_id: ..., companies: [...]}'."
            ) }}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
