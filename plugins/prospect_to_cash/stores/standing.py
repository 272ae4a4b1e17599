"""What a plan says nothing about: records that are held or excluded, and proof that none is lost."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.errors import P2CError
from prospect_to_cash.stores.rows import one


class RecordsLost(P2CError):
    """A driving record has no outcome at all: a fault of the mapping, never of the data."""


def standing(cursor: Cursor, flow: str, run_id: int, relations: Sequence[str]) -> dict[str, object]:
    """Counts of the records that the plan says nothing about: held, excluded; and proof that none is lost.

    ``relations`` are the flow's outbound relations. Raises ``RecordsLost``.
    """
    canonical = sql.Identifier("canonical", f"canonical_{flow}")
    violations = sql.Identifier("validation", f"violations_{flow}")
    # The relations may have been made a moment ago and have no statistics; a nested loop over them would never end.
    cursor.execute("set local enable_nestloop = off")
    documents = sql.SQL(" union all ").join(
        sql.SQL("select document from {}").format(sql.Identifier("outbound", name)) for name in relations
    )
    cursor.execute(
        sql.SQL(
            """
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
            driving as (
                select
                    source_key,
                    case when planned.source_key is null then broken.held end as held,
                    case when planned.source_key is null then broken.excluded end as excluded,
                    planned.source_key is not null or broken.held is not null or broken.excluded is not null as is_told
                from {canonical} as record
                full outer join broken using (source_key)
                left join planned using (source_key)
            )
            select
                count(*),
                (select jsonb_object_agg(rule, n) from (
                    select held as rule, count(*) as n from driving where held is not null group by held) as by_rule),
                (select jsonb_object_agg(rule, n) from (
                    select excluded as rule, count(*) as n from driving
                    where held is null and excluded is not null group by excluded) as by_rule),
                (select jsonb_object_agg(broken_rule, n) from (
                    select broken_rule, count(distinct source_key) as n from {violations}
                    where effect = 'warn' group by broken_rule) as by_rule),
                (select count(*) from driving
                    left join (select distinct document from ({documents}) as sent) as said
                        on said.document = driving.source_key
                    where not is_told and said.document is null)
            from driving
            """
        ).format(canonical=canonical, violations=violations, documents=documents),
        {"run": run_id},
    )
    read, held, excluded, warned, lost = one(cursor)
    cursor.execute("set local enable_nestloop = on")
    if lost:
        raise RecordsLost(
            f"{lost} of {read} records of flow {flow} are neither sent, held nor excluded: the SQL of "
            f"outbound_* leaves them out without a rule in violations_{flow}."
        )
    return {"read": read, "held": held or {}, "excluded": excluded or {}, "warned": warned or {}}


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
