"""Sentences and remedies for records that wait, or were refused, for a reason that is no rule and no other record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Reason(NamedTuple):
    """``sentence`` with ``{record}`` and ``{until}``, and the ``remedy``."""

    sentence: str
    remedy: str


REASONS: Mapping[str, Reason] = {
    "answer_lost": Reason(
        "{record}: a request was sent and its answer was lost; the target may still execute it until {until}.",
        "Nothing: the first run after that time reads the record and sends what differs.",
    ),
    "to_be_confirmed": Reason(
        "{record} was accepted, but the target may still execute an earlier try of the same request until {until}.",
        "Nothing: the first run after that time reads the record and confirms it.",
    ),
    "superseded": Reason(
        "{record}: a later run has already tried a newer state of it.",
        "Nothing: the report of the later run has the outcome.",
    ),
    "part_not_accepted": Reason(
        "{record} was not sent, or was taken back, because another part of it was not accepted.",
        "See why the other part was not accepted; once it is, the rest is sent with it.",
    ),
    "partial": Reason(
        "{record} is in the target only in part: one part was refused, and then the removal of the others was refused too.",
        "Remove the cause and run again with retry_rejected, or remove the record in the target.",
    ),
    "stale": Reason(
        "{record} was changed in the target after it had been read, so it was not overwritten.",
        "Nothing: the next run reads it again.",
    ),
    "safety_limit": Reason(
        "{record} was not sent, because the safety limit stopped the run.",
        "Check the plan with a dry run; if it is right, run the flow once with release_safety_limit.",
    ),
    "not_sent": Reason(
        "{record} was not sent, because the run stopped before it.",
        "See the log of the task that failed; the next run sends it.",
    ),
}

REJECTED = "Remove the cause that the message names. The record is then sent again after a pause, or at once with retry_rejected."
