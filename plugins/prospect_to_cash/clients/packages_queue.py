"""Recurring integrations: packages handed to and taken from the queue of a recurring job (finops sheet, section 11).

The queue gives each message at least once: what is not acknowledged within half an hour comes again. So a message is
acknowledged after its rows are safe, and whoever takes it bears with a second one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO
from urllib.parse import quote, urlencode, urljoin, urlsplit

import orjson

from prospect_to_cash.clients.answers import json_object
from prospect_to_cash.clients.finops import FinOpsClient
from prospect_to_cash.clients.packages_calls import call
from prospect_to_cash.clients.pages import BOM, Garbled
from prospect_to_cash.clients.transport import Reply, is_loopback, origin_of
from prospect_to_cash.errors import Misconfigured

_ACTION = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.GetMessageStatus"


@dataclass(frozen=True)
class Message:
    """One exported package that waits; `answer` is what the queue said, and what it wants back to the byte."""

    id: str
    location: str
    answer: bytes = field(repr=False)


class RecurringJob:
    """The queue of one recurring job, named by its activity id (a GUID)."""

    def __init__(self, client: FinOpsClient, activity: str) -> None:
        self._client = client
        self._activity = quote("{" + activity.strip().strip("{}") + "}", safe="")

    def enqueue(self, content: bytes, company: str, entity: str = "", external_id: str = "") -> str:
        """Hand in a package, or with `entity` (its label) a single file; returns the message's id.

        It is sent once: when its answer is lost, nobody can tell whether the queue has it. Raises P2CError.
        """
        asked = {name: value for name, value in (("entity", entity), ("company", company)) if value}
        headers = {"Content-Type": "application/octet-stream"}
        if external_id:
            headers["x-ms-dyn-externalidentifier"] = external_id
        path = f"enqueue/{self._activity}?{urlencode(asked, quote_via=quote)}"
        reply = self._call("POST", path, content, "enqueue", False, headers)
        text = reply.body.removeprefix(BOM).strip()
        try:
            said = orjson.loads(text)
        except orjson.JSONDecodeError:
            said = text.decode("utf-8", "replace")
        if not isinstance(said, str) or not said or "<" in said:
            raise Garbled(f"{self._client.host} answers enqueue without the id of a message.")
        return said

    def dequeue(self) -> Message | None:
        """The next message; None when the queue is empty. Raises P2CError."""
        reply = self._call("GET", f"dequeue/{self._activity}", None, "dequeue")
        if reply.status == 204 or not reply.body.strip():
            return None
        try:
            said = json_object(reply.body)
        except ValueError:
            raise Garbled(f"{self._client.host} answers dequeue with something that is no message.") from None
        return Message(
            str(said.get("CorrelationId") or ""), str(said.get("DownloadLocation") or ""), reply.body
        )

    def download(self, message: Message, into: IO[bytes]) -> None:
        """The message's file, which is asked for with our token. Raises P2CError."""
        reply = call(self._client, "GET", self._own_url(message.location), None, "the download of a message")
        into.write(reply.body)

    def acknowledge(self, message: Message) -> None:
        """Take the message out of the queue: its content is safe. Raises P2CError."""
        self._call("POST", f"ack/{self._activity}", message.answer, "ack")

    def status(self, message_id: str) -> str:
        """The state of a message that was handed in, such as `Processed`. Raises P2CError."""
        url = self._client.api_root + _ACTION
        reply = call(self._client, "POST", url, orjson.dumps({"messageId": message_id}), "GetMessageStatus")
        try:
            said = json_object(reply.body).get("value")
        except ValueError:
            said = None
        if not isinstance(said, str):
            raise Garbled(f"{self._client.host} does not say the state of a message.")
        return said

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | None,
        what: str,
        repeatable: bool = True,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        url = f"{self._client.origin}/api/connector/{path}"
        return call(self._client, method, url, body, what, repeatable, headers)

    def _own_url(self, location: str) -> str:
        """Where the file lies, by https even if the load balancer says http.

        It must be the system's own host: the token goes with the request. Raises Misconfigured.
        """
        url = urljoin(self._client.origin + "/", location)
        parts = urlsplit(url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            url = parts._replace(scheme="https").geturl()
        try:
            origin = origin_of(url)
        except ValueError:
            origin = "an address that cannot be read"
        if not location or origin != self._client.origin:
            raise Misconfigured(
                f"{self._client.host} has the file of a message at {origin}; it is not fetched from there, because "
                f"the token is for {self._client.origin} alone."
            )
        return url
