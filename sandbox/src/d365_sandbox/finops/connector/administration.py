"""What the pages of recurring jobs would do, as part of the admin API under `packages/`.

`GET packages/activities`, `PUT packages/activities/<id>` (direction, project, clients, takes_files, ...),
`POST packages/activities/<id>/run` (an export, now), `GET packages/messages`.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from d365_sandbox.finops.connector.activities import Activity, declared, plain_id
from d365_sandbox.finops.connector.queue import Queue
from d365_sandbox.finops.data_management.jobs import Jobs

_ACTIVITIES = "packages/activities"


class ActivityAdministration:
    """Answers admin requests; values that cannot be used raise ValueError or KeyError."""

    def __init__(self, queue: Queue, jobs: Jobs, client_id: str) -> None:
        self._queue = queue
        self._jobs = jobs
        self._client_id = client_id

    def answer(self, method: str, what: str, body: Any) -> Any:
        if what == "packages/messages" and method == "GET":
            return {"messages": [self._shown(m.id) for m in self._queue.messages.values()]}
        if what == _ACTIVITIES and method == "GET":
            return {"activities": [_shown(a) for a in self._queue.activities.values()]}
        if not what.startswith(f"{_ACTIVITIES}/"):
            return None
        name = unquote(what.removeprefix(f"{_ACTIVITIES}/"))
        if method == "PUT":
            activity = declared(name, body, self._client_id)
            self._queue.declare(activity)
            return _shown(activity)
        if method == "POST" and name.endswith("/run"):
            activity = self._queue.activities[plain_id(name.removesuffix("/run"))]
            self._queue.run(activity)
            return _shown(activity)
        return None

    def _shown(self, message_id: str) -> dict[str, Any]:
        message = self._queue.messages[message_id]
        return {
            "id": message.id,
            "activity": message.activity,
            "state": message.state(self._jobs),
            "externalIdentifier": message.external_id,
            "executionId": message.job.id if message.job else "",
        }


def _shown(activity: Activity) -> dict[str, Any]:
    return {
        "id": activity.id,
        "direction": activity.direction,
        "project": activity.project,
        "clients": list(activity.clients),
        "takes_files": activity.takes_files,
        "enabled": activity.enabled,
    }
