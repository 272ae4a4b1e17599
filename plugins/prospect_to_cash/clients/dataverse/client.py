"""The Dataverse Web API, through which Dynamics 365 Sales is read and written.

Error codes: learn.microsoft.com/power-apps/developer/data-platform/reference/web-service-error-codes.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.http.auth import Credentials
from prospect_to_cash.clients.http.retry import RetryPolicy
from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.clients.odata import literals
from prospect_to_cash.clients.odata.answers import Fault, json_object, read_error
from prospect_to_cash.clients.odata.batch import Part
from prospect_to_cash.clients.odata.bulk import BulkActions, Message, action_path
from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.operations import Kind, Operation
from prospect_to_cash.clients.odata.pages import Garbled
from prospect_to_cash.errors import Expired, P2CError, Refused

_NO_RECORD = {"0x80040217", "0x80060891"}
_TAKEN = {"0x80040237", "0x80060892", "0x80040333", "0x80043b08"}
_DISCOVERY_SECONDS = 20.0  # most seconds of a write's time for asking which bulk actions exist
_EXPIRED = "0x80044352"
_NOT_TRACKED = "0x80072491"
_SQL = "0x80044150"
_DEADLOCK = re.compile(r"\b1205\b|deadlock", re.IGNORECASE)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class DataverseClient(SystemClient):
    """One Dataverse organisation."""

    system: ClassVar[str] = "sales"
    api_path: ClassVar[str] = "/api/data/v9.2/"
    EMPTY: ClassVar[str | None] = None
    largest_batch: ClassVar[int] = 1000
    change_sets: ClassVar[bool] = False
    upserts: ClassVar[bool] = True
    pages_by_offset: ClassVar[bool] = False
    probe: ClassVar[str] = "WhoAmI"

    def __init__(
        self,
        root_url: str,
        credentials: Credentials,
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        super().__init__(root_url, credentials, deadline, retry)
        self._bulk = BulkActions(self._rows)

    def identity(self) -> dict[str, object]:
        """`env_id` and `organization_id`: the GUID of the organisation, which differs in a restored copy."""
        organization = self._who_am_i()["OrganizationId"].lower()
        return {"env_id": organization, "organization_id": organization}

    def check(self) -> str:
        who = self._who_am_i()
        return f"Connected to organisation {who['OrganizationId']} at {self.host} as user {who['UserId']}."

    def _who_am_i(self) -> dict[str, str]:
        def read(reply: Reply) -> dict[str, str]:
            try:
                found = json_object(reply.body)
                return {name: str(found[name]) for name in ("OrganizationId", "UserId")}
            except (ValueError, KeyError):
                raise Garbled(
                    f"{self.host} answers WhoAmI without an organisation: check that it is the host of a Dataverse environment."
                ) from None

        return self.get(self.probe, read)

    def default_wait(self, before: int) -> float:
        """Dataverse documents a wait with every 429; if there is none, pauses double as after errors."""
        return self.retry.pause(before)

    def write_part(self, operation: Operation) -> Part:
        """A PATCH is an upsert; `If-Match: *` allows the update alone, `If-None-Match: *` the create alone."""
        headers = {"If-Match": operation.if_match} if operation.if_match else {}
        if operation.create_only and operation.method == "PATCH":
            headers["If-None-Match"] = "*"
        key = None if operation.method == "POST" else operation.key
        url = self.api_root + literals.record_path(operation.entity, key)
        return Part(operation.method, url, headers, operation.body)

    def read_refusal(self, fault: Fault, what: str) -> P2CError:
        """An expired delta link is recognised by its code; its status is not documented."""
        code = fault.code.lower()
        if code == _EXPIRED:
            return Expired(
                f"{self.host} no longer keeps the changes of {what} since the last read; a full read is needed."
            )
        if code == _NOT_TRACKED:
            return Refused(
                f"{self.host} does not track changes of {what}: turn change tracking on for the table, or set "
                "strategy `window` on the card.",
                fault.status,
            )
        return read_error(self.host, fault, what)

    def bulk_message(self, operation: Operation, seconds: float) -> Message | None:
        return self._bulk.offered(operation, seconds)

    def bulk_part(self, message: Message, operations: Sequence[Operation]) -> Part:
        url = self.api_root + action_path(operations[0].entity, message)
        return Part("POST", url, {}, self._bulk.body(message, operations))

    def withdraw_bulk(self, entity: str, message: Message, fault: Fault) -> bool:
        """405, 501, and a 404 that names no missing record are about the action itself."""
        unknown = fault.status == 404 and fault.code.lower() not in _NO_RECORD
        if unknown or fault.status in (405, 501):
            self._bulk.withdraw(entity, message)
            return True
        return False

    def _rows(self, path: str, seconds: float) -> list[dict[str, object]] | None:
        """The rows behind a path, requested once; None when there is no usable answer."""
        seconds = min(seconds, _DISCOVERY_SECONDS)
        ends = boottime() + seconds
        try:
            self.clock.wait(seconds)
            reply = self.send("GET", self.api_root + path, {}, None, min(self.deadline, ends - boottime()))
            self.throttled(reply.status, reply.headers, 0)
            found = json_object(reply.body).get("value") if reply.status == 200 else None
        except (P2CError, ValueError, RecursionError):
            return None
        return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else None

    def refusal(self, operation: Operation, fault: Fault) -> Kind:
        code = fault.code.lower()
        if code in _TAKEN or (fault.status == 409 and operation.if_match is None):
            return "exists"
        if fault.status == 412:
            return _failed_condition(operation)
        if operation.method != "POST" and _is_missing(fault):
            return "rejected" if self._is_about_another(operation, fault) else "missing"
        if fault.status >= 500:
            return "not_run" if code == _SQL and _DEADLOCK.search(fault.text) else "unknown"
        return "rejected"

    def _is_about_another(self, operation: Operation, fault: Fault) -> bool:
        """Whether the missing record is one that the body refers to: another id than the key is named."""
        named = {guid.lower() for guid in _GUID.findall(fault.text)}
        return isinstance(operation.key, str) and bool(named) and operation.key.lower() not in named


def _is_missing(fault: Fault) -> bool:
    """Codes of the platform are hexadecimal; with any other code a 404 has its plain HTTP meaning.

    A page, or anything else that is no OData error, may come from a gateway and says nothing of the record.
    """
    code = fault.code.lower()
    return fault.status == 404 and not fault.foreign and (code in _NO_RECORD or code[:2] != "0x")


def _failed_condition(operation: Operation) -> Kind:
    if operation.create_only:
        return "exists"
    return "missing" if operation.if_match == "*" else "stale"
