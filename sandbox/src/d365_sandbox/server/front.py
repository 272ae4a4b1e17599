"""The ASGI application of one system: checks tokens, logs requests, applies fault rules, calls the service."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from d365_sandbox.clock import Clock
from d365_sandbox.identity.tokens import TokenDesk
from d365_sandbox.json_text import dumps
from d365_sandbox.web.messages import Arrived, Call, Faults, Produce, Reply, Responder, Service, arrived
from d365_sandbox.web.request_log import RequestLog
from d365_sandbox.web.roots import root_of
from d365_sandbox.web.transport import Transport

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SMALLEST_ZIPPED = 1024
REQUEST_IDS = {"sales": "x-ms-service-request-id", "finops": "ms-dyn-aid"}

AdminHandler = Callable[[Request], Awaitable[Response]]


class Front:
    """Checks tokens, logs requests and applies fault rules before and after one service."""

    def __init__(
        self,
        service: Service,
        desk: TokenDesk,
        log: RequestLog,
        clock: Clock,
        faults: Faults,
        transport: Transport,
    ) -> None:
        self._service = service
        self._desk = desk
        self._log = log
        self._clock = clock
        self._faults = faults
        self._transport = transport
        self._unguarded: tuple[str, ...] = getattr(service, "unguarded", ())  # prefixes without tokens

    async def serve(self, request: Request) -> Response:
        """Answer a request on the service."""
        body = await self._body(request)
        if isinstance(body, Response):
            return body
        return await self._answered(
            request, body, lambda arrived: self._service_reply(request, body, arrived)
        )

    def endpoint(self, answer: Responder) -> Callable[[Request], Awaitable[Response]]:
        """Answers a request beside the service, such as one for a token."""

        async def handle(request: Request) -> Response:
            body = await self._body(request)
            if isinstance(body, Response):
                return body
            content = body

            def produce(arrived: Arrived) -> Reply:
                reply = answer(request, content)
                self._log.add(arrived.method, arrived.path, "", reply.status, faults=arrived.faults)
                return reply

            return await self._answered(request, body, produce)

        return handle

    async def _answered(self, request: Request, body: bytes, produce: Produce) -> Response:
        if self._faults.any_set:
            return await self._faults.carry(request, body, produce)
        reply = produce(arrived(request))
        headers = {**reply.headers, "Date": self._clock.http_date()}
        content = reply.body
        if self._transport.zipped and len(content) >= SMALLEST_ZIPPED and _takes_gzip(request):
            content = gzip.compress(content, 1)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        return Response(content, reply.status, headers)

    async def _body(self, request: Request) -> bytes | Response:
        """The whole body, or the answer when it is larger than is taken or ends too early."""
        largest = self._transport.largest_body
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > largest:
            return Response(status_code=413)
        if declared == "0" or (not declared and "transfer-encoding" not in request.headers):
            return b""
        pieces, size = [], 0
        try:
            async for piece in request.stream():
                size += len(piece)
                if size > largest:
                    return Response(status_code=413)
                pieces.append(piece)
        except ClientDisconnect:
            return Response(status_code=400)
        return b"".join(pieces)

    def _service_reply(self, request: Request, body: bytes, arrived: Arrived) -> Reply:
        service, path = self._service, arrived.path
        prefix = next((p for p in service.prefixes if path.startswith(p) or path == p[:-1]), "")
        fields: tuple[str, ...] = ()
        if not prefix:
            reply = Reply(404, {"Content-Type": "text/html"}, b"<html><body>404 - not found</body></html>")
        elif arrived.method == "OPTIONS":
            reply = Reply(204, {"Allow": ", ".join(METHODS)})
        else:
            reply, fields = self._guarded(request, prefix, body, arrived)
        reply.headers.setdefault(REQUEST_IDS[service.name], str(uuid.uuid4()))
        query = "" if prefix in self._unguarded else arrived.query  # it holds a signature there
        self._log.add(arrived.method, path, query, reply.status, fields, reply.operations, arrived.faults)
        return reply

    def _guarded(
        self, request: Request, prefix: str, body: bytes, arrived: Arrived
    ) -> tuple[Reply, tuple[str, ...]]:
        """The service's answer to a caller whose token opens it, and the names of the fields in the body."""
        service, root = self._service, root_of(request)
        authorization = request.headers.get("authorization", "")
        client = self._desk.holder(authorization, service.name)
        if client is None and prefix not in self._unguarded:
            self._desk.audiences.learn(service.name, root)
            return Reply(401, {"WWW-Authenticate": self._desk.challenge(authorization, root)}), ()
        if client is not None and not client.has_user:
            return _no_user(service.name), ()
        call = Call(
            "GET" if arrived.method == "HEAD" else arrived.method,
            arrived.path[len(prefix) :],
            arrived.query,
            _headers(request),
            body,
            root,
            client_id=client.client_id if client else "",
            has_roles=client is None or client.has_roles,
        )
        reply = service.handle(prefix, call)
        service.flush()
        return reply, call.fields


def application(front: Front, admin: AdminHandler, more: list[Route]) -> Starlette:
    """The ASGI application of one system; `more` are the routes of tokens and discovery."""
    return Starlette(
        routes=[
            *more,
            Route("/_sandbox/{rest:path}", admin, methods=["GET", "POST", "PUT", "DELETE"]),
            Route("/{rest:path}", front.serve, methods=list(METHODS)),
        ]
    )


def _headers(request: Request) -> dict[str, str]:
    """Header values by lower-case name; repeated headers are joined by commas."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "").lower()


def _no_user(system: str) -> Reply:
    """The reply to an application without a user: Dataverse sends an error code, F&O an empty body (statuses
    are unverified in both fact sheets, section 1)."""
    if system != "sales":
        return Reply(401, {})
    error = {"code": "0x80072560", "message": "The user is not a member of the organization."}
    headers = {"Content-Type": "application/json; odata.metadata=minimal", "OData-Version": "4.0"}
    return Reply(403, headers, dumps({"error": error}))
