{#
  Fields of an organisation's own, by var own_fields: per entity set a list of
      {source: new_region, target: CustClassificationId, kind: text, values: {"1": "A"}}
  kind: text (default), number or boolean; for Finance and Operations a boolean is Yes or No. values: what each value
  of the source becomes; "" is a blank one. Three macros, to be called by a staging model:
    own_columns   the sources as lines of a json_to_record list, but for those that the model has there anyway
    own_fields    jsonb: target property -> value; a blank is left out, and one that becomes blank is emptied by the plan
    own_unmapped  jsonb: source -> text, where a text is not in values or is no value of its kind; null when all is well
  Canonical passes own_fields and own_unmapped on, validation makes rule own_field_unmapped of the latter, and outbound
  adds the former to the body.
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
        jsonb_strip_nulls(jsonb_build_object(
            {%- for field in declared %}
            {{ literal(field.target) }}, {{ own_value(entity, field) }}{{ "," if not loop.last }}
            {%- endfor %}
        ))
    {%- endif -%}
{%- endmacro %}

{% macro own_unmapped(entity) -%}
    {%- set bad = [] -%}
    {%- for field in (own_declared(entity) if var("own_fields", "") else []) -%}
        {%- if field["values"] or field.kind != "text" -%}{%- do bad.append(field) -%}{%- endif -%}
    {%- endfor -%}
    {%- if not bad -%}
        null::jsonb
    {%- else -%}
        nullif(
            {%- for field in bad %}
            {{ "|| " if not loop.first }}jsonb_strip_nulls(jsonb_build_object(
                {{ literal(field.source) }}, case when {{ own_is_bad(field) }} then left("{{ field.source }}", 50) end
            ))
            {%- endfor %},
            '{}'::jsonb
        )
    {%- endif -%}
{%- endmacro %}


{% macro own_value(entity, field) -%}
    {%- set said = '"' ~ field.source ~ '"' -%}
    {%- if field["values"] -%}
        case lower(coalesce({{ clean(said) }}, ''))
            {%- for key, value in field["values"].items() %}
            {%- set sent = tojson(own_literal(entity, field, value)) %}
            when {{ literal(key | string | lower) }} then {{ literal(sent) }}::jsonb
            {%- endfor %}
        end
    {%- elif field.kind == "number" -%}
        trim_scale({{ safe_numeric(said) }})
    {%- elif field.kind == "boolean" -%}
        {%- set yes, no = own_truths(entity) -%}
        case {{ safe_boolean(said) }}
            when true then {{ literal(tojson(yes)) }}::jsonb
            when false then {{ literal(tojson(no)) }}::jsonb
        end
    {%- else -%}
        {{ clean(said) }}
    {%- endif -%}
{%- endmacro %}

{% macro own_is_bad(field) -%}
    {%- set said = '"' ~ field.source ~ '"' -%}
    {%- if field["values"] -%}
        {{ clean(said) }} is not null and lower({{ clean(said) }}) not in (
            {%- for key in field["values"] %}
            {{ ", " if not loop.first }}{{ literal(key | string | lower) }}
            {%- endfor %}
        )
    {%- else -%}
        {%- set kind = {"number": "numeric"}.get(field.kind, field.kind) -%}
        {{ clean(said) }} is not null and not {{ readable(said, kind) }}
    {%- endif -%}
{%- endmacro %}

{# Yes and no of the system that the entity's records go to: sets of Sales are lower case, and go to the other one. #}
{% macro own_truths(entity) -%}
    {{ return(["Yes", "No"] if entity == entity | lower else [true, false]) }}
{%- endmacro %}

{# What a value of `values` is in the body: of the field's kind, or null. #}
{% macro own_literal(entity, field, value) -%}
    {%- if value is none -%}
        {{ return(none) }}
    {%- elif field.kind == "text" and value is string -%}
        {{ return(value) }}
    {%- elif field.kind == "number" and value is number and value is not boolean -%}
        {{ return(value) }}
    {%- elif field.kind == "boolean" and value is boolean -%}
        {{ return(own_truths(entity)[0 if value else 1]) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error(
        "Var own_fields, " ~ entity ~ ": '" ~ value ~ "' in values of " ~ field.source ~ " is no " ~ field.kind
        ~ "; write " ~ {"text": 'it in quotes', "number": "a number", "boolean": "true or false"}[field.kind] ~ "."
    ) }}
{%- endmacro %}

{# The fields that var own_fields declares for an entity, checked; anything odd stops the build with a sentence. #}
{% macro own_declared(entity) -%}
    {%- set named = var("own_fields", "") or {} -%}
    {%- if named is not mapping -%}
        {{ own_wrong("Var own_fields is a mapping from an entity set to a list of fields.") }}
    {%- endif -%}
    {%- set said = named.get(entity) or [] -%}
    {%- set where = "Var own_fields, " ~ entity ~ ": " -%}
    {%- if said is string or said is mapping or said is not iterable -%}
        {{ own_wrong(where ~ "write a list of fields, such as [{source: new_region, target: SalesRegion}].") }}
    {%- endif -%}
    {%- set targets = [] -%}
    {%- set fields = [] -%}
    {%- for field in said -%}
        {%- if field is not mapping or not field.get("source") or not field.get("target") -%}
            {{ own_wrong(where ~ "every field needs a source and a target.") }}
        {%- endif -%}
        {%- for key in field if key not in ["source", "target", "kind", "values"] -%}
            {{ own_wrong(where ~ "'" ~ key ~ "' is not known; a field may say source, target, kind, values.") }}
        {%- endfor -%}
        {%- if not modules.re.match("^[A-Za-z_][A-Za-z0-9_]{0,62}$", field.source | string) -%}
            {{ own_wrong(where ~ "source '" ~ field.source ~ "' is no field name: letters, digits and _ only.") }}
        {%- elif not modules.re.match("^[A-Za-z][A-Za-z0-9_]*(@odata\\.bind)?$", field.target | string) -%}
            {{ own_wrong(where ~ "target '" ~ field.target ~ "' is no property name: letters, digits and _ only.") }}
        {%- elif field.target in targets -%}
            {{ own_wrong(where ~ "target '" ~ field.target ~ "' stands twice.") }}
        {%- endif -%}
        {%- set kind = field.get("kind", "text") -%}
        {%- if kind not in ["text", "number", "boolean"] -%}
            {{ own_wrong(where ~ "kind '" ~ kind ~ "' is not known; it is text, number or boolean.") }}
        {%- elif (field.get("values") or {}) is not mapping -%}
            {{ own_wrong(where ~ "values of " ~ field.source ~ " is no mapping, such as {\"1\": \"A\"}.") }}
        {%- endif -%}
        {%- set keys = (field.get("values") or {}).keys() | map("string") | map("lower") | list -%}
        {%- if keys | unique | list | length < keys | length -%}
            {{ own_wrong(where ~ "two values of " ~ field.source ~ " differ only by upper and lower case.") }}
        {%- endif -%}
        {%- do targets.append(field.target) -%}
        {%- do fields.append({
            "source": field.source, "target": field.target, "kind": kind, "values": field.get("values") or {}
        }) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}

{% macro own_wrong(sentence) -%}
    {{ exceptions.raise_compiler_error(sentence) }}
{%- endmacro %}
