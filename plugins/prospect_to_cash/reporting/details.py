"""Which records are held, rejected or waiting, and why, in sentences. For the person's eyes, never for a log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection


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
            with open_rows as (
                select distinct on (document)
                    plan.*, case when plan.state in ('rejected', 'resting') then 'rejected'
                        when plan.state = 'held' then 'held' else 'waiting' end as kind
                from sync.plan as plan
                where run_id = %s and state in ('rejected', 'resting', 'held', 'waiting', 'in_doubt')
                order by document, state
            ),
            numbered as (
                select open_rows.*, row_number() over (partition by kind, reason order by record) as place,
                    count(*) over (partition by kind, reason) as n
                from open_rows
            )
            select numbered.kind, coalesce(numbered.reason, numbered.state), numbered.n, rules.sentence, rules.remedy,
                numbered.record, numbered.write
            from numbered left join seeds.rules as rules on rules.rule = numbered.reason and rules.flow in (%s, '*')
            where place <= %s order by kind, n desc, 2, place
            """,
            (run_id, flow, most),
        )
        for kind, reason, n, sentence, remedy, record, write in cursor.fetchall():
            if sentence:
                said = fill(sentence, {"record": record, "field": "", "value": ""})
            elif kind == "waiting":
                said = (
                    f"{record} waits for {reason}"
                    if reason != "in_doubt"
                    else f"{record}: the answer was lost"
                )
            else:
                said = f"{record} ({write}): {reason}"
            named = reason if sentence else kind
            _add(found, Detail(kind, named, n, _general(remedy, n, {"record": record}), (said,)))
    return list(found.values())


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
