"""What kind of run a task belongs to, and up to which moment it speaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class RunKind:
    """``kind`` is scheduled, manual or backfill; ``start`` and ``bound`` are UTC.

    A manual run speaks up to the moment it was asked for, not up to the end of the last interval:
    an edit made five minutes ago belongs to it.
    """

    kind: str
    start: datetime | None
    bound: datetime


def run_kind(context: Mapping[str, Any]) -> RunKind:
    """Read off the DAG run; asset-triggered runs count as manual."""
    dag_run = context["dag_run"]
    said = getattr(dag_run.run_type, "value", str(dag_run.run_type))
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if said in ("scheduled", "backfill") and start is not None and end is not None:
        return RunKind("backfill" if said == "backfill" else "scheduled", _utc(start), _utc(end))
    asked = getattr(dag_run, "start_date", None) or getattr(dag_run, "run_after", None) or datetime.now(UTC)
    return RunKind("manual", None, _utc(asked))


def _utc(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp(), UTC)
