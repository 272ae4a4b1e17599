"""The queues of all activities: messages come in and are processed in their order, exports wait to be fetched."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.finops.connector.activities import Activity
from d365_sandbox.finops.connector.messages import Message
from d365_sandbox.finops.connector.records import activity_of, message_of, record_of
from d365_sandbox.finops.data_management.archive import PackageError
from d365_sandbox.finops.data_management.jobs import CANCELED
from d365_sandbox.finops.data_management.management import DataManagement, ManagementError
from d365_sandbox.finops.data_management.projects import IMPORT

_ACTIVITY, _MESSAGE = "activity", "message"


class Queue:
    """Messages by activity."""

    def __init__(self, management: DataManagement, clock: Clock, activities: Iterable[Activity]) -> None:
        self._management = management
        self._clock = clock
        self._keep = management.keep
        self.activities: dict[str, Activity] = {a.id: a for a in activities}
        self.messages: dict[str, Message] = {}
        self._to_process: list[Message] = []
        self._recall()

    def _recall(self) -> None:
        """What was there before a restart. The ready activities are those of the settings, as they stand now."""
        jobs = self._management.jobs
        for record in self._keep.take(_ACTIVITY).values():
            kept = activity_of(record, jobs)
            if kept.is_ready:
                ready = self.activities[kept.id]
                ready.next_run, ready.running = kept.next_run, kept.running
            else:
                self.activities[kept.id] = kept
        for record in self._keep.take(_MESSAGE).values():
            message = message_of(record, jobs)
            self.messages[message.id] = message
            comes_in = self.activities[message.activity].direction == IMPORT
            if comes_in and not message.log and (message.job is None or not jobs.is_finished(message.job)):
                self._to_process.append(message)

    def declare(self, activity: Activity) -> None:
        """An activity as the admin API sets it."""
        self.activities[activity.id] = activity
        self._keep.put(_ACTIVITY, activity.id, record_of(activity))

    def _save(self, kept: Message | Activity) -> None:
        self._keep.put(_MESSAGE if isinstance(kept, Message) else _ACTIVITY, kept.id, record_of(kept))

    def find(self, message_id: str) -> Message | None:
        return self.messages.get(message_id)

    def take(
        self, activity: Activity, content: bytes, company: str, entity: str, external_id: str
    ) -> Message:
        """A message that came in; it is processed when those before it are."""
        message = self._message(activity)
        message.company, message.entity, message.external_id = company, entity, external_id
        self._keep.write(_MESSAGE, message.id, content)
        self._save(message)
        self._to_process.append(message)
        self.advance()
        return message

    def advance(self) -> None:
        """Start what can be started: per activity one message after the other."""
        if not self._to_process:
            return
        busy: set[str] = set()
        for message in list(self._to_process):
            if message.activity in busy:
                continue
            if message.job is None and not self._start(message):
                busy.add(message.activity)
                continue
            if message.job is not None and not self._management.jobs.is_finished(message.job):
                busy.add(message.activity)
            else:
                self._to_process.remove(message)

    def run(self, activity: Activity) -> None:
        """Run an export activity once."""
        if activity.running is None:
            activity.running = self._management.start_export(
                activity.project, activity.project, "", activity.company
            )
            self._save(activity)

    def collect(self, activity: Activity) -> None:
        """Run an export activity whose time has come, and put a finished export into its queue."""
        now = self._clock.now()
        if activity.every_seconds and (activity.next_run is None or now >= activity.next_run):
            activity.next_run = now + timedelta(seconds=activity.every_seconds)
            self._save(activity)
            self.run(activity)
        job = activity.running
        if job is None or not self._management.jobs.is_finished(job):
            return
        activity.running = None
        self._save(activity)
        if self._management.jobs.state(job) == CANCELED:
            return
        message = self._message(activity)
        message.job = job
        if job.exported or not activity.prevents_empty:
            message.blob = job.package
        self._save(message)

    def next(self, activity: Activity, root: str) -> dict[str, Any] | None:
        """Hand out the first message that nobody holds."""
        self.collect(activity)
        now = self._clock.now()
        again_before = now - timedelta(seconds=self._management.switches.redelivery_seconds)
        for message in self.messages.values():
            is_free = message.dequeued_at is None or message.dequeued_at <= again_before
            if message.activity == activity.id and not message.acked and is_free:
                message.response = self._response(message, root)
                message.dequeued_at = now
                self._save(message)
                return message.response
        return None

    def acknowledge(self, activity: Activity, given: Any) -> bool:
        """Take a message out of the queue whose newest dequeue response is given."""
        for message in self.messages.values():
            mine = message.activity == activity.id and not message.acked
            if mine and message.response is not None and message.response == given:
                message.acked = True
                self._save(message)
                return True
        return False

    def content(self, activity: Activity, message_id: str) -> bytes | None:
        """The file of an export's message, as long as it is there."""
        message = self.messages.get(message_id)
        if message is None or message.activity != activity.id or not message.blob:
            return None
        blob = self._management.blobs.read(message.blob, self._management.switches.blob_days)
        return blob.content if blob else None

    def _response(self, message: Message, root: str) -> dict[str, Any]:
        """What dequeue answers. The link is http even behind https, as behind a load balancer (sheet)."""
        exists = bool(message.blob) and self._management.blobs.exists(
            message.blob, self._management.switches.blob_days
        )
        host = root.partition("://")[2]
        link = (
            f"http://{host}/api/connector/download/%7B{message.activity}%7D?correlation-id=%7B{message.id}%7D"
        )
        last = message.dequeued_at
        return {
            "CorrelationId": message.id,
            "PopReceipt": uuid.uuid4().hex,
            "DownloadLocation": link if exists else "",
            "IsDownLoadFileExist": exists,
            "FileDownLoadErrorMessage": None if exists else "No file was uploaded.",
            "LastDequeueDateTime": last.strftime("%Y-%m-%dT%H:%M:%SZ") if last else None,
        }

    def _message(self, activity: Activity) -> Message:
        message = Message(str(uuid.uuid4()), activity.id, self._clock.now())
        self.messages[message.id] = message
        return message

    def _start(self, message: Message) -> bool:
        """Begin to process a message; False when it has to wait for another import of the project."""
        activity = self.activities[message.activity]
        if self._management.jobs.busy_with(activity.project, IMPORT):
            return False
        content = self._keep.read(_MESSAGE, message.id) or b""
        try:
            if activity.takes_files:
                message.job = self._management.start_file_import(
                    content, activity.project, message.entity, message.company
                )
            else:
                message.job = self._management.start_import(content, activity.project, "", message.company)
        except (PackageError, ManagementError) as error:
            message.log = str(error)
        self._save(message)
        self._keep.remove(_MESSAGE, message.id)
        return True
