"""Which records are held, rejected or waiting, and why, in sentences. For the person's eyes, never for a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.stores.rows import one


@dataclass(frozen=True)
class Detail:
    """One kind of outcome with a few of its records; ``records`` are numbers that people know."""

    outcome: str
    rule: str
    n: int
    remedy: str
    records: tuple[str, ...]


def details(connection: Connection, flow: str, run_id: int, most: int = 3) -> list[Detail]:
    """Held and excluded records by rule, then what the plan holds, rejects or lets wait."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                """
                with broken as (
                    select distinct on (source_key, broken_rule) source_key, record, broken_rule, effect, field, value
                    from {violations} order by source_key, broken_rule, field
                ),
                numbered as (
                    select broken.*, row_number() over (partition by broken_rule order by record, source_key) as place,
                        count(*) over (partition by broken_rule) as n
                    from broken
                )
                select numbered.effect, numbered.broken_rule, numbered.n, rules.sentence, rules.remedy,
                    numbered.record, numbered.field, numbered.value
                from numbered left join seeds.rules as rules
                    on rules.rule = numbered.broken_rule and rules.flow in (%s, '*')
                where numbered.place <= %s
                order by numbered.effect, numbered.n desc, numbered.broken_rule, numbered.place
                """
            ).format(violations=sql.Identifier("validation", f"violations_{flow}")),
            (flow, most),
        )
        found: dict[tuple[str, str], Detail] = {}
        for effect, rule, n, sentence, remedy, record, field, value in cursor.fetchall():
            outcome = {"block": "held", "exclude": "excluded", "warn": "warned"}[effect]
            said = fill(sentence or rule, {"record": record, "field": field, "value": value})
            todo = _general(remedy, n, {"record": record, "field": field, "value": value})
            _add(found, Detail(outcome, rule, n, todo, (said,)))
        cursor.execute(
            """
            with told as (
                select
                    plan.*,
                    case
                        when plan.state in ('rejected', 'resting') then 'rejected'
                        when plan.state = 'held' then 'held'
                        else 'waiting'
                    end as kind
                from sync.plan as plan
                where run_id = %s and state in ('rejected', 'resting', 'held', 'waiting', 'in_doubt')
            ),
            open_rows as (
                select distinct on (document)
                    told.*, case when kind = 'waiting' then split_part(coalesce(reason, state), ':', 1) else reason end as class
                from told
                order by document, kind, seq
            ),
            numbered as (
                select open_rows.*, row_number() over (partition by kind, class order by record) as place,
                    count(*) over (partition by kind, class) as n
                from open_rows
            )
            select
                numbered.kind, numbered.class, numbered.n, rules.sentence, rules.remedy, numbered.record,
                numbered.write, coalesce(numbered.reason, numbered.state)
            from numbered left join seeds.rules as rules on rules.rule = numbered.reason and rules.flow in (%s, '*')
            where place <= %s order by kind, n desc, 2, place
            """,
            (run_id, flow, most),
        )
        rows = cursor.fetchall()
        parents = _records(cursor, [row[7] for row in rows if row[0] == "waiting"])
        for kind, named, n, sentence, remedy, record, write, reason in rows:
            if sentence:
                said = fill(sentence, {"record": record, "field": "", "value": ""})
            elif kind == "waiting" and reason == "in_doubt":
                said = f"{record}: the answer was lost; it is looked up by the next run"
            elif kind == "waiting":
                said = f"{record} waits for {parents.get(reason, reason)}"
            else:
                said, named = f"{record} ({write}): {reason}", kind
            _add(found, Detail(kind, named, n, _general(remedy, n, {"record": record}), (said,)))
    return list(found.values())


def _records(cursor: Cursor, references: Sequence[str]) -> dict[str, str]:
    """What people call the records that are waited for: ``accounts:<id>`` -> ``accounts A-1``, where it is known."""
    cursor.execute(
        "select array_agg(relname::text) from pg_class where relnamespace = 'validation'::regnamespace and relkind = 'r'"
    )
    flows = one(cursor)[0] or []
    named = sql.SQL(" union all ").join(
        [
            sql.SQL("select source_key, record from validation.{}").format(sql.Identifier(flow))
            for flow in sorted(flows)
        ]
        + [sql.SQL("select source_key, record from sync.plan")]
    )
    cursor.execute(
        sql.SQL(
            """
            select asked.ref, min(known.record)
            from unnest(%s::text[]) as asked (ref)
            inner join ({named}) as known on known.source_key = substr(asked.ref, strpos(asked.ref, ':') + 1)
            where known.record <> known.source_key
            group by 1
            """
        ).format(named=named),
        (list(set(references)),),
    )
    return {ref: f"{ref.split(':')[0].replace('_', ' ')} {record}" for ref, record in cursor.fetchall()}


def fill(sentence: str, values: Mapping[str, object]) -> str:
    """A rule's sentence with its placeholders replaced; the text of a value never becomes a placeholder."""
    parts = sentence
    marks = {name: f"\0{name}\0" for name in values}
    for name, mark in marks.items():
        parts = parts.replace("{" + name + "}", mark)
    for name, mark in marks.items():
        parts = parts.replace(mark, str(values[name]) if values[name] is not None else "")
    return parts


def _general(remedy: str | None, n: int, values: Mapping[str, object]) -> str:
    """A remedy names the record it is for when it is for one only, and speaks of all of them otherwise."""
    if n > 1:
        values = {"record": "each record", "field": "the field", "value": "the value named above"}
    return fill(remedy or "", values)


def _add(found: dict[tuple[str, str], Detail], detail: Detail) -> None:
    key = (detail.outcome, detail.rule)
    known = found.get(key)
    records = (known.records if known else ()) + detail.records
    found[key] = Detail(detail.outcome, detail.rule, detail.n, detail.remedy, records)
