"""Service protection limits of the Web API: 429 with its codes, and what is left in headers (dataverse sheet, 7).

Nothing is refused unless a limit is set. Every response has the remaining amounts, based on the documented
limits where none is set. Limits count per web server: with several servers, a caller that keeps the cookie
ARRAffinity stays on one, and a caller that drops it takes turns.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse.errors import Refused, answer
from d365_sandbox.web.limits import Exceeded, Limits, UserLimits
from d365_sandbox.web.request_log import RequestLog

DOCUMENTED = Limits(requests=6000, execution_ms=1_200_000, concurrent=52, window_seconds=300)
_CODES = {"requests": "0x80072322", "execution": "0x80072321", "concurrent": "0x80072326"}
_PARALLEL = b"4"  # the degree of parallelism that is suggested (assumed, like the header)
_ROOT = "/api/data/"
_AFFINITY = re.compile(r"(?:^|;\s*)ARRAffinity=(\d{1,4})(?:;|$)")


class ProtectedFront:
    """ASGI middleware in front of one organisation. `user_of` names the user of an Authorization header."""

    def __init__(
        self, app: ASGIApp, limits: Limits, clock: Clock, log: RequestLog, user_of: Callable[[str], str]
    ) -> None:
        self._app = app
        self._limits = limits
        self._users = UserLimits(limits, clock)
        self._log = log
        self._user_of = user_of
        self._next_server = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_ROOT):
            await self._app(scope, receive, send)
            return
        server, cookie = self._server(scope)
        user = f"{self._user_of(_header(scope, b'authorization'))} {server}"
        exceeded = self._users.enter(user)
        if exceeded is not None:
            await self._refuse(exceeded, scope, send, [*self._left(user), *cookie])
            return
        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._left(user), *cookie]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._users.leave(user, (time.perf_counter() - began) * 1000)

    def _server(self, scope: Scope) -> tuple[int, list[tuple[bytes, bytes]]]:
        """The web server that takes a request, and the header that keeps its caller there."""
        servers = self._limits.web_servers
        if servers == 1:
            return 0, []
        found = _AFFINITY.search(_header(scope, b"cookie"))
        if found and int(found[1]) < servers:
            return int(found[1]), []
        self._next_server = (self._next_server + 1) % servers
        return self._next_server, [
            (b"set-cookie", f"ARRAffinity={self._next_server}; Path=/; HttpOnly".encode())
        ]

    async def _refuse(
        self, exceeded: Exceeded, scope: Scope, send: Send, more: list[tuple[bytes, bytes]]
    ) -> None:
        query = scope["query_string"].decode("ascii", "replace")
        self._log.add(scope["method"], scope["path"], query, 429)
        refusal = Refused(429, _CODES[exceeded.kind], self._sentence(exceeded))
        reply = answer(refusal, _header(scope, b"prefer"))
        headers = [
            (name.lower().encode("ascii"), value.encode("ascii")) for name, value in reply.headers.items()
        ]
        headers.append((b"content-length", str(len(reply.body)).encode("ascii")))
        headers.append((b"retry-after", str(exceeded.retry_after).encode("ascii")))
        await send({"type": "http.response.start", "status": 429, "headers": [*headers, *more]})
        await send({"type": "http.response.body", "body": reply.body})

    def _sentence(self, exceeded: Exceeded) -> str:
        limits = self._limits
        if exceeded.kind == "concurrent":
            return f"Number of concurrent requests exceeded the limit of {limits.concurrent}."
        window = f"over time window of {limits.window_seconds} seconds."
        if exceeded.kind == "requests":
            return f"Number of requests exceeded the limit of {limits.requests} {window}"
        return (
            f"Combined execution time of incoming requests exceeded limit of {limits.execution_ms:,} milliseconds "
            f"{window} Decrease number of concurrent requests or reduce the duration of requests and try again later."
        )

    def _left(self, user: str) -> list[tuple[bytes, bytes]]:
        """Requests and seconds that the user has left; the layout of the seconds is assumed."""
        requests, milliseconds = self._users.used(user)
        most = self._limits.requests or DOCUMENTED.requests or 0
        longest = self._limits.execution_ms or DOCUMENTED.execution_ms or 0
        seconds = max(0.0, longest - milliseconds) / 1000
        return [
            (b"x-ms-ratelimit-burst-remaining-xrm-requests", str(max(0, most - requests)).encode("ascii")),
            (b"x-ms-ratelimit-time-remaining-xrm-requests", f"{seconds:,.2f}".encode("ascii")),
            (b"x-ms-dop-hint", _PARALLEL),
        ]


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")
