"""Jobs of the Data management package API: start one under an id of ours, follow it to its end, ask what failed.

The id is chosen by the caller before the call, so that a start whose answer is lost is recognised by asking for the
id's status (finops sheet, section 10). Addresses of files carry their own key: they are fetched when they are needed,
and stand in no log, error or store.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import orjson

from prospect_to_cash.clients import packages_blob as blob
from prospect_to_cash.clients.finops import FinOpsClient
from prospect_to_cash.clients.packages_calls import call
from prospect_to_cash.clients.pages import BOM, Garbled
from prospect_to_cash.clients.transport import AnswerLost, NotSent, Reply
from prospect_to_cash.errors import Misconfigured, P2CError, Refused, Throttled, Unavailable

ACTIONS = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
UNKNOWN = "Unknown"
FILE_SECONDS = 300.0
SUCCEEDED, PARTLY, FAILED, CANCELED = "Succeeded", "PartiallySucceeded", "Failed", "Canceled"
FINISHED = (SUCCEEDED, PARTLY, FAILED, CANCELED)
_STATES = {state.lower(): state for state in (UNKNOWN, "NotRun", "Executing", *FINISHED)}


def package_deadline() -> float:
    """Seconds that a job of a package may take: P2C_PACKAGE_DEADLINE, else two hours. Raises Misconfigured."""
    text = os.environ.get("P2C_PACKAGE_DEADLINE", "7200")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 7 * 86_400:
        raise Misconfigured(f"P2C_PACKAGE_DEADLINE is {text!r}: give seconds as a number above 0.")
    return seconds


class Gone(Unavailable):
    """A job's file does not lie there (any more): it will not come back."""


@dataclass(frozen=True)
class Watch:
    """How a job is followed: seconds between two questions, growing to `longest`, and `deadline` in all.

    A job of which nothing is known is asked for `unknown` times before it counts as never started.
    """

    first: float = 0.2
    longest: float = 5.0
    deadline: float = 7200.0
    unknown: int = 3

    def pauses(self) -> _Pauses:
        return _Pauses(self)


