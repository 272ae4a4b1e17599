"""The brake: a plan that would touch more than a share of the target's records stops and asks.

What counts is new: a row that an earlier plan already held, and that was not braked then, has been
let through. The first load of a write cannot be told from a mistake by its size, so it is let through.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.errors import Stopped
from prospect_to_cash.flow_card import FlowCard
from prospect_to_cash.stores.rows import one
from prospect_to_cash.stores.run_store import Params

log = logging.getLogger(__name__)

Seen = dict[str, dict[str, int]]

_ABOUT_TO = """
with new as (

    select plan.env_id, plan.write, plan.action, count(*) as n
    from sync.plan as plan
    where
        plan.run_id = %(run)s and plan.state in ('planned', 'waiting')
        and not (plan.action = 'update' and %(force)s)
        and not exists (
            select 1
            from sync.plan as before
            inner join sync.run as earlier on earlier.run_id = before.run_id
            where before.env_id = plan.env_id and before.write = plan.write and before.source_key = plan.source_key
                and before.run_id <> plan.run_id and before.body_hash = plan.body_hash
                and earlier.brake is null and not coalesce((earlier.params ->> 'dry_run')::boolean, false)
        )
    group by 1, 2, 3

),

known as (

    select distinct on (new.env_id, new.write) new.env_id, new.write, (
        select count(*) from sync.ledger
        where ledger.env_id = new.env_id and ledger.write = new.write and ledger.accepted_hash is not null
    ) as n
    from new

)

select new.write, known.n, jsonb_object_agg(new.action, new.n), sum(new.n)::bigint
from new inner join known on known.env_id = new.env_id and known.write = new.write
group by new.write, known.n
having sum(new.n) > greatest(%(floor)s, %(share)s * known.n)
    and known.n > 0
order by new.write
"""


def look(cursor: Cursor, run_id: int, card: FlowCard, params: Params) -> Seen:
    """What the plan would do to too many records, per write: counts by action, and ``known`` before it."""
    share = card.brake_share if params.brake_share is None else params.brake_share
    floor = card.brake_floor if params.brake_floor is None else params.brake_floor
    cursor.execute(
        "select count(*) from sync.plan where run_id = %s and state in ('planned', 'waiting')", (run_id,)
    )
    if params.release_brake or one(cursor)[0] <= floor:
        return {}
    cursor.execute(_ABOUT_TO, {"run": run_id, "share": share, "floor": floor, "force": params.force})
    return {write: {"known": known, **actions} for write, known, actions, _ in cursor.fetchall()}


def pull(flow: str, seen: Mapping[str, Mapping[str, int]], params: Params) -> None:
    """Raise ``Stopped`` with what was seen; a dry run is only told."""
    if not seen:
        return
    told = "; ".join(
        f"{write}: " + ", ".join(f"{action} {n}" for action, n in sorted(counts.items()) if action != "known")
        + f" of {counts['known']} known records"
        for write, counts in seen.items()
    )  # fmt: skip
    sentence = (
        f"The brake stopped flow {flow} before anything was sent, because its plan would touch too many records "
        f"({told}). Look at it with a dry run; if it is right, run the flow once with release_brake."
    )
    if params.dry_run:
        log.warning("%s", sentence)
        return
    raise Stopped(sentence)
