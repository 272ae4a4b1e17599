"""Records without a plan row: held, excluded, and a check that none is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import P2CError
from prospect_to_cash.flow_card import Write


class RecordsLost(P2CError):
    """A driving record has no outcome: a fault of the mapping, never of the data."""


def count_unplanned(
    cursor: Cursor, flow: str, run_id: int, writes: Sequence[Write], environments: Mapping[str, str]
) -> dict[str, object]:
    """Counts of driving records, each counted by what it is and none by what remains.

    ``read`` are all; ``planned`` have a plan row; of the others, ``held`` and ``excluded`` break a rule, by rule, and
    ``unchanged`` have outbound rows that the target is known to have; ``warned`` are records with a warning, by rule.
    ``environments`` maps system to env_id. Raises ``RecordsLost`` for a record that is none of these, and for a plan row of
    no record.
    """
    canonical = sql.Identifier("canonical", f"canonical_{flow}")
    violations = sql.Identifier("validation", f"violations_{flow}")
    # Relations that dbt has just made have no statistics; a nested loop over them would not end.
    cursor.execute("set local enable_nestloop = off")
    rows = sql.SQL(" union all ").join(
        sql.SQL(
            """
            select
                outbound.document,
                outbound.operation = 'absent' or known.settled_hash is not distinct from outbound.body_hash
                or outbound.operation in ('deactivate', 'remove') and not coalesce(known.present, false)
                and known.doubt is null and known.stray_until is null as is_settled
            from {outbound} as outbound
            left join sync.ledger as known
                on known.env_id = {env} and known.write = {write} and known.source_key = outbound.source_key
            """
        ).format(
            outbound=sql.Identifier("outbound", write.relation),
            env=sql.Literal(environments[write.system]),
            write=sql.Literal(write.name),
        )
        for write in writes
    )
    cursor.execute(
        sql.SQL(_COUNTS).format(canonical=canonical, violations=violations, rows=rows), {"run": run_id}
    )
    read, planned, held, excluded, unchanged, warned, lost, nobody = one(cursor)
    cursor.execute("set local enable_nestloop = on")
    if lost:
        raise RecordsLost(
            f"{lost} of {read} records of flow {flow} are neither sent, held nor excluded: the SQL of "
            f"outbound_* leaves them out without a rule in violations_{flow}."
        )
    if nobody:
        raise RecordsLost(
            f"The plan of flow {flow} has {nobody} documents that are no records of canonical_{flow}: the SQL of "
            "outbound_* must give the record's source_key as document."
        )
    return {
        "read": read,
        "planned": planned,
        "held": held or {},
        "excluded": excluded or {},
        "unchanged": unchanged,
        "warned": warned or {},
    }


_COUNTS = """
with broken as (
    select
        source_key,
        min(broken_rule) filter (where effect = 'block') as held,
        min(broken_rule) filter (where effect = 'exclude') as excluded
    from {violations}
    group by source_key
),
planned as (
    select distinct document as source_key from sync.plan where run_id = %(run)s
),
sent as (
    select document as source_key, bool_and(is_settled) as is_settled from ({rows}) as outbound group by document
),
driving as (
    select
        source_key,
        planned.source_key is not null as is_planned,
        case when planned.source_key is null then broken.held end as held,
        case when planned.source_key is null and broken.held is null then broken.excluded end as excluded,
        planned.source_key is null and broken.held is null and broken.excluded is null
        and coalesce(sent.is_settled, false) as is_unchanged
    from {canonical} as record
    full outer join broken using (source_key)
    left join planned using (source_key)
    left join sent using (source_key)
)
select
    count(*),
    count(*) filter (where is_planned),
    (select jsonb_object_agg(rule, n) from (
        select held as rule, count(*) as n from driving where held is not null group by held) as by_rule),
    (select jsonb_object_agg(rule, n) from (
        select excluded as rule, count(*) as n from driving where excluded is not null group by excluded) as by_rule),
    count(*) filter (where is_unchanged),
    (select jsonb_object_agg(broken_rule, n) from (
        select broken_rule, count(distinct source_key) as n from {violations}
        where effect = 'warn' group by broken_rule) as by_rule),
    count(*) filter (where not is_planned and held is null and excluded is null and not is_unchanged),
    (select count(*) from planned where not exists (
        select 1 from driving where driving.source_key = planned.source_key))
from driving
"""


def blocked(connection: Connection, flow: str) -> tuple[int, list[tuple[str, int]]]:
    """How many records of a flow are blocked, and the rules that block most of them with their counts."""
    violations = sql.Identifier("validation", f"violations_{flow}")
    with connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("select count(distinct source_key) from {} where effect = 'block'").format(violations)
        )
        records = int(one(cursor)[0])
        cursor.execute(
            sql.SQL(
                """
                select broken_rule, count(distinct source_key) from {}
                where effect = 'block'
                group by broken_rule
                order by count(distinct source_key) desc, broken_rule
                limit 3
                """
            ).format(violations)
        )
        return records, cursor.fetchall()
