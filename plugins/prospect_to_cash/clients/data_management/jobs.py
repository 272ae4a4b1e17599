"""Jobs of the Data management package API: start a job, wait for its end, read its files and errors.

learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/data-management-api. The caller chooses the id of
a job before the call, so a start whose answer is lost is found by asking for the status of the id. Addresses of files
contain their own key: they are requested when needed and written to no log, error or table.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import IO, Any

import orjson

from prospect_to_cash.clients.data_management import blob
from prospect_to_cash.clients.finops.client import FinOpsClient
from prospect_to_cash.clients.http.retry import PollPolicy
from prospect_to_cash.clients.http.transport import Reply, Transient
from prospect_to_cash.clients.odata.pages import BOM, Garbled
from prospect_to_cash.errors import Misconfigured, P2CError, Refused, Throttled, Unavailable

ACTIONS = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
UNKNOWN = "Unknown"
FILE_SECONDS = 300.0
UNKNOWN_ANSWERS = 3
"""After so many answers `Unknown` in a row a job counts as never started."""
SUCCEEDED, PARTLY, FAILED, CANCELED = "Succeeded", "PartiallySucceeded", "Failed", "Canceled"
FINISHED = (SUCCEEDED, PARTLY, FAILED, CANCELED)
_STATES = {state.lower(): state for state in (UNKNOWN, "NotRun", "Executing", *FINISHED)}


def package_deadline() -> float:
    """Seconds that the job of a package may take: P2C_PACKAGE_DEADLINE, else two hours. Raises Misconfigured."""
    text = os.environ.get("P2C_PACKAGE_DEADLINE", "7200")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 7 * 86_400:
        raise Misconfigured(
            f"P2C_PACKAGE_DEADLINE is {text!r}: set a number of seconds above 0, at most a week."
        )
    return seconds


class Gone(Unavailable):
    """A job has no file, or no longer; requesting it again does not help."""


class _LinkExpired(Gone):
    """The link to a file is no longer valid; a new link may be."""


class _DownloadBroken(Unavailable):
    """A download was not completed."""


@dataclass(frozen=True)
class Project:
    """A data project (definition group) of F&O, and the company that its job works on."""

    group: str
    company: str


class PackageJobs:
    """The package API of one environment."""

    def __init__(
        self, client: FinOpsClient, poll: PollPolicy | None = None, unknown_answers: int = UNKNOWN_ANSWERS
    ) -> None:
        self._client = client
        self._poll = poll or PollPolicy(deadline=package_deadline())
        self._unknown_answers = unknown_answers

    def export(self, project: Project, execution_id: str) -> str:
        """Start an export under `execution_id`; returns the id that the service uses. Raises P2CError.

        A start whose answer is lost is not repeated when the service knows the id: a second incremental export
        would lack the changes that the first one took.
        """
        return self._start(
            "ExportToPackage",
            {
                "definitionGroupId": project.group,
                "packageName": execution_id,
                "executionId": execution_id,
                "reExecute": False,
                "legalEntityId": project.company,
            },
            execution_id,
        )

    def start_import(
        self,
        project: Project,
        execution_id: str,
        package_url: str,
        before: Callable[[], None] = lambda: None,
    ) -> str:
        """Start the import of an uploaded package under `execution_id`; returns the id that the service uses.

        `before` is called immediately before each sending; an error that it raises prevents the sending.
        """
        return self._start(
            "ImportFromPackage",
            {
                "packageUrl": package_url,
                "definitionGroupId": project.group,
                "executionId": execution_id,
                "execute": True,
                "overwrite": True,
                "legalEntityId": project.company,
            },
            execution_id,
            before,
        )

    def _start(
        self,
        action: str,
        parameters: Mapping[str, object],
        execution_id: str,
        before: Callable[[], None] = lambda: None,
    ) -> str:
        try:
            known_as = self._call(action, parameters, False, before)
        except Throttled:
            raise
        except P2CError:
            # Refused, perhaps because it is running already, or the answer was lost.
            if self.status(execution_id) == UNKNOWN:
                raise
            return execution_id
        return known_as.strip() if isinstance(known_as, str) and known_as.strip() else execution_id

    def status(self, execution_id: str) -> str:
        """The state of a job in the documented spelling; an undocumented state as it was answered.

        Some services refuse the question for an id that they have only just received, instead of answering Unknown.
        """
        try:
            state = self._call("GetExecutionSummaryStatus", {"executionId": execution_id}) or UNKNOWN
        except Refused as error:
            if error.status not in (400, 404):
                raise
            return UNKNOWN
        if not isinstance(state, str):
            raise Garbled(f"{self._client.host} returns the state of a job in an unknown form.")
        return _STATES.get(state.strip().lower(), state)

    def wait(self, execution_id: str, alive: Callable[[], None] = lambda: None) -> str:
        """Wait for the end of a job; returns its final state, or `Unknown` when the service does not know the job.

        `alive` is called before each question. Raises Unavailable when the job takes longer than the deadline; it
        runs on, and a later call may wait for it again.
        """
        unknown = 0

        def ask() -> str:
            nonlocal unknown
            alive()
            state = self.status(execution_id)
            unknown = unknown + 1 if state == UNKNOWN else 0
            return state

        def is_open(state: str) -> bool:
            return state not in FINISHED and unknown < self._unknown_answers

        state: str = self._poll.polling(is_open)(ask)
        if is_open(state):
            raise Unavailable(
                f"{self._client.host}: job {execution_id} is still {state} after {self._poll.deadline:.0f} seconds; "
                "a later run continues with it."
            )
        return state

    def download(self, execution_id: str, into: IO[bytes]) -> None:
        """The package of a finished export. Raises Gone when there is none (any more), Unavailable."""

        def attempt() -> None:
            address = self._awaited_url("GetExportedPackageUrl", {"executionId": execution_id})
            failure = f"{self._client.host}: the package of job {execution_id} could not be downloaded"
            into.seek(0)
            into.truncate()
            try:
                blob.download(self._address(address), into, self._poll.deadline)
            except blob.LinkExpired as error:
                raise _LinkExpired(f"{failure}: {error}") from None
            except Transient as error:
                raise _DownloadBroken(f"{failure}: {error}") from None

        def retried(error: BaseException) -> bool:
            return isinstance(error, _LinkExpired | _DownloadBroken)

        self._client.retry.retrying(f"the download of job {execution_id}", retried)(attempt)

    def _awaited_url(self, action: str, parameters: Mapping[str, object]) -> str:
        """The address of a file, which may be written some time after the job has ended. Raises Gone."""

        def ask() -> str:
            address = self._call(action, parameters)
            if address and not isinstance(address, str):
                raise Garbled(f"{self._client.host}: {action} returns no address.")
            return str(address or "").strip()

        poll = replace(self._poll, deadline=min(self._poll.deadline, FILE_SECONDS))
        address: str = poll.polling(lambda address: not address)(ask)
        if not address:
            raise Gone(f"{self._client.host}: {action} names no file.")
        return address

    def upload(self, package: IO[bytes], name: str) -> str:
        """Upload a package for an import; returns its address, to be used at once and stored nowhere."""
        answer = self._call("GetAzureWriteUrl", {"uniqueFileName": name})
        if isinstance(answer, str):  # a JSON document inside a string, as documented
            try:
                answer = orjson.loads(answer)
            except orjson.JSONDecodeError:
                answer = None
        fields = {key.lower(): value for key, value in answer.items()} if isinstance(answer, dict) else {}
        address = fields.get("bloburl")
        if not isinstance(address, str) or not address:
            raise Unavailable(f"{self._client.host}: GetAzureWriteUrl names no address to write to.")
        blob.upload(self._address(address), package, self._poll.deadline)
        return address

    def _address(self, address: str) -> blob.Address:
        return blob.Address.checked(address, self._client.origin)

    def errors(self, execution_id: str) -> list[object]:
        """The errors that the job itself reports: texts, or objects whose form is not documented."""
        found = self._call("GetExecutionErrors", {"executionId": execution_id})
        if isinstance(found, str) and found.strip():
            try:
                found = orjson.loads(found)
            except orjson.JSONDecodeError:
                return [found]
        if isinstance(found, dict):
            return [found]
        return list(found) if isinstance(found, list) else []

    def failed_keys_file(self, execution_id: str, entity: str) -> bytes:
        """The file with the keys of the rows that the target refused; empty when it refused none."""
        parameters = {"executionId": execution_id, "entityName": entity}
        if self._call("GenerateImportTargetErrorKeysFile", parameters) not in (True, "true", "True"):
            return b""
        return self._small_file(self._awaited_url("GetImportTargetErrorKeysFileUrl", parameters))

    def staging_errors_file(self, execution_id: str, entity: str) -> bytes:
        """The file with the rows that did not get from the package into staging; empty when there are none."""
        parameters = {"executionId": execution_id, "entityName": entity}
        address = self._call("GetImportStagingErrorFileUrl", parameters)
        return self._small_file(address.strip()) if isinstance(address, str) and address.strip() else b""

    def _small_file(self, address: str) -> bytes:
        fetch = self._client.retry.retrying("an error file")
        return bytes(fetch(blob.fetch, self._address(address), self._client.deadline))

    def _call(
        self,
        action: str,
        parameters: Mapping[str, object],
        repeatable: bool = True,
        before: Callable[[], None] = lambda: None,
    ) -> Any:
        """The value that an action answers. Raises P2CError."""
        body = orjson.dumps(parameters)
        return self._client.post(f"{ACTIONS}{action}", body, _value, action, repeatable, before)


def _value(reply: Reply) -> Any:
    """The `value` of an answer, which some documents show one level deeper. Raises Garbled."""
    text = reply.body.removeprefix(BOM).strip()
    if not text:
        return ""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Garbled("The answer to an action is not JSON.") from None
    for _ in range(2):
        if isinstance(found, dict) and "value" in found:
            found = found["value"]
    return found
