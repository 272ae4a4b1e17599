"""The connector's addresses: enqueue, dequeue, download, ack and jobstatus.

Statuses and bodies of refusals are assumed, and so are the names in the answer of jobstatus beyond those that
public clients read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from d365_sandbox.finops.connector.activities import Activity, plain_id
from d365_sandbox.finops.connector.queue import Queue
from d365_sandbox.finops.data_management.management import DataManagement, ManagementError
from d365_sandbox.finops.data_management.names import by_label
from d365_sandbox.finops.data_management.projects import EXPORT, IMPORT, absent
from d365_sandbox.json_text import dumps, loads
from d365_sandbox.schemas.entity import fold
from d365_sandbox.web.messages import Call, Reply

PREFIXES = ("/api/connector/", "/en/api/connector/")
_JSON = {"Content-Type": "application/json; charset=utf-8"}


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Connector:
    """The recurring integrations of one environment."""

    def __init__(self, management: DataManagement, queue: Queue) -> None:
        self._management = management
        self._queue = queue
        self._handlers: Mapping[tuple[str, str], tuple[str, Callable[[Activity, Call], Reply]]] = {
            ("POST", "enqueue"): (IMPORT, self._enqueue),
            ("GET", "dequeue"): (EXPORT, self._dequeue),
            ("POST", "ack"): (EXPORT, self._ack),
            ("GET", "download"): (EXPORT, self._download),
            ("GET", "jobstatus"): ("", self._job_status),
        }

    def handle(self, call: Call) -> Reply:
        """Answer a request under one of PREFIXES."""
        verb, _, rest = call.path.partition("/")
        method = "GET" if call.method == "HEAD" else call.method
        found = self._handlers.get((method, verb.lower()))
        if found is None:
            return _message(404, f"No HTTP resource was found that matches '{call.method} {call.path}'.")
        direction, handler = found
        try:
            return handler(self._activity(unquote(rest.strip("/")), direction, call.client_id), call)
        except _Refused as refusal:
            return _message(refusal.status, refusal.message)
        except ManagementError as error:
            return _message(400, str(error))

    def _activity(self, text: str, direction: str, client_id: str) -> Activity:
        activity = self._queue.activities.get(plain_id(text))
        if activity is None:
            raise _Refused(404, f"Activity {text} does not exist.")
        if not activity.enabled:
            raise _Refused(403, f"Activity {text} is not enabled.")
        if client_id not in activity.clients:
            raise _Refused(403, f"The application is not in the authorization policy of activity {text}.")
        if direction not in ("", activity.direction):
            raise _Refused(400, f"Activity {text} does not {direction.lower()}.")
        return activity

    def _enqueue(self, activity: Activity, call: Call) -> Reply:
        query = _query(call)
        label, company = query.get("entity", ""), fold(query.get("company", ""))
        if not call.body:
            raise _Refused(400, "The request has no body.")
        if activity.takes_files and not label:
            raise _Refused(400, "The entity of the file must be named.")
        if label and not activity.takes_files:
            raise _Refused(400, "Activities that take data packages take no entity.")
        if label and fold(label) not in by_label(self._management.entities):
            raise _Refused(400, absent(label))
        external_id = call.headers.get("x-ms-dyn-externalidentifier", "")
        message = self._queue.take(activity, call.body, company or activity.company, label, external_id)
        return Reply(200, dict(_JSON), dumps(message.id))

    def _dequeue(self, activity: Activity, call: Call) -> Reply:
        response = self._queue.next(activity, call.root)
        return Reply(204) if response is None else Reply(200, dict(_JSON), dumps(response))

    def _ack(self, activity: Activity, call: Call) -> Reply:
        try:
            given = loads(call.body)
        except (ValueError, RecursionError):
            given = None
        if not self._queue.acknowledge(activity, given):
            raise _Refused(400, "The body is not the newest dequeue response of a message that waits.")
        return Reply(200, dict(_JSON))

    def _download(self, activity: Activity, call: Call) -> Reply:
        content = self._queue.content(activity, plain_id(_query(call).get("correlation-id", "")))
        if content is None:
            raise _Refused(404, "The file does not exist.")
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": 'attachment; filename="package.zip"',
        }
        return Reply(200, headers, content)

    def _job_status(self, activity: Activity, call: Call) -> Reply:
        message_id = plain_id(_query(call).get("jobid", "").strip('"'))
        message = self._queue.find(message_id)
        if message is None or message.activity != activity.id:
            raise _Refused(404, f"Message {message_id} does not exist.")
        job = message.job
        state = message.state(self._management.jobs)
        answer: dict[str, Any] = {
            "DataJobStatus": {
                "DataJobID": message_id,
                "DataJobState": state,
                "RequestID": message.external_id,
            },
            "ExecutionLog": message.log
            or "\n".join(e.message for r in (job.runs if job else ()) for e in r.errors),
            "ExecutionDetail": [
                {"ExecutionId": job.id, "EntityName": run.label, "ExecutionStatus": run.state}
                for run in (job.runs if job else ())
                if job is not None
            ],
        }
        return Reply(200, dict(_JSON), dumps(answer))


def _query(call: Call) -> dict[str, str]:
    """Query parameters by lower-case name."""
    return {name.lower(): value for name, value in parse_qsl(call.query, keep_blank_values=True)}


def _message(status: int, text: str) -> Reply:
    return Reply(status, dict(_JSON), dumps({"Message": text}))
