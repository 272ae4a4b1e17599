"""What happens to a request before the data service sees it: gateway errors, throttling, a cold start, parallel writes.

All of it is off until a parameter turns it on (finops-odata sheet, sections 8 and 9).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.service import FinopsService
from d365_sandbox.finops.traffic import Traffic, tables_written
from d365_sandbox.web.limits import Exceeded, Limits, UserLimits
from d365_sandbox.web.request_log import RequestLog

_HIGH_UTILIZATION = (
    "This request could not be processed at this time due to system experiencing high resource utilization."
)
_REFUSED_PRIORITIES: Mapping[str, tuple[str, ...]] = {
    "normal": (),
    "high": ("low",),
    "critical": ("low", "medium"),
}
_PREFIXES = ("/data", "/metadata", "/Metadata", "/api/services")
_PAGE = (
    "<!DOCTYPE html><html><head><title>{status} {phrase}</title></head>"
    "<body><h2>{status} - {phrase}</h2><p>The service is unavailable.</p></body></html>"
)
_PHRASES = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


class FrontDoor:
    """ASGI middleware in front of one environment. `client_of` names the client of an Authorization header."""

    def __init__(
        self, app: ASGIApp, service: FinopsService, log: RequestLog, client_of: Callable[[str], str]
    ) -> None:
        self._app = app
        self._service = service
        self._log = log
        self._client_of = client_of
        self._traffic = Traffic()
        self._limits = UserLimits(Limits(), service.clock)
        self._is_cold = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = self._service.parameters
        path = scope.get("path", "")
        if scope["type"] != "http" or not path.startswith(_PREFIXES):
            await self._app(scope, receive, send)
            return
        if parameters.front_door_status:
            await self._send_page(parameters.front_door_status, scope, send)
            return
        client = self._client_of(_authorization(scope))
        if _priority(client, parameters) in _REFUSED_PRIORITIES[parameters.resource_utilization]:
            await self._throttle(_HIGH_UTILIZATION, parameters.retry_after_seconds, scope, send)
            return
        if self._is_cold and parameters.first_call_seconds:
            await asyncio.sleep(parameters.first_call_seconds)
        self._is_cold = False
        if not parameters.user_limits:
            await self._write(scope, receive, send)
            return
        self._limits.limits = _limits(parameters)
        exceeded = self._limits.enter(client)
        if exceeded is not None:
            await self._throttle(_sentence(exceeded, parameters), exceeded.retry_after, scope, send)
            return
        began = time.perf_counter()
        try:
            await self._write(scope, receive, send)
        finally:
            self._limits.leave(client, (time.perf_counter() - began) * 1000)

    async def _write(self, scope: Scope, receive: Receive, send: Send) -> None:
        parameters = self._service.parameters
        tables = frozenset[str]()
        if parameters.update_conflicts:
            tables = tables_written(scope["method"], scope["path"].removeprefix("/data/"))
        with self._traffic.writing(tables) if tables else contextlib.nullcontext():
            if tables:
                await asyncio.sleep(parameters.write_seconds)
            await self._app(scope, receive, send)

    async def _send_page(self, status: int, scope: Scope, send: Send) -> None:
        page = _PAGE.format(status=status, phrase=_PHRASES[status]).encode("ascii")
        await self._reply(status, [(b"content-type", b"text/html; charset=us-ascii")], page, scope, send)

    async def _throttle(self, message: str, retry_after: int, scope: Scope, send: Send) -> None:
        """429 with `Retry-After`; 0 seconds leave the header out."""
        headers = [(b"content-type", b"application/json; charset=utf-8")]
        if retry_after:
            headers.append((b"retry-after", str(retry_after).encode("ascii")))
        await self._reply(429, headers, json.dumps({"message": message}).encode("ascii"), scope, send)

    async def _reply(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, scope: Scope, send: Send
    ) -> None:
        query = scope.get("query_string", b"").decode("ascii", "replace")
        self._log.add(scope["method"], scope["path"], query, status)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _limits(parameters: Parameters) -> Limits:
    """The limits per user that F&O had until 10.0.35, where they were optional."""
    return Limits(
        parameters.user_requests,
        parameters.user_seconds * 1000,
        parameters.user_concurrent,
        parameters.user_window_seconds,
    )


def _sentence(exceeded: Exceeded, parameters: Parameters) -> str:
    window = parameters.user_window_seconds
    if exceeded.kind == "concurrent":
        return f"Number of concurrent requests exceeded the limit of {parameters.user_concurrent}."
    if exceeded.kind == "requests":
        allowed = parameters.user_requests
        return f"Number of requests exceeded the limit of {allowed} over the time window of {window} seconds."
    return (
        "Combined execution time of incoming requests exceeded limit of "
        f"{parameters.user_seconds} seconds over time window of {window} seconds. "
        "Decrease number of concurrent requests or reduce duration of requests and try again later."
    )


def _priority(client: str, parameters: Parameters) -> str:
    """The throttling priority of a client, by the mapping or else that of all integrations."""
    pairs = (entry.rpartition("=") for entry in parameters.throttling_priorities)
    mapped = {name.lower(): priority for name, _, priority in pairs}
    return mapped.get(client.lower(), parameters.integration_priority)


def _authorization(scope: Scope) -> str:
    return next((v.decode("latin-1") for n, v in scope["headers"] if n == b"authorization"), "")
