"""Count a run's outcomes so that read = excluded + held + waiting + created + updated + unchanged + deactivated + rejected.

A driving record may stand behind several plan rows (a product, its price, its state); its outcome
is the first of: rejected, held, waiting, excluded, created, updated, deactivated, unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from prospect_to_cash.errors import P2CError
from prospect_to_cash.flow_card import SYSTEMS, Write
from prospect_to_cash.stores.rows import one

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_NUMBERED = re.compile(r"(?<=: )[^,;:]+(?=, \.\.\.)")


class CountsDiffer(P2CError):
    """The outcomes of a run do not add up to what it read: a fault of this package."""


@dataclass(frozen=True)
class Report:
    """One flow's counts, in the shape of ``.demo/report.json``."""

    values: dict[str, object]

    def check(self) -> None:
        """Raise CountsDiffer unless every record has exactly one outcome."""
        said: Mapping[str, Any] = self.values
        total: int = sum(said[name] for name in ("created", "updated", "unchanged", "deactivated"))
        total += sum(sum(said[name].values()) for name in ("excluded", "held", "waiting", "rejected"))
        if total != said["read"]:
            raise CountsDiffer(f"flow {said['flow']}: {said['read']} records read, {total} accounted for.")


def report_of(
    connection: Connection, run_id: int, landed: Mapping[str, int], writes: Sequence[Write]
) -> Report:
    """Build a run's report from its plan. ``landed`` is per entity, ``writes`` are the flow's."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            select flow, planned, params, brake is not null, extract(epoch from clock_timestamp() - started_at)
            from sync.run where run_id = %s
            """,
            (run_id,),
        )
        flow, planned, params, braked, seconds = one(cursor)
        asked = {
            "run": run_id,
            "principal": [write.name for write in writes if write.principal],
            "dry": bool(params.get("dry_run")),
            "unsent": "brake" if braked else "not_sent",
        }
        cursor.execute(_OUTCOMES, asked)
        rows = cursor.fetchall()
        cursor.execute(
            """
            select plan.write, count(*) from sync.attempt as attempt
            inner join sync.plan as plan on plan.run_id = attempt.run_id and plan.seq = attempt.seq
            where attempt.run_id = %s and attempt.kind not in ('not_run', 'read_back') group by plan.write
            """,
            (run_id,),
        )
        written = cursor.fetchall()
    values = _values(flow, planned or {}, rows)
    values["landed"] = dict(landed)
    systems = {write.name: write.system for write in writes}
    operations = dict.fromkeys(SYSTEMS, 0)
    for write, n in written:
        operations[systems[write]] += n
    values["writes"] = operations
    values["seconds"] = round(float(seconds), 1)
    values["dry_run"] = bool(params.get("dry_run"))
    values["run_id"] = run_id
    return Report(values)


# The best rank over the plan rows of a record, with the reason of the first such row.
_OUTCOMES = """
with ranked as (

    select
        document,
        seq,
        case
            when state in ('rejected', 'resting') then 1
            when state = 'held' then 2
            when state in ('waiting', 'in_doubt') or (state = 'planned' and not %(dry)s) then 3
            when (outcome = 'created' or (state = 'planned' and action = 'create')) and write = any(%(principal)s) then 4
            when outcome in ('created', 'updated') then 5
            when state = 'planned' and action <> 'deactivate' then 5
            when outcome = 'deactivated' or (state = 'planned' and action = 'deactivate') then 6
            else 7
        end as rank,
        case
            when state in ('waiting') then split_part(coalesce(reason, ''), ':', 1)
            when state = 'in_doubt' then 'answer_lost'
            when state = 'planned' then %(unsent)s
            else coalesce(reason, '')
        end as reason
    from sync.plan
    where run_id = %(run)s

),

best as (
    select distinct on (document) document, rank, reason from ranked order by document, rank, seq
)

select rank, case when rank <= 3 then reason end as reason, count(*) from best group by 1, 2 order by 1, 2
"""

_PLAIN = {4: "created", 5: "updated", 6: "deactivated"}


def _values(
    flow: str, planned: Mapping[str, Any], rows: Sequence[tuple[int, str | None, int]]
) -> dict[str, object]:
    read = int(planned.get("read", 0))
    held: dict[str, int] = dict(planned.get("held", {}))
    excluded: dict[str, int] = dict(planned.get("excluded", {}))
    rejected: dict[str, int] = {}
    waiting: dict[str, int] = {}
    counts = dict.fromkeys(("created", "updated", "deactivated"), 0)
    for rank, reason, n in rows:
        if rank == 1:
            name = masked(reason or "")
            rejected[name] = rejected.get(name, 0) + n
        elif rank == 2:
            held[str(reason)] = held.get(str(reason), 0) + n
        elif rank == 3:
            waiting[str(reason)] = waiting.get(str(reason), 0) + n
        elif rank in _PLAIN:
            counts[_PLAIN[rank]] += n
    moved = sum(counts.values())
    apart = sum(sum(group.values()) for group in (held, excluded, rejected, waiting))
    return {
        "flow": flow,
        "read": read,
        "excluded": excluded,
        "held": held,
        "waiting": waiting,
        **counts,
        "unchanged": read - moved - apart,
        "rejected": rejected,
        "warned": dict(planned.get("warned", {})),
    }


def masked(sentence: str) -> str:
    """A system's sentence without the values it quotes, so that it can be counted and logged."""
    return _NUMBERED.sub("...", _QUOTED.sub("'...'", " ".join(sentence.split()))) or "no reason given"
