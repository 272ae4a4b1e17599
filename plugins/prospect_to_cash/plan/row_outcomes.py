"""Outcomes of plan rows, staged in a temporary table so that each table takes its part from there in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values


@dataclass(frozen=True)
class Outcome:
    """The result of one plan row. ``state``: accepted, rejected, waiting, held, in_doubt or planned (not sent).

    ``sent``: a request was answered, so the belief takes over what it sent. ``closes``: no request for the record can be
    executed any more, so nothing remains in doubt.
    """

    seq: int
    state: str
    outcome: str | None
    kind: str
    status: int | None
    code: str
    sentence: str
    request_id: str
    target_id: str | None = None
    adopted: bool = False
    answer: str | None = None
    sent: bool = False
    closes: bool = True


def stage(cursor: Cursor, outcomes: Sequence[Outcome]) -> None:
    """Put outcomes into ``pg_temp.row_outcome``, which is empty again at the end of the transaction."""
    cursor.execute(
        """
        create temp table if not exists row_outcome (
            seq bigint, state text, outcome text, kind text, status int, code text, sentence text,
            request_id text, target_id uuid, adopted boolean, answer jsonb, sent boolean, closes boolean
        ) on commit delete rows
        """
    )
    execute_values(
        cursor,
        "insert into pg_temp.row_outcome values %s",
        [
            (
                o.seq, o.state, o.outcome, o.kind, o.status, o.code, o.sentence, o.request_id,
                o.target_id, o.adopted, o.answer, o.sent, o.closes,
            )
            for o in outcomes
        ],
        template="(%s, %s, %s, %s, %s, %s, %s, %s, %s::uuid, %s, %s::jsonb, %s, %s)",
        page_size=1000,
    )  # fmt: skip
