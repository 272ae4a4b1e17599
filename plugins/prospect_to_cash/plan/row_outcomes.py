"""Outcomes of plan rows; the tables that take their part of them are written by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields


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


OUTCOMES = """
    select * from unnest(
        %(seq)s::bigint[], %(state)s::text[], %(outcome)s::text[], %(kind)s::text[], %(status)s::int[], %(code)s::text[],
        %(sentence)s::text[], %(request_id)s::text[], %(target_id)s::uuid[], %(adopted)s::boolean[], %(answer)s::jsonb[],
        %(sent)s::boolean[], %(closes)s::boolean[]
    ) as outcome (
        seq, state, outcome, kind, status, code, sentence, request_id, target_id, adopted, answer, sent, closes
    )
"""
"""The rows of ``columns`` as a query: one row per outcome, named as the fields of ``Outcome``."""


def columns(outcomes: Sequence[Outcome]) -> dict[str, list[object]]:
    """The fields of outcomes as arrays for ``OUTCOMES``: a batch is parsed once, not row by row."""
    return {field.name: [getattr(o, field.name) for o in outcomes] for field in fields(Outcome)}
