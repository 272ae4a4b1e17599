"""What records wait for: the other record by its kind, number and name, and why the target does not have it yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.flow_card import FlowCard


def described(cursor: Cursor, references: Sequence[str], cards: Sequence[FlowCard]) -> dict[str, str]:
    """``accounts:<id>`` -> ``account A-77 (Contoso), held: country unmapped``, for references to writes of the cards.

    One statement, however many records wait. The texts name records: print them, but never log them.
    """
    writes = [(write.name, card.name, card.record) for card in cards for write in card.writes]
    wanted = sorted({reference for reference in references if ":" in reference})
    flows = _built(cursor, [card.name for card in cards])
    if not wanted or not writes:
        return {}
    names, owners, kinds = zip(*writes, strict=True)
    cursor.execute(
        sql.SQL(_WHY).format(
            known=_union(
                "select {flow} as flow, source_key, {label} as label, {status} as status from canonical.{canonical}"
                " where source_key in (select source_key from wanted)",
                flows,
            ),
            broken=_union(
                "select {flow} as flow, source_key, record, effect, broken_rule from validation.{violations}"
                " where source_key in (select source_key from wanted)",
                flows,
            ),
        ),
        {
            "references": wanted,
            "writes": list(names),
            "flows": list(owners),
            "kinds": list(kinds),
            "built": list(flows),
        },
    )
    return dict(cursor.fetchall())


def _built(cursor: Cursor, flows: Sequence[str]) -> dict[str, list[str]]:
    """The flows that dbt has built, with those of the columns that a flow need not have which its canonical relation has."""
    cursor.execute(
        """
        select flow, array(
            select attname::text from pg_attribute
            where attrelid = to_regclass('canonical.canonical_' || flow) and not attisdropped
                and attname in ('label', 'lifecycle_status')
        )
        from unnest(%s::text[]) as flow
        where to_regclass('canonical.canonical_' || flow) is not null
            and to_regclass('validation.violations_' || flow) is not null
        order by flow
        """,
        (list(flows),),
    )
    return dict(cursor.fetchall())


def _union(select: str, flows: Mapping[str, Sequence[str]]) -> sql.Composable:
    """The same select over the relations of each flow; without any flow, no row."""
    if not flows:
        names = ("flow", "source_key", "label", "status", "record", "effect", "broken_rule")
        return sql.SQL(f"select {', '.join(f'null::text as {name}' for name in names)} where false")
    return sql.SQL(" union all ").join(
        sql.SQL(select).format(
            flow=sql.Literal(flow),
            label=sql.SQL("label" if "label" in columns else "null::text"),
            status=sql.SQL("lifecycle_status" if "lifecycle_status" in columns else "null::text"),
            canonical=sql.Identifier(f"canonical_{flow}"),
            violations=sql.Identifier(f"violations_{flow}"),
        )
        for flow, columns in flows.items()
    )


# The record of a reference is found by the document of its latest plan row, since a part has a key of its own. What holds
# it now, by rules, comes before what its latest plan row says.
_WHY = """
with reference as (

    select
        wanted.ref,
        split_part(wanted.ref, ':', 1) as write,
        substr(wanted.ref, strpos(wanted.ref, ':') + 1) as part_key
    from unnest(%(references)s::text[]) as wanted (ref)

),

wanted as materialized (

    select
        reference.ref,
        owner.flow,
        owner.kind,
        latest.state,
        latest.reason,
        latest.record,
        coalesce(latest.document, reference.part_key) as source_key
    from reference
    inner join unnest(%(writes)s::text[], %(flows)s::text[], %(kinds)s::text[]) as owner (write, flow, kind)
        on owner.write = reference.write
    left join lateral (
        select plan.state, plan.reason, plan.record, plan.document
        from sync.plan as plan
        where plan.write = reference.write and plan.source_key = reference.part_key
        order by plan.run_id desc, plan.seq desc
        limit 1
    ) as latest on true

),

known as (

    {known}

),

broken as (

    select
        flow,
        source_key,
        min(record) as record,
        string_agg(distinct replace(broken_rule, '_', ' '), ', ') filter (where effect = 'block') as held,
        string_agg(distinct replace(broken_rule, '_', ' '), ', ') filter (where effect = 'exclude') as excluded
    from ({broken}) as violations
    group by flow, source_key

)

select
    wanted.ref,
    coalesce(
        known.label,
        wanted.kind || ' ' || coalesce(nullif(broken.record, wanted.source_key), wanted.record, wanted.source_key)
    ) || ', ' || case
        when broken.held is not null then 'held: ' || broken.held
        when broken.excluded is not null then 'excluded: ' || broken.excluded
        when wanted.flow <> all(%(built)s) then 'of flow ' || wanted.flow || ', which has not run yet'
        when known.source_key is null then 'which is not in the source'
        when wanted.state = 'held' then 'held: ' || replace(wanted.reason, '_', ' ')
        when wanted.state in ('rejected', 'backing_off') then 'rejected by the target: ' || wanted.reason
        when wanted.state = 'waiting' then 'which waits itself'
        when wanted.state = 'in_doubt' then 'of which an answer was lost'
        when known.status is not null then 'not sent, its status is ' || known.status
        else 'not sent yet'
    end
from wanted
left join known on known.flow = wanted.flow and known.source_key = wanted.source_key
left join broken on broken.flow = wanted.flow and broken.source_key = wanted.source_key
"""
