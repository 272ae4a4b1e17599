"""What a request and an answer are to both systems, and the ASGI application that carries them."""

from __future__ import annotations

import gzip
import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.odata_subset.json_text import dumps
from sandbox.request_log import LoggedOperation, RequestLog
from sandbox.tokens import TokenDesk

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SMALLEST_ZIPPED = 1024
REQUEST_IDS = {"sales": "x-ms-service-request-id", "finops": "ms-dyn-aid"}
_HOST = re.compile(r"[\w.-]+(:\d{1,5})?|\[[0-9a-f:.]+\](:\d{1,5})?")


@dataclass(slots=True)
class Call:
    """One operation on a system: a request of its own or a part of a batch.

    `path` is the percent-encoded path under the service root, `root` the scheme and authority the caller
    used, `headers` have lower-case names. `fields` is filled with the names in the body, for the request log.
    `prefix` is the service's own path, where it has several; `client_id` is the application that calls and
    `has_roles` whether its user has security roles (Sales).
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
    client_id: str = ""
    has_roles: bool = True

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


class Faults(Protocol):
    """Rules that spoil answers; `any_set` is false as long as there is none."""

    @property
    def any_set(self) -> bool: ...

    async def carry(self, request: Request, body: bytes, produce: Produce) -> Response:
        """Answer through the rules that match; `produce` makes and logs the answer that is right."""
        ...


@dataclass(slots=True)
class Arrived:
    """A request as it is answered; a fault may replace its query before and names itself for the log."""

    method: str
    path: str
    query: str
    faults: tuple[str, ...] = ()


AdminHandler = Callable[[Request], Awaitable[Response]]
Responder = Callable[[Request, bytes], Reply]
Produce = Callable[[Arrived], Reply]


@dataclass(frozen=True, slots=True)
class Transport:
    """How answers leave: `zipped` compresses larger ones for callers that accept gzip (off, because it costs
    more than making them), `largest_body` bounds requests (413 beyond; the bound is assumed)."""

    zipped: bool = False
    largest_body: int = 128 * 1024 * 1024


class Front:
    """What stands between the wire and one service: tokens, the request log, faults."""

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
        told = request.headers.get("content-length", "")
        if told.isdigit() and int(told) > largest:
            return Response(status_code=413)
        if told == "0" or (not told and "transfer-encoding" not in request.headers):
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


def arrived(request: Request) -> Arrived:
    """What was asked; the server lets only ASCII through. A caller may encode the `$` of `$batch`."""
    path = request.scope["raw_path"].decode("ascii").replace("%24", "$")
    return Arrived(request.method, path, request.scope["query_string"].decode("ascii"))


def root_of(request: Request) -> str:
    """Scheme and authority as the caller knows them, also through a proxy in front."""
    headers = request.headers
    return _root(
        headers.get("x-forwarded-proto", ""), headers.get("x-forwarded-host", ""),
        request.scope["scheme"], headers.get("host", ""),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _root(forwarded_scheme: str, forwarded_host: str, scheme: str, host: str) -> str:
    """The first forwarded value counts, that of the proxy next to the caller; a malformed one does not."""
    outer = forwarded_scheme.partition(",")[0].strip().lower()
    name = forwarded_host.partition(",")[0].strip().lower()
    if not _HOST.fullmatch(name):
        name = host.strip().lower()
    if not _HOST.fullmatch(name):
        name = "localhost"
    return f"{outer if outer in ('http', 'https') else scheme}://{name}"


def _headers(request: Request) -> dict[str, str]:
    """Header values by lower-case name; repeated headers are joined by commas."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _takes_gzip(request: Request) -> bool:
    return "gzip" in request.headers.get("accept-encoding", "").lower()


def _no_user(system: str) -> Reply:
    """An application that no user stands for: Dataverse names its code, F&O says nothing (statuses are
    unverified in both fact sheets, section 1)."""
    if system != "sales":
        return Reply(401, {})
    error = {"code": "0x80072560", "message": "The user is not a member of the organization."}
    headers = {"Content-Type": "application/json; odata.metadata=minimal", "OData-Version": "4.0"}
    return Reply(403, headers, dumps({"error": error}))
