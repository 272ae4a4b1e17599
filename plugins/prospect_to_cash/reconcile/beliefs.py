"""What a reconcile changes in the ledger: wrong beliefs are corrected, doubts that are over are settled.

The rows belong to ``load.ledger``; a reconcile changes those alone that nothing has touched since it judged them.
"""

from __future__ import annotations

from psycopg2.extensions import cursor as Cursor


def apply_findings(cursor: Cursor, env_id: str, write: str) -> None:
    """Take the verdicts of a reconcile (``pg_temp.verdict``) into the rows that nothing has touched since they were judged.

    A wrong belief is corrected, drift is noted, and what the next run has to read before it sends anything becomes unsure.
    Verdicts that came too late are deleted.
    """
    cursor.execute(_APPLY, {"env": env_id, "write": write})
    cursor.execute(
        """
        delete from pg_temp.verdict
        where changes and not exists (select 1 from pg_temp.taken where taken.source_key = verdict.source_key)
        """
    )


def settle(cursor: Cursor, env_id: str, write: str) -> None:
    """Believe what a reconcile has read of records whose doubt is over (``pg_temp.settled``).

    Rows that a run has touched since stay as they are.
    """
    cursor.execute(
        """
        update sync.ledger as ledger
        set present = settled.is_there, belief = settled.belief, doubt = null, over_at = null, answered = false,
            stray_until = null, recheck = '{}', drift = '{}', settled_hash = null,
            changed_at = clock_timestamp()
        from pg_temp.settled as settled
        where ledger.env_id = %s and ledger.write = %s and ledger.source_key = settled.source_key
            and ledger.changed_at = settled.changed_at
        """,
        (env_id, write),
    )


_APPLY = """
drop table if exists pg_temp.taken;
create temp table taken (source_key text);
with taken as (
    update sync.ledger as ledger
    set
        present = coalesce(verdict.is_there, ledger.present),
        belief = case
            when verdict.is_there is false then '{}' else ledger.belief || coalesce(verdict.corrections, '{}')
        end,
        drift = verdict.drift,
        recheck = array(select distinct unnest(ledger.recheck || verdict.recheck) order by 1),
        settled_hash = case when not verdict.unsettles then ledger.settled_hash end,
        changed_at = clock_timestamp()
    from pg_temp.verdict as verdict
    where verdict.changes and ledger.env_id = %(env)s and ledger.write = %(write)s
        and ledger.source_key = verdict.source_key and ledger.changed_at = verdict.changed_at
        and ledger.doubt is null and ledger.stray_until is null
    returning ledger.source_key
)
insert into pg_temp.taken select source_key from taken
"""
