"""What kind of run a task belongs to, and up to which moment it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class RunKind:
    """``kind`` is scheduled, manual or backfill; ``start`` and ``bound`` are UTC.

    A manual run reads up to the moment it was triggered, not up to the end of the last interval: it includes an edit
    made five minutes ago.
    """

    kind: str
    start: datetime | None
    bound: datetime


def run_kind(context: Mapping[str, Any]) -> RunKind:
    """The kind of the task's DAG run; runs triggered by assets count as manual."""
    dag_run = context["dag_run"]
    run_type = getattr(dag_run.run_type, "value", str(dag_run.run_type))
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if run_type in ("scheduled", "backfill") and start is not None and end is not None:
        return RunKind("backfill" if run_type == "backfill" else "scheduled", _utc(start), _utc(end))
    triggered = (
        getattr(dag_run, "start_date", None) or getattr(dag_run, "run_after", None) or datetime.now(UTC)
    )
    return RunKind("manual", None, _utc(triggered))


def _utc(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp(), UTC)
