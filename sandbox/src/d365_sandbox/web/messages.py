"""Requests and replies as both systems handle them, and the interfaces of services and fault rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from d365_sandbox.web.request_log import LoggedOperation


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
        """The service root as the caller addressed it: scheme, authority and path."""
        return self.root + self.prefix


@dataclass(slots=True)
class Reply:
    """A response. `operations` lists the parts of a batch for the request log; `row_path` is the path of the
    written row, which later parts of a change set may refer to."""

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
    """The fault rules of one system; `any_set` is false while there are none."""

    @property
    def any_set(self) -> bool: ...

    async def carry(self, request: Request, body: bytes, produce: Produce) -> Response:
        """Respond under the matching rules; `produce` makes and logs the regular response."""
        ...


@dataclass(slots=True)
class Arrived:
    """A request before it is handled; a fault rule may replace its query, and adds its name for the log."""

    method: str
    path: str
    query: str
    faults: tuple[str, ...] = ()


Responder = Callable[[Request, bytes], Reply]
Produce = Callable[[Arrived], Reply]


def arrived(request: Request) -> Arrived:
    """Method, path and query, which the server has checked to be ASCII. A caller may encode the `$` of
    `$batch`."""
    path = request.scope["raw_path"].decode("ascii").replace("%24", "$")
    return Arrived(request.method, path, request.scope["query_string"].decode("ascii"))
