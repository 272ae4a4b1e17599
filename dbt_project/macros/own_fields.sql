{#
  An organisation's own fields. Var own_fields has, per entity set, a list of
      {source: new_region, target: CustClassificationId, kind: text, values: {"1": "A"}}
  kind: text (default), number or boolean (sent to Finance and Operations as Yes or No). values: maps values of the
  source to values of the target; the key "" stands for a blank value. Staging models call three macros:
    own_columns   the sources as lines of a json_to_record list, except those that the model lists itself
    own_fields    jsonb: target property -> value; null for a blank, which clears the property where it had a value
    own_unmapped  jsonb: source -> text, for texts that are not in values or not of their kind; null if there are none
  Canonical passes both columns on. Validation turns own_unmapped into rule own_field_unmapped, outbound adds own_fields
  to the body.
#}
{% macro own_columns(entity, also=[]) -%}
    {%- set names = (own_declared(entity) if var("own_fields", "") else []) | map(attribute="source") | list + also -%}
    {%- for name in names | select | unique -%}
        {%- if not modules.re.search('(?m)^ *"?' ~ name ~ '"? text\\b', model.raw_code) %}
            "{{ name }}" text,
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}

{% macro own_fields(entity) -%}
    {%- set declared = own_declared(entity) if var("own_fields", "") else [] -%}
    {%- if not declared -%}
        null::jsonb
    {%- else -%}
        jsonb_build_object(
            {%- for field in declared %}
            {{ literal(field.target) }}, {{ own_value(entity, field) }}{{ "," if not loop.last }}
            {%- endfor %}
        )
    {%- endif -%}
{%- endmacro %}

{% macro own_unmapped(entity) -%}
    {%- set mapped = [] -%}
    {%- for field in (own_declared(entity) if var("own_fields", "") else []) -%}
        {%- if field["values"] or field.kind != "text" -%}{%- do mapped.append(field) -%}{%- endif -%}
    {%- endfor -%}
    {%- if not mapped -%}
        null::jsonb
    {%- else -%}
        nullif(
            {%- for field in mapped %}
            {{ "|| " if not loop.first }}jsonb_strip_nulls(jsonb_build_object(
                {{ literal(field.source) }}, case when {{ own_invalid(field) }} then left("{{ field.source }}", 50) end
            ))
            {%- endfor %},
            '{}'::jsonb
        )
    {%- endif -%}
{%- endmacro %}


{% macro own_value(entity, field) -%}
    {%- set column = '"' ~ field.source ~ '"' -%}
    {%- if field["values"] -%}
        case lower(coalesce({{ clean(column) }}, ''))
            {%- for key, value in field["values"].items() %}
            {%- set sent = tojson(own_literal(entity, field, value)) %}
            when {{ literal(key | string | trim | lower) }} then {{ literal(sent) }}::jsonb
            {%- endfor %}
        end
    {%- elif field.kind == "number" -%}
        trim_scale({{ safe_decimal(column) }})
    {%- elif field.kind == "boolean" -%}
        {%- set yes, no = own_boolean_values(entity) -%}
        case {{ safe_boolean(column) }}
            when true then {{ literal(tojson(yes)) }}::jsonb
            when false then {{ literal(tojson(no)) }}::jsonb
        end
    {%- else -%}
        {{ clean(column) }}
    {%- endif -%}
{%- endmacro %}

{% macro own_invalid(field) -%}
    {%- set column = '"' ~ field.source ~ '"' -%}
    {%- if field["values"] -%}
        {{ clean(column) }} is not null and lower({{ clean(column) }}) not in (
            {%- for key in field["values"] %}
            {{ ", " if not loop.first }}{{ literal(key | string | trim | lower) }}
            {%- endfor %}
        )
    {%- else -%}
        {%- set kind = {"number": "decimal"}.get(field.kind, field.kind) -%}
        {{ clean(column) }} is not null and not {{ readable(column, kind) }}
    {%- endif -%}
{%- endmacro %}

{# True and false as the target writes them. Lower-case sets are of Sales and go to Finance and Operations. #}
{% macro own_boolean_values(entity) -%}
    {{ return(["Yes", "No"] if entity == entity | lower else [true, false]) }}
{%- endmacro %}

{# A value from `values` as the body has it, or null. #}
{% macro own_literal(entity, field, value) -%}
    {%- set is_boolean = field.kind == "boolean" and value is not none -%}
    {{ return(own_boolean_values(entity)[0 if value else 1] if is_boolean else value) }}
{%- endmacro %}

{# The fields that var own_fields declares for an entity, with kind and values (checked by flow_card/own_fields.py). #}
{% macro own_declared(entity) -%}
    {%- set fields = [] -%}
    {%- set declared = var("own_fields", "") -%}
    {%- for field in (declared.get(entity) if declared is mapping) or [] -%}
        {%- do fields.append({
            "source": field.source, "target": field.target,
            "kind": field.get("kind", "text"), "values": field.get("values") or {},
        }) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}
