"""What a request and an answer are to both systems, and the ASGI application that carries them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.request_log import LoggedOperation, RequestLog
from sandbox.tokens import TokenDesk


@dataclass(slots=True)
class Call:
    """One operation on a system: a request of its own or a part of a batch.

    `path` is the percent-encoded path under the service root, `root` the scheme and authority the caller
    used, `headers` have lower-case names. `fields` is filled with the names in the body, for the request log.
    `prefix` is the service's own path, where it has several.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    root: str
    in_batch: bool = False
    fields: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def base(self) -> str:
        """The service root in the words of the caller: scheme, authority and path."""
        return self.root + self.prefix


@dataclass(slots=True)
class Reply:
    """The answer. `operations` is what a batch did, for the request log; `row_path` is the row that was written, for
    the later parts of a change set."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    operations: list[LoggedOperation] | None = None
    row_path: str = ""


class Service(Protocol):
    """One of the two systems."""

    name: str
    prefixes: tuple[str, ...]

    def handle(self, prefix: str, call: Call) -> Reply:
        """Answer a call; `prefix` is the one of `prefixes` under which it came."""
        ...

    def flush(self) -> None:
        """Make everything that was answered durable."""
        ...


AdminHandler = Callable[[Request], Awaitable[Response]]


def application(
    service: Service, desk: TokenDesk, log: RequestLog, clock: Clock, admin: AdminHandler
) -> Starlette:
    """The ASGI application of one system: tokens, discovery, administration and the service itself."""

    async def token(request: Request) -> Response:
        status, answer = desk.grant(request.path_params["tenant"], await request.body())
        log.add("POST", request.url.path, "", status)
        return JSONResponse(answer, status, headers={"Cache-Control": "no-store", "Date": clock.http_date()})

    async def discovery(request: Request) -> Response:
        status, answer = desk.discovery(request.path_params["tenant"], _root(request))
        log.add("GET", request.url.path, "", status)
        return JSONResponse(answer, status, headers={"Date": clock.http_date()})

    unguarded: tuple[str, ...] = getattr(service, "unguarded", ())  # prefixes that need no token

    async def serve(request: Request) -> Response:
        path = request.scope["raw_path"].decode("ascii")
        query = request.scope["query_string"].decode("ascii")
        prefix = next((p for p in service.prefixes if path.startswith(p) or path == p[:-1]), "")
        body = await request.body()
        if not prefix:
            reply = Reply(404, {"Content-Type": "text/html"}, b"<html><body>404 - not found</body></html>")
            fields: tuple[str, ...] = ()
        elif prefix in unguarded or desk.accepts(request.headers.get("authorization", ""), _root(request)):
            call = Call(request.method, path[len(prefix) :], query, _headers(request), body, _root(request))
            reply, fields = service.handle(prefix, call), call.fields
            service.flush()
        else:
            reply, fields = Reply(401, {"WWW-Authenticate": desk.challenge(_root(request))}), ()
        log.add(
            request.method, path, "" if prefix in unguarded else query, reply.status, fields, reply.operations
        )
        return Response(reply.body, reply.status, {**reply.headers, "Date": clock.http_date()})

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", discovery, methods=["GET"]),
            Route("/_sandbox/{rest:path}", admin, methods=methods),
            Route("/{rest:path}", serve, methods=methods),
        ]
    )


def _root(request: Request) -> str:
    return f"http://{request.headers.get('host', '').lower()}"


def _headers(request: Request) -> dict[str, str]:
    """Header values by lower-case name; repeated headers are joined by commas."""
    found: dict[str, Any] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
