"""Messages of recurring jobs and their states (finops-odata sheet, section 11).

A message that was handed out and not acknowledged comes back after 30 minutes, so delivery is at least once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from d365_sandbox.finops.data_management import jobs
from d365_sandbox.finops.data_management.jobs import Job, Jobs
from d365_sandbox.finops.data_management.projects import IMPORT

ENQUEUED, DEQUEUED, ACKED = "Enqueued", "Dequeued", "Acked"
PREPROCESSING, PROCESSING, PROCESSED = "Preprocessing", "Processing", "Processed"
PREPROCESSING_ERROR, WITH_ERRORS = "PreProcessingError", "ProcessedWithErrors"
_STATES = {jobs.NOT_RUN: PREPROCESSING, jobs.EXECUTING: PROCESSING, jobs.SUCCEEDED: PROCESSED}


@dataclass(slots=True)
class Message:
    """One file or package on its way in or out."""

    id: str
    activity: str
    enqueued_at: datetime
    company: str = ""
    entity: str = ""
    external_id: str = ""
    job: Job | None = None
    log: str = ""
    blob: str = ""
    dequeued_at: datetime | None = None
    response: dict[str, Any] | None = None
    acked: bool = False

    def state(self, known: Jobs) -> str:
        """The state as GetMessageStatus returns it."""
        if self.acked:
            return ACKED
        if self.dequeued_at is not None:
            return DEQUEUED
        if self.log and self.job is None:
            return PREPROCESSING_ERROR
        if self.job is None or self.blob or self.job.operation != IMPORT:
            return ENQUEUED
        return _STATES.get(known.state(self.job), WITH_ERRORS)
