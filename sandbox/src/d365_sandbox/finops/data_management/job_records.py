"""Jobs as records that outlive a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from d365_sandbox.finops.data_management.jobs import EntityRun, Job, RowError


def record_of(job: Job) -> dict[str, Any]:
    record = asdict(job)
    record["starts_at"] = job.starts_at.isoformat()
    record["began_at"] = text_of(job.began_at)
    record["run_time"] = job.run_time.total_seconds()
    for run in record["runs"]:
        run["keys_ready_at"] = text_of(run["keys_ready_at"])
    return record


def job_of(record: Mapping[str, Any]) -> Job:
    return Job(
        **{
            **record,
            "starts_at": datetime.fromisoformat(record["starts_at"]),
            "began_at": moment_of(record["began_at"]),
            "run_time": timedelta(seconds=record["run_time"]),
            "runs": [_run_of(run) for run in record["runs"]],
        }
    )


def _run_of(record: Mapping[str, Any]) -> EntityRun:
    return EntityRun(
        **{
            **record,
            "errors": [RowError(**error) for error in record["errors"]],
            "failed_keys": [tuple(key) for key in record["failed_keys"]],
            "keys_ready_at": moment_of(record["keys_ready_at"]),
        }
    )


def text_of(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def moment_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
