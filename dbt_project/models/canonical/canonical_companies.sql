{%- set named = var("company_map", "") or {} -%}
{%- if named is not mapping -%}
    {{ exceptions.raise_compiler_error(
        "Var company_map is a mapping from a business unit, team or text of Sales to a company, such as {Contoso Germany: demf}."
    ) }}
{%- endif -%}
with said as (

    select
        lower(btrim(sales_value)) as sales_value,
        lower(nullif(btrim(company), '')) as company,
        2 as turn
    from {{ ref('company_map') }}
    {%- for value, company in named.items() %}
    union all
    select lower({{ literal(value) }}) as sales_value, lower({{ literal(company or '') }}) as company, 1 as turn
    {%- endfor %}

),

mapped as (

    select distinct on (sales_value)
        sales_value,
        nullif(company, '') as company
    from said
    order by sales_value, turn

),

owners as (

    select
        lower(source_key) as sales_value,
        business_unit_name as sales_name
    from {{ ref('stg_sales__businessunits') }}
    where not is_deleted
    union all
    select
        lower(source_key) as sales_value,
        team_name as sales_name
    from {{ ref('stg_sales__teams') }}
    where not is_deleted

)

-- a business unit or a team goes by its id, else by its name
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
