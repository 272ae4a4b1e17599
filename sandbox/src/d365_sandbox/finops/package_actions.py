"""The OData actions of data management on `DataManagementDefinitionGroups` (finops-odata sheet, section 10).

Parameters are matched by their exact names. Those of the `...Async` forms that only public clients show are
accepted and change nothing. Sentences and the status of refusals are assumed.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from d365_sandbox.finops import errors
from d365_sandbox.finops.connector.activities import plain_id
from d365_sandbox.finops.connector.messages import Message
from d365_sandbox.finops.connector.queue import Queue
from d365_sandbox.finops.data_management.archive import PackageError
from d365_sandbox.finops.data_management.blob_errors import BlobError
from d365_sandbox.finops.data_management.exporting import Extent
from d365_sandbox.finops.data_management.jobs import UNKNOWN, EntityRun, Job
from d365_sandbox.finops.data_management.management import DataManagement, ManagementError
from d365_sandbox.finops.numbers import parse_json
from d365_sandbox.finops.reads import PREFIX, json_reply
from d365_sandbox.json_text import dumps
from d365_sandbox.web.messages import Call, Reply

PATH = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
_EXCEPTION = "System.InvalidOperationException"
_STRING, _BOOLEAN = "Edm.String", "Edm.Boolean"

Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """`required` and `optional` map parameters to their types; `returns` is the type in @odata.context."""

    run: Callable[[Actions, str, Parameters], Any]
    returns: str
    required: Mapping[str, type]
    optional: Mapping[str, type]


class Actions:
    """Answers action requests, those about messages of recurring integrations too."""

    def __init__(self, management: DataManagement, queue: Queue) -> None:
        self._management = management
        self._queue = queue

    def handle(self, call: Call) -> Reply:
        """Answer a request whose path begins with PATH. Raises Refused."""
        name = call.path.removeprefix(PATH)
        action = ACTIONS.get(name)
        if action is None:
            raise errors.Refused(404, f"The action '{name}' does not exist.")
        if call.method != "POST":
            raise errors.Refused(405, f"The requested resource does not support http method '{call.method}'.")
        given = _parameters(name, action, call)
        try:
            value = action.run(self, call.root, given)
        except (ManagementError, PackageError, BlobError) as error:
            message = f"Exception occurred while executing action {name} on Entity DataManagementDefinitionGroup: {error}"
            raise errors.Refused(400, message, _EXCEPTION) from None
        return json_reply(
            {"@odata.context": f"{call.root}{PREFIX}$metadata#{action.returns}", "value": value}, 200, {}
        )

    def _job(self, given: Parameters) -> Job:
        job = self._management.jobs.find(given["executionId"])
        if job is None:
            raise ManagementError(f"Execution {given['executionId']} was not found.")
        return job

    def _run(self, given: Parameters) -> tuple[Job, EntityRun]:
        """The job and the result of an entity in it. Entities are named by label, not by set (sheet)."""
        job = self._job(given)
        self._management.projects.entity(given["entityName"])
        return job, job.run_of(given["entityName"]) or EntityRun(given["entityName"])

    def _shown(self, value: str) -> Any:
        return {"value": value} if self._management.switches.action_values == "nested" else value

    def write_url(self, root: str, given: Parameters) -> str:
        url = self._management.link(root, given["uniqueFileName"], "rw")
        return dumps({"BlobId": f"{{{str(uuid.uuid4()).upper()}}}", "BlobUrl": url}).decode("ascii")

    def import_package(self, root: str, given: Parameters) -> str:
        content = self._management.follow(given["packageUrl"])
        return self._management.start_import(
            content,
            given["definitionGroupId"],
            given.get("executionId", ""),
            given.get("legalEntityId", ""),
            given["execute"],
            given["overwrite"],
        ).id

    def export_package(self, root: str, given: Parameters) -> Any:
        return self._export(given, Extent(self._labels(given)))

    def export_changes(self, root: str, given: Parameters) -> Any:
        return self._export(given, Extent(self._labels(given), changes_only=True))

    def export_preview(self, root: str, given: Parameters) -> Any:
        """The number of rows is `count` in the documents and `exportPreviewCount` in public clients."""
        count = str(given.get("count") or given.get("exportPreviewCount") or "")
        if not re.fullmatch("[0-9]{1,9}", count):
            raise ManagementError(f"'{count}' is no number of rows.")
        return self._export(given, Extent(count=int(count)))

    def _export(self, given: Parameters, extent: Extent) -> Any:
        job = self._management.start_export(
            given["definitionGroupId"],
            given.get("packageName", ""),
            given.get("executionId", ""),
            given.get("legalEntityId", ""),
            given["reExecute"],
            extent,
        )
        return self._shown(job.id)

    def _labels(self, given: Parameters) -> tuple[str, ...]:
        """The entities that a call is limited to; all of the project when it names none."""
        names = (name.strip() for name in given.get("entityList", "").split(","))
        return tuple(self._management.projects.entity(name).primary_name for name in names if name)

    def status(self, root: str, given: Parameters) -> str:
        job = self._management.jobs.find(given["executionId"])
        if job is None and self._management.switches.unknown_execution == "status":
            return UNKNOWN
        return self._management.jobs.state(self._job(given))

    def entity_statuses(self, root: str, given: Parameters) -> list[dict[str, Any]]:
        return [
            {
                "EntityName": run.label,
                "Status": run.state,
                "TotalRecords": run.total,
                "SuccessRecords": run.good,
                "ErrorRecords": len(run.errors),
            }
            for run in self._job(given).runs
        ]

    def package_url(self, root: str, given: Parameters) -> Any:
        job = self._job(given)
        ready = self._management.jobs.is_finished(job) and job.package
        return self._shown(self._management.link(root, job.package) if ready else "")

    def errors_of(self, root: str, given: Parameters) -> str:
        found = [
            {"RecordId": e.record, "Field": e.field, "ErrorMessage": e.message}
            for run in self._job(given).runs
            for e in run.errors
        ]
        return dumps(found).decode("utf-8", "replace")

    def rejected_url(self, root: str, given: Parameters) -> str:
        job, run = self._run(given)
        ready = self._management.jobs.is_finished(job) and run.rejected_file
        return self._management.link(root, run.rejected_file) if ready else ""

    def generate_keys(self, root: str, given: Parameters) -> bool:
        return self._management.generate_keys_file(*self._run(given))

    def keys_url(self, root: str, given: Parameters) -> str:
        _, run = self._run(given)
        ready = run.keys_ready_at is not None and self._management.clock.now() >= run.keys_ready_at
        return self._management.link(root, run.keys_file) if ready else ""

    def _message(self, given: Parameters) -> Message:
        message = self._queue.find(plain_id(given["messageId"].strip('"')))
        if message is None:
            raise ManagementError(f"Message {given['messageId']} was not found.")
        return message

    def message_status(self, root: str, given: Parameters) -> str:
        return self._message(given).state(self._management.jobs)

    def message_job(self, root: str, given: Parameters) -> str:
        job = self._message(given).job
        return job.id if job else ""

    def reset_token(self, root: str, given: Parameters) -> bool:
        return self._management.tracking.reset(given["definitionGroupId"], given["entityName"])


def _value(name: str, value: Any, expected: type) -> Any:
    """The value of a parameter; null is empty text. Raises Refused."""
    if value is None and expected is str:
        return ""
    if type(value) is not expected:
        raise errors.bad_request(f"The value of the parameter '{name}' is not of type {expected.__name__}.")
    if isinstance(value, str) and not _is_text(value):
        raise errors.bad_request(f"The value of the parameter '{name}' is not text.")
    return value


def _parameters(name: str, action: Action, call: Call) -> Parameters:
    """The parameters of a call. Raises Refused for names, types or parameters that are not the action's."""
    try:
        given = parse_json(call.body) if call.body.strip() else {}
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise errors.bad_request("The request body is not a JSON object of parameters.")
    call.fields = tuple(given)
    known = {**action.required, **action.optional}
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key not in known:
            raise errors.bad_request(
                f"The parameter '{key}' in the request payload is not a valid parameter for the operation '{name}'."
            )
        found[key] = _value(key, value, known[key])
    for key in action.required:
        if key not in found or found[key] == "":
            raise errors.bad_request(f"The parameter '{key}' of the operation '{name}' must be given.")
    return found