class _Pauses:
    """Sleeps between questions until the deadline."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._next = watch.first
        self.ends = time.monotonic() + watch.deadline

    def pause(self) -> bool:
        """Sleep; False when the time is up."""
        left = self.ends - time.monotonic()
        if left <= 0:
            return False
        time.sleep(min(self._next, left))
        self._next = min(self._next * 1.5, self._watch.longest)
        return True


@dataclass(frozen=True)
class Project:
    """A data project (definition group) of F&O, and the company that a job of it is for."""

    group: str
    company: str


class PackageJobs:
    """The package API of one environment."""

    def __init__(self, client: FinOpsClient, watch: Watch | None = None) -> None:
        self._client = client
        self.watch = watch or Watch(deadline=package_deadline())

    def export(self, project: Project, execution_id: str) -> str:
        """Start an export under `execution_id`; returns the id that the service uses. Raises P2CError.

        A start whose answer is lost is not repeated when the service knows the id: an incremental export that ran
        twice would have lost what the first one took.
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

    def bring(
        self,
        project: Project,
        execution_id: str,
        package_url: str,
        before: Callable[[], None] = lambda: None,
    ) -> str:
        """Start the import of an uploaded package under `execution_id`; returns the id that the service uses.

        `before` is called when the request is about to leave.
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
            answered = self._call(action, parameters, False, before)
        except Throttled:
            raise
        except P2CError:
            # Refused, perhaps because it runs already; or lost on its way.
            if self.status(execution_id) == UNKNOWN:
                raise
            return execution_id
        return answered.strip() if isinstance(answered, str) and answered.strip() else execution_id

    def status(self, execution_id: str) -> str:
        """Where a job stands now, in the documented spelling; a state that is not documented as it is told.

        Some services refuse to speak of an id that they have only just been given, instead of saying Unknown.
        """
        try:
            told = self._call("GetExecutionSummaryStatus", {"executionId": execution_id}) or UNKNOWN
        except Refused as error:
            if error.status not in (400, 404):
                raise
            return UNKNOWN
        if not isinstance(told, str):
            raise Garbled(f"{self._client.host} says the state of a job in a form that is not known.")
        return _STATES.get(told.strip().lower(), told)

    def wait(self, execution_id: str, alive: Callable[[], None] = lambda: None) -> str:
        """Follow a job to its end; its last state, or `Unknown` when the service does not know it.

        `alive` is called before each question. Raises Unavailable when the job outlasts the deadline: it goes on,
        and may be waited for again.
        """
        pauses = self.watch.pauses()
        unknown = 0
        while True:
            alive()
            state = self.status(execution_id)
            unknown = unknown + 1 if state == UNKNOWN else 0
            if state in FINISHED or unknown >= self.watch.unknown:
                return state
            if not pauses.pause():
                raise Unavailable(
                    f"{self._client.host}: job {execution_id} is still {state} after "
                    f"{self.watch.deadline:.0f} seconds; a later run will ask for it again."
                )

    def download(self, execution_id: str, into: IO[bytes]) -> None:
        """The package of a finished export. Raises Gone when there is none (any more), Unavailable."""
        problem: P2CError | None = None
        for attempt in range(self._client.patience.attempts):
            if attempt:
                time.sleep(self._client.patience.pause(attempt - 1))
            address = self._awaited_url("GetExportedPackageUrl", {"executionId": execution_id})
            try:
                into.seek(0)
                into.truncate()
                blob.download(self._blob(address), into, self.watch.deadline)
                return
            except (blob.Expired, NotSent, AnswerLost) as error:
                problem = error
        kind = Gone if isinstance(problem, blob.Expired) else Unavailable
        raise kind(f"{self._client.host}: the package of job {execution_id} cannot be had: {problem}")

    def _awaited_url(self, action: str, parameters: Mapping[str, object]) -> str:
        pauses = Watch(self.watch.first, self.watch.longest, min(self.watch.deadline, FILE_SECONDS)).pauses()
        while True:
            address = self._call(action, parameters)
            if address and not isinstance(address, str):
                raise Garbled(f"{self._client.host}: {action} answers no address.")
            if address and address.strip():
                return str(address.strip())
            if not pauses.pause():
                raise Gone(f"{self._client.host}: {action} names no file.")

    def upload(self, package: IO[bytes], name: str) -> str:
        """Put a package where F&O can fetch it; returns its address, which is used at once and kept nowhere."""
        said = self._call("GetAzureWriteUrl", {"uniqueFileName": name})
        if isinstance(said, str):  # a JSON document inside a string, as documented
            try:
                said = orjson.loads(said)
            except orjson.JSONDecodeError:
                said = None
        named = {key.lower(): value for key, value in said.items()} if isinstance(said, dict) else {}
        address = named.get("bloburl")
        if not isinstance(address, str) or not address:
            raise Unavailable(f"{self._client.host}: GetAzureWriteUrl names no address to write to.")
        blob.upload(self._blob(address), package, self.watch.deadline)
        return address

    def _blob(self, address: str) -> blob.Address:
        return blob.Address.checked(address, self._client.origin)

    def errors(self, execution_id: str) -> list[object]:
        """What the job itself says went wrong: texts, or objects whose form is not documented."""
        said = self._call("GetExecutionErrors", {"executionId": execution_id})
        if isinstance(said, str) and said.strip():
            try:
                said = orjson.loads(said)
            except orjson.JSONDecodeError:
                return [said]
        if isinstance(said, dict):
            return [said]
        return list(said) if isinstance(said, list) else []

    def failed_keys_file(self, execution_id: str, entity: str) -> bytes:
        """The keys of the rows that the target refused, as the service writes them; empty when it refused none."""
        parameters = {"executionId": execution_id, "entityName": entity}
        if self._call("GenerateImportTargetErrorKeysFile", parameters) not in (True, "true", "True"):
            return b""
        return self._small_file(self._awaited_url("GetImportTargetErrorKeysFileUrl", parameters))

    def staging_errors_file(self, execution_id: str, entity: str) -> bytes:
        """The rows that were lost between file and staging; empty when there are none."""
        parameters = {"executionId": execution_id, "entityName": entity}
        address = self._call("GetImportStagingErrorFileUrl", parameters)
        return self._small_file(address.strip()) if isinstance(address, str) and address.strip() else b""

    def _small_file(self, address: str) -> bytes:
        return blob.fetch(self._blob(address), self._client.deadline)

    def _call(
        self,
        action: str,
        parameters: Mapping[str, object],
        repeatable: bool = True,
        before: Callable[[], None] = lambda: None,
    ) -> Any:
        """The value that an action answers; garbled answers to questions are asked for again. Raises P2CError."""
        client = self._client
        url, body = f"{client.api_root}{ACTIONS}{action}", orjson.dumps(parameters)
        for attempt in range(client.patience.attempts if repeatable else 1):
            if attempt:
                time.sleep(client.patience.pause(attempt - 1))
            try:
                return _value(call(client, "POST", url, body, action, repeatable, before=before))
            except Garbled as error:
                problem = error
        raise problem


def _value(reply: Reply) -> Any:
    """`value` of an answer, which the documents also show one level deeper. Raises Garbled."""
    text = reply.body.removeprefix(BOM).strip()
    if not text:
        return ""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Garbled("The answer to an action is no JSON.") from None
    for _ in range(2):
        if isinstance(said, dict) and "value" in said:
            said = said["value"]
    return said
