"""Count a run's outcomes so that read = excluded + held + waiting + created + updated + unchanged + deactivated + rejected.

Each outcome is counted by itself: what is held, excluded or unchanged when the run is planned, from validation and ledger;
what is planned, from the rows of its plan afterwards. Their sum is compared with the driving records, which dbt counted.

A driving record may have several plan rows (a product, its price, its state); its outcome is the first of: rejected, held,
waiting, excluded, created, updated, deactivated, unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg2.extensions import connection as Connection

from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import P2CError
from prospect_to_cash.flow_card import SYSTEMS, Write
from prospect_to_cash.plan import runs

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_NUMBERED = re.compile(r"(?<=: )[^,;:]+(?=, \.\.\.)")


class CountsDiffer(P2CError):
    """The outcomes of a run do not add up to the records read: a fault of this package."""


@dataclass(frozen=True)
class Report:
    """One flow's counts, in the shape of ``.demo/report.json``."""

    values: dict[str, object]
    unproven: int = 0

    def check(self) -> None:
        """Raise CountsDiffer unless every record has exactly one outcome, and the ledger knows what is called accepted."""
        values: Mapping[str, Any] = self.values
        total: int = sum(values[name] for name in ("created", "updated", "unchanged", "deactivated"))
        total += sum(sum(values[name].values()) for name in ("excluded", "held", "waiting", "rejected"))
        if total != values["read"]:
            raise CountsDiffer(
                f"Flow {values['flow']}: {values['read']} records were read, but {total} outcomes counted. "
                "This is a fault of the package: please report it."
            )
        if self.unproven:
            raise CountsDiffer(
                f"Flow {values['flow']}: {self.unproven} rows count as accepted, but the ledger does not show "
                "it. This is a fault of the package: please report it."
            )


def report_of(
    connection: Connection, run_id: int, landed: Mapping[str, int], writes: Sequence[Write]
) -> Report:
    """Build a run's report from its plan. ``landed`` is rows by entity, ``writes`` are the flow's."""
    with connection, connection.cursor() as cursor:
        run = runs.facts(cursor, run_id)
        dry_run = bool(run.params.get("dry_run"))
        cursor.execute(
            _OUTCOMES,
            {
                "run": run_id,
                "principal": [write.name for write in writes if write.counts_as_record],
                "dry": dry_run,
                "unsent": "safety_limit" if run.exceeds_safety_limit else "not_sent",
            },
        )
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
        cursor.execute(_UNPROVEN, {"run": run_id})
        unproven = int(one(cursor)[0])
    values = _values(run.flow, run.counts, rows)
    values["landed"] = dict(landed)
    systems = {write.name: write.system for write in writes}
    operations = dict.fromkeys(SYSTEMS, 0)
    for write, n in written:
        operations[systems[write]] += n
    values["writes"] = operations
    values["seconds"] = round(run.seconds, 1)
    values["dry_run"] = dry_run
    values["run_id"] = run_id
    return Report(values, unproven)


# The lowest rank among the plan rows of a record, with the reason of the first row of that rank.
_OUTCOMES = """
with ranked as (

    select
        document,
        seq,
        case
            when state in ('rejected', 'backing_off') then 1
            when state = 'held' then 2
            when state in ('waiting', 'in_doubt', 'superseded') or (state = 'planned' and not %(dry)s)
                or reason like 'to_be_confirmed:%%' then 3
            when (outcome = 'created' or (state = 'planned' and action = 'create')) and write = any(%(principal)s) then 4
            when outcome in ('created', 'updated') then 5
            when state = 'planned' and action not in ('deactivate', 'confirm') then 5
            when outcome = 'deactivated' or (state = 'planned' and action = 'deactivate') then 6
            else 7
        end as rank,
        case
            when state in ('waiting', 'superseded', 'accepted') then split_part(coalesce(reason, ''), ':', 1)
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

_PLAIN = {4: "created", 5: "updated", 6: "deactivated", 7: "unchanged"}

# Rows that count as accepted by this run, and of which the ledger knows neither this acceptance nor a later one.
_UNPROVEN = """
select count(*)
from sync.plan as plan
left join sync.ledger as known
    on known.env_id = plan.env_id and known.write = plan.write and known.source_key = plan.source_key
where plan.run_id = %(run)s and plan.state = 'accepted' and plan.reason is null
    and (known.accepted_run is null or known.accepted_run < plan.run_id)
"""


def _values(
    flow: str, counted: Mapping[str, Any], rows: Sequence[tuple[int, str | None, int]]
) -> dict[str, object]:
    read = int(counted.get("read", 0))
    held: dict[str, int] = dict(counted.get("held", {}))
    excluded: dict[str, int] = dict(counted.get("excluded", {}))
    rejected: dict[str, int] = {}
    waiting: dict[str, int] = {}
    counts = dict.fromkeys(("created", "updated", "deactivated"), 0)
    counts["unchanged"] = int(counted.get("unchanged", 0))
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
    return {
        "flow": flow,
        "read": read,
        "excluded": excluded,
        "held": held,
        "waiting": waiting,
        **counts,
        "rejected": rejected,
        "warned": dict(counted.get("warned", {})),
    }


def masked(sentence: str) -> str:
    """A system's message without the values it quotes, so that it can be counted and logged."""
    return _NUMBERED.sub("...", _QUOTED.sub("'...'", " ".join(sentence.split()))) or "no reason given"
