"""What the user interface of data management would do, as part of the admin API under `packages/`.

`GET/PUT packages/switches`, `PUT packages/projects/<name>` (entities with label, source format, refresh type,
filter, fields), `GET packages/jobs`, `POST packages/jobs/<execution id>/cancel`, `DELETE packages/blobs/<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote

from d365_sandbox.finops.data_management.jobs import summary
from d365_sandbox.finops.data_management.management import DataManagement
from d365_sandbox.finops.data_management.names import by_label, staging_fields
from d365_sandbox.finops.data_management.projects import Shape
from d365_sandbox.schemas.entity import fold

_ROOT = "packages/"


class Administration:
    """Answers admin requests; values that cannot be used raise ValueError or KeyError."""

    def __init__(self, management: DataManagement) -> None:
        self._management = management

    def answer(self, method: str, what: str, body: Any) -> Any:
        if not what.startswith(_ROOT):
            return None
        kind, _, rest = what.removeprefix(_ROOT).partition("/")
        name = unquote(rest)
        match kind, method, bool(name):
            case "switches", _, False:
                if method == "PUT":
                    self._management.change_switches(body)
                return asdict(self._management.switches)
            case "projects", "PUT", True:
                return self._project(name, body)
            case "jobs", "GET", False:
                jobs = self._management.jobs
                return {"jobs": [summary(job, jobs.state(job)) for job in jobs.all()]}
            case "jobs", "POST", True if name.endswith("/cancel"):
                return self._cancel(name.removesuffix("/cancel"))
            case "blobs", "DELETE", True:
                self._management.blobs.drop(name)
                return {"dropped": name}
        return None

    def _project(self, name: str, body: Mapping[str, Any]) -> Any:
        """Make a project, or make it anew."""
        projects = self._management.projects
        given = [(entity["label"], entity) for entity in body["entities"]]
        shapes = {label: self._shape(label, entity) for label, entity in given}
        projects.save(name, body.get("operation", "Export"), [entity for _, entity in given])
        for label, shape in shapes.items():
            projects.set_shape(name, label, shape)
        return {"project": name, "entities": list(shapes)}

    def _shape(self, label: str, given: Mapping[str, Any]) -> Shape:
        entity = by_label(self._management.entities)[fold(label)]
        shape = Shape(given.get("filter", ""), tuple(given.get("fields", ())))
        unknown = [name for name in shape.fields if name not in staging_fields(entity)]
        if unknown:
            raise ValueError(f"{label} has no fields {', '.join(unknown)}.")
        self._management.exporter.check_filter(label, shape.filter)
        return shape

    def _cancel(self, execution_id: str) -> Any:
        job = self._management.jobs.find(execution_id)
        if job is None:
            raise KeyError(execution_id)
        self._management.jobs.cancel(job)
        return summary(job, self._management.jobs.state(job))