def _is_text(value: str) -> bool:
    """Whether text can leave again: lone surrogates cannot."""
    return all(not 0xD800 <= ord(character) <= 0xDFFF for character in value)


_IMPORT = {"packageUrl": str, "definitionGroupId": str, "execute": bool, "overwrite": bool}
_IMPORT_MORE = {"executionId": str, "legalEntityId": str}
_EXPORT = {"definitionGroupId": str, "reExecute": bool}
_EXPORT_MORE = {"packageName": str, "executionId": str, "legalEntityId": str}
_PREVIEW = {**_EXPORT_MORE, "count": str, "exportPreviewCount": int}
_LIST = {**_EXPORT_MORE, "entityList": str}
_ASYNC = {"failOnError": bool, "runAsyncWithoutBatch": bool, "thresholdToRunInBatch": int}
_JOB = {"executionId": str}
_ENTITY = {"executionId": str, "entityName": str}
_MESSAGE = {"messageId": str}
_RESET = {"definitionGroupId": str, "entityName": str}

ACTIONS: Mapping[str, Action] = {
    "GetAzureWriteUrl": Action(Actions.write_url, _STRING, {"uniqueFileName": str}, {}),
    "ImportFromPackage": Action(Actions.import_package, _STRING, _IMPORT, _IMPORT_MORE),
    "ImportFromPackageAsync": Action(Actions.import_package, _STRING, _IMPORT, {**_IMPORT_MORE, **_ASYNC}),
    "ExportToPackage": Action(Actions.export_package, _STRING, _EXPORT, _EXPORT_MORE),
    "ExportToPackageAsync": Action(Actions.export_package, _STRING, _EXPORT, {**_LIST, **_ASYNC}),
    "ExportToPackageDelta": Action(Actions.export_changes, _STRING, _EXPORT, _LIST),
    "ExportToPackagePreview": Action(Actions.export_preview, _STRING, _EXPORT, _PREVIEW),
    "ExportToPackagePreviewAsync": Action(Actions.export_preview, _STRING, _EXPORT, {**_PREVIEW, **_ASYNC}),
    "GetExecutionSummaryStatus": Action(Actions.status, _STRING, _JOB, {}),
    "GetEntityExecutionSummaryStatusList": Action(
        Actions.entity_statuses,
        "Collection(Microsoft.Dynamics.DataEntities.DMFEntityExecutionSummaryStatus)",
        _JOB,
        {},
    ),
    "GetExportedPackageUrl": Action(Actions.package_url, _STRING, _JOB, {}),
    "GetExecutionErrors": Action(Actions.errors_of, _STRING, _JOB, {}),
    "GetImportStagingErrorFileUrl": Action(Actions.rejected_url, _STRING, _ENTITY, {}),
    "GenerateImportTargetErrorKeysFile": Action(Actions.generate_keys, _BOOLEAN, _ENTITY, {}),
    "GetImportTargetErrorKeysFileUrl": Action(Actions.keys_url, _STRING, _ENTITY, {}),
    "GetMessageStatus": Action(Actions.message_status, _STRING, _MESSAGE, {}),
    "GetExecutionIdByMessageId": Action(Actions.message_job, _STRING, _MESSAGE, {}),
    "ResetVersionToken": Action(Actions.reset_token, _BOOLEAN, _RESET, {"sourceName": str}),
}
