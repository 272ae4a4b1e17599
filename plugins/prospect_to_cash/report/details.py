"""Which records are held, rejected or waiting, and why. The texts name records: print them, but never log them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import connection as Connection

from prospect_to_cash.flow_card import FlowCard
from prospect_to_cash.report import required
from prospect_to_cash.report.waiting import REASONS, REJECTED


@dataclass(frozen=True)
class Detail:
    """One outcome and rule with the number of its records; ``records`` are sentences about a few of them."""

    outcome: str
    rule: str
    n: int
    remedy: str
    records: tuple[str, ...]


@dataclass(frozen=True)
class Broken:
    """How many records of a flow have an outcome because of rules, and by how many violations of how many rules."""

    outcome: str
    records: int
    violations: int
    rules: int


_OUTCOME_OF = {"block": "held", "exclude": "excluded", "warn": "warned"}


def broken(connection: Connection, flow: str, run_id: int) -> list[Broken]:
    """What breaks rules, by outcome: what the last build of a flow found, and what the plan of a run holds.

    A record may break several rules; one that is held counts as held alone, and one that is sent with a warning as warned.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                """
                with violation as (
                    select source_key, effect, broken_rule, field from {violations}
                    union
                    select document, 'block', reason, '' from sync.plan where run_id = %s and state = 'held'
                )
                select effect, count(distinct source_key), count(*), count(distinct broken_rule)
                from violation
                where effect <> 'exclude' or source_key not in (select source_key from violation where effect = 'block')
                group by effect
                order by effect
                """
            ).format(violations=sql.Identifier("validation", f"violations_{flow}")),
            (run_id,),
        )
        return [Broken(_OUTCOME_OF[effect], *counts) for effect, *counts in cursor.fetchall()]


def details(
    connection: Connection, flow: str, run_id: int, most: int = 3, cards: Sequence[FlowCard] = ()
) -> list[Detail]:
    """Held and excluded records by rule, then the records whose plan rows are held, rejected, waiting or not sent.

    ``cards`` are those of all flows: they say which flow writes what a record waits for.
    """
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
            text = fill(sentence or rule, {"record": record, "field": field, "value": value})
            todo = _general(remedy, n, {"record": record, "field": field, "value": value})
            _add(found, Detail(_OUTCOME_OF[effect], rule, n, todo, (text,)))
        cursor.execute(_OPEN, (run_id, flow, most))
        rows = cursor.fetchall()
        parents = required.described(cursor, [row[6] for row in rows if row[0] == "waiting"], cards)
        for row in rows:
            _add(found, _of_plan(parents, *row))
    return list(found.values())


def _of_plan(
    parents: Mapping[str, str],
    kind: str,
    rule: str,
    n: int,
    sentence: str | None,
    remedy: str | None,
    record: str,
    reason: str,
    write: str,
    until: str,
    is_partial: bool,
) -> Detail:
    """The detail of a record by the plan row that decides its outcome."""
    values = {"record": record, "field": "", "value": "", "until": until}
    known = REASONS.get(rule) if kind == "waiting" else None
    if known:
        text, remedy = fill(known.sentence, values), known.remedy
    elif sentence:
        text = fill(sentence, values)
    elif kind == "waiting":
        text = f"{record} waits for {parents.get(reason, reason)}"
    else:
        text, rule = f"{record} ({write}): {reason}", kind
        remedy = REJECTED if kind == "rejected" else ""
    if is_partial:
        text += " " + fill(REASONS["partial"].sentence, values)
    return Detail(kind, rule, n, _general(remedy, n, values), (text,))


# One row of each record whose plan rows are held, rejected, waiting or not sent: the one that decides its outcome
# (``outcomes``).
_OPEN = """
with open_plan as (
    select
        plan.*,
        case
            when plan.state in ('rejected', 'backing_off') then 'rejected'
            when plan.state = 'held' then 'held'
            else 'waiting'
        end as kind,
        case
            when plan.state in ('rejected', 'backing_off') then 'rejected'
            when plan.state = 'in_doubt' then 'answer_lost'
            when plan.state = 'superseded' then 'superseded'
            when plan.state = 'planned' then case when run.safety_limit is null then 'not_sent' else 'safety_limit' end
            when plan.state = 'held' then plan.reason
            else split_part(coalesce(plan.reason, plan.state), ':', 1)
        end as class
    from sync.plan as plan
    inner join sync.run as run on run.run_id = plan.run_id
    where plan.run_id = %s and (
        plan.state in ('rejected', 'backing_off', 'held', 'waiting', 'in_doubt', 'superseded')
        or plan.state = 'planned' and not coalesce((run.params ->> 'dry_run')::boolean, false)
        or plan.state = 'accepted' and plan.reason like 'to_be_confirmed:%%'
    )
),
open_rows as (
    select distinct on (document)
        open_plan.*,
        bool_or(coalesce(reason = 'partial', false)) over (partition by document) as has_partial
    from open_plan
    order by document, array_position(array['rejected', 'held', 'waiting'], kind), seq
),
numbered as (
    select open_rows.*, row_number() over (partition by kind, class order by record) as place,
        count(*) over (partition by kind, class) as n
    from open_rows
)
select
    numbered.kind, numbered.class, numbered.n, rules.sentence, rules.remedy, numbered.record,
    coalesce(numbered.reason, numbered.state), numbered.write,
    case
        when numbered.state = 'in_doubt' and numbered.reason is not null then numbered.reason
        when numbered.reason like 'to_be_confirmed: %%' then substr(numbered.reason, 18)
        when known.over_at = 'infinity' then 'the end of the import'
        else coalesce(
            to_char(greatest(known.over_at, known.stray_until) at time zone 'UTC', 'HH24:MI "UTC"'), 'a later time'
        )
    end,
    numbered.has_partial and numbered.class <> 'partial'
from numbered
left join seeds.rules as rules
    on rules.rule = numbered.reason and numbered.kind <> 'rejected' and rules.flow in (%s, '*')
left join sync.ledger as known
    on known.env_id = numbered.env_id and known.write = numbered.write and known.source_key = numbered.source_key
where place <= %s order by kind, n desc, 2, place
"""


def fill(sentence: str, values: Mapping[str, object]) -> str:
    """A rule's sentence with its placeholders replaced; placeholders inside a value stay as they are."""
    parts = sentence
    marks = {name: f"\0{name}\0" for name in values}
    for name, mark in marks.items():
        parts = parts.replace("{" + name + "}", mark)
    for name, mark in marks.items():
        parts = parts.replace(mark, str(values[name]) if values[name] is not None else "")
    return parts


def _general(remedy: str | None, n: int, values: Mapping[str, object]) -> str:
    """The remedy for ``n`` records: it names the record when there is one, and says "each record" otherwise."""
    if n > 1:
        values = {"record": "each record", "field": "the field", "value": "the value named above"}
    return fill(remedy or "", values)


def _add(found: dict[tuple[str, str], Detail], detail: Detail) -> None:
    key = (detail.outcome, detail.rule)
    known = found.get(key)
    records = (known.records if known else ()) + detail.records
    found[key] = Detail(detail.outcome, detail.rule, detail.n, detail.remedy, records)
