{%- set company_map = var("company_map", "") or {} -%}
{%- if company_map is not mapping -%}
    {{ exceptions.raise_compiler_error(
        "Var company_map must map a business unit, team or text of Sales to a company, such as {Contoso Germany: demf}."
    ) }}
{%- endif -%}
with all_mappings as (

    select
        lower({{ clean('sales_value') }}) as sales_value,
        lower({{ clean('company') }}) as company,
        2 as priority
    from {{ seed_rows('company_map', ['sales_value']) }}
    {%- for value, company in company_map.items() %}
    union all
    select lower({{ literal(value | string | trim) }}) as sales_value, lower({{ literal((company or '') | trim) }}) as company, 1 as priority
    {%- endfor %}

),

mapped as (

    select distinct on (sales_value)
        sales_value,
        nullif(company, '') as company
    from all_mappings
    where sales_value <> ''
    order by sales_value, priority, company

),

named_owners as (

    select
        lower(source_key) as sales_value,
        business_unit_name as sales_name,
        1 as priority
    from {{ ref('stg_sales__businessunits') }}
    where not is_deleted
    union all
    select
        lower(source_key) as sales_value,
        team_name as sales_name,
        2 as priority
    from {{ ref('stg_sales__teams') }}
    where not is_deleted

),

owners as (

    select distinct on (sales_value)
        sales_value,
        sales_name
    from named_owners
    order by sales_value, priority, sales_name

)

-- business units and teams are looked up by id, else by name
select
    owners.sales_value,
    owners.sales_name,
    coalesce(by_id.company, by_name.company) as company
from owners
left join mapped as by_id on by_id.sales_value = owners.sales_value
left join mapped as by_name on by_name.sales_value = lower(owners.sales_name)
union all
select
    mapped.sales_value,
    mapped.sales_value as sales_name,
    mapped.company
from mapped
where not exists (select 1 from owners where owners.sales_value = mapped.sales_value)
