"""Outcomes of plan rows; the tables that take their part of them are written by one statement."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass


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
    select
        seq, state, outcome, kind, status, code, sentence, request_id, target_id, adopted, answer::jsonb as answer, sent, closes
    from json_to_recordset(%(outcomes)s) as outcome (
        seq bigint, state text, outcome text, kind text, status int, code text, sentence text, request_id text,
        target_id uuid, adopted boolean, answer text, sent boolean, closes boolean
    )
"""
"""The outcomes of ``as_json`` as a query: one row each, the columns named as the fields of ``Outcome``."""


def as_json(outcomes: Sequence[Outcome]) -> str:
    """Outcomes as a JSON array: one parameter for a batch, where values by themselves would cost more than their rows."""
    return json.dumps([vars(outcome) for outcome in outcomes])
