"""Messages and activities as records that outlive a restart; a job stands there by its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from d365_sandbox.finops.connector.activities import Activity
from d365_sandbox.finops.connector.messages import Message
from d365_sandbox.finops.data_management.job_records import moment_of
from d365_sandbox.finops.data_management.jobs import Job, Jobs

_MOMENTS = ("enqueued_at", "dequeued_at", "next_run")
_JOBS = ("job", "running")


def record_of(kept: Message | Activity) -> dict[str, Any]:
    return {f.name: _plain(getattr(kept, f.name)) for f in fields(kept)}


def message_of(record: Mapping[str, Any], jobs: Jobs) -> Message:
    return Message(**_members(record, jobs))


def activity_of(record: Mapping[str, Any], jobs: Jobs) -> Activity:
    return Activity(**{**_members(record, jobs), "clients": tuple(record["clients"])})


def _plain(value: Any) -> Any:
    if isinstance(value, Job):
        return value.id
    return value.isoformat() if isinstance(value, datetime) else value


def _members(record: Mapping[str, Any], jobs: Jobs) -> dict[str, Any]:
    found = dict(record)
    found.update({name: moment_of(record[name]) for name in _MOMENTS if name in record})
    found.update(
        {name: jobs.find(record[name]) if record[name] else None for name in _JOBS if name in record}
    )
    return found
