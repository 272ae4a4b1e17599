"""The safety limit: a plan that would touch more than a share of the target's records stops until a person releases it.

Updates have one limit, deactivations and removals together another; creates are free. Only new rows count: a row that an
earlier plan had, which the limit did not stop and which was no dry run, is let through.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.errors import Stopped
from prospect_to_cash.flow_card import FlowCard
from prospect_to_cash.plan.runs import Params

log = logging.getLogger(__name__)

Exceeded = dict[str, dict[str, int]]
"""Per write: rows by action, and the ``known`` records of the target before the plan."""

_EXCEEDED = """
with new as (

    select plan.env_id, plan.write, plan.action, plan.document, plan.action in ('deactivate', 'remove') as is_removal
    from sync.plan as plan
    where
        plan.run_id = %(run)s and plan.state in ('planned', 'waiting')
        and plan.action in ('update', 'deactivate', 'remove')
        and not (plan.action = 'update' and %(force)s)
        and not exists (
            select 1
            from sync.plan as before
            inner join sync.run as earlier on earlier.run_id = before.run_id
            where before.env_id = plan.env_id and before.write = plan.write and before.source_key = plan.source_key
                and before.run_id <> plan.run_id and before.body_hash = plan.body_hash
                and earlier.safety_limit is null and not coalesce((earlier.params ->> 'dry_run')::boolean, false)
        )

),

counted as (

    select
        env_id,
        write,
        count(distinct document) filter (where not is_removal) as updates,
        count(distinct document) filter (where is_removal) as removals,
        count(distinct document) filter (where action = 'deactivate') as deactivates,
        count(distinct document) filter (where action = 'remove') as removes
    from new
    group by 1, 2

),

known as (

    select
        counted.*,
        -- a write that creates nothing changes the records of the others that go to its entity
        (
            select count(distinct ledger.document) from sync.ledger
            where ledger.env_id = counted.env_id and ledger.present
                and ledger.write = any(array(select jsonb_array_elements_text(%(alike)s::jsonb -> counted.write)))
        ) as n
    from counted

)

select write, n, jsonb_strip_nulls(jsonb_build_object(
    'update', nullif(updates, 0), 'deactivate', nullif(deactivates, 0), 'remove', nullif(removes, 0)
))
from known
where n > 0 and (
    updates > greatest(%(floor)s, %(share)s * n) or removals > greatest(%(removed_floor)s, %(removed_share)s * n)
)
order by write
"""


def find_exceeded(cursor: Cursor, run_id: int, card: FlowCard, params: Params) -> Exceeded:
    """The writes of which the plan would touch too many records (ruling 21)."""
    if params.release_safety_limit:
        return {}
    limit, share, floor = card.safety_limit, params.safety_limit_share, params.safety_limit_floor
    alike = {
        write.name: [
            other.name
            for other in card.writes
            if (other.system, other.entity) == (write.system, write.entity)
        ]
        for write in card.writes
    }
    values = {
        "run": run_id,
        "share": limit.share if share is None else share,
        "floor": limit.floor if floor is None else floor,
        "removed_share": limit.removed_share if share is None else share,
        "removed_floor": limit.removed_floor if floor is None else floor,
        "force": params.force,
        "alike": json.dumps(alike),
    }
    cursor.execute(_EXCEEDED, values)
    return {write: {"known": known, **actions} for write, known, actions in cursor.fetchall()}


def stop(flow: str, exceeded: Mapping[str, Mapping[str, int]], params: Params) -> None:
    """Raise ``Stopped`` with the counts when the plan exceeds the limit; a dry run logs a warning instead."""
    if not exceeded:
        return
    summary = "; ".join(
        f"{write}: " + ", ".join(f"{action} {n}" for action, n in sorted(counts.items()) if action != "known")
        + f" of {counts['known']} known records"
        for write, counts in exceeded.items()
    )  # fmt: skip
    message = (
        f"The safety limit stopped flow {flow} before anything was sent, because its plan would touch too many records "
        f"({summary}). Check it with a dry run; if it is right, run the flow once with release_safety_limit."
    )
    if params.dry_run:
        log.warning("%s", message)
        return
    raise Stopped(message)
