"""The admin API under `/_sandbox/`: what tests use to inspect and manipulate the sandbox.

It is off unless SANDBOX_ADMIN_TOKEN is set; the header X-Sandbox-Admin must then hold that token.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from d365_sandbox.clock import Clock
from d365_sandbox.faults.board import FaultBoard
from d365_sandbox.identity.tokens import TokenDesk
from d365_sandbox.json_text import loads
from d365_sandbox.server.loading import Loader
from d365_sandbox.server.settings import Settings
from d365_sandbox.store.store import Store
from d365_sandbox.web.request_log import RequestLog, Wanted


class Admin:
    """The admin API of one system."""

    def __init__(
        self,
        settings: Settings,
        system: str,
        store: Store,
        log: RequestLog,
        clock: Clock,
        loader: Loader,
        desk: TokenDesk,
        faults: FaultBoard,
    ) -> None:
        self._token = settings.admin_token
        self._system = system
        self._store = store
        self._desk = desk
        self._faults = faults
        self._log = log
        self._clock = clock
        self._loader = loader
        self._handlers: Mapping[tuple[str, str], Callable[[Request, bytes], Response]] = {
            ("GET", "requests"): self._show_requests,
            ("DELETE", "requests"): self._forget_requests,
            ("GET", "counts"): self._show_counts,
            ("POST", "clock"): self._move_clock,
            ("POST", "tokens"): self._change_tokens,
            ("GET", "late"): self._show_late,
            ("POST", "late"): self._execute_late,
            ("DELETE", "late"): self._forget_late,
        }
        self.more: Callable[[str, str, Any], Any] | None = None

    async def handle(self, request: Request) -> Response:
        given = request.headers.get("x-sandbox-admin", "")
        if not self._token or not secrets.compare_digest(given.encode(), self._token.encode()):
            return JSONResponse({"error": "The admin API is off or X-Sandbox-Admin is wrong."}, 403)
        try:
            return self._answer(request, await request.body())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

    def _answer(self, request: Request, body: bytes) -> Response:
        method, what = request.method, request.path_params["rest"]
        handler = self._handlers.get((method, what))
        if handler is not None:
            return handler(request, body)
        if what == "faults" or what.startswith("faults/"):
            return self._spoil(method, what.removeprefix("faults").removeprefix("/"), body)
        if what.startswith("rows/") and method == "PUT":
            return self._plant(what.removeprefix("rows/"), loads(body))
        if self.more is not None:
            answer = self.more(method, what, loads(body) if body else None)
            if answer is not None:
                return JSONResponse(answer)
        return JSONResponse({"error": f"There is no {method} {what} in the admin API."}, 404)

    def _show_requests(self, request: Request, _: bytes) -> Response:
        given = dict(request.query_params)
        since = int(given.pop("since", "0"))
        return JSONResponse({"requests": self._log.since(since, Wanted(**given) if given else None)})

    def _forget_requests(self, _: Request, __: bytes) -> Response:
        self._log.clear()
        return Response(status_code=204)

    def _show_counts(self, _: Request, __: bytes) -> Response:
        return JSONResponse(self._store.counts())

    def _move_clock(self, _: Request, body: bytes) -> Response:
        self._clock.offset = timedelta(seconds=float(loads(body)["offset_seconds"]))
        return JSONResponse({"now": self._clock.stamp()})

    def _change_tokens(self, _: Request, body: bytes) -> Response:
        """`{"expire": true}` makes every token stale, `{"seconds": n}` sets how long new ones live."""
        given = loads(body)
        if "seconds" in given:
            self._desk.seconds = int(given["seconds"])
        expired = self._desk.expire_all() if given.get("expire") else 0
        return JSONResponse({"expired": expired, "seconds": self._desk.seconds})

    def _show_late(self, _: Request, __: bytes) -> Response:
        return JSONResponse({"late": self._faults.late.shown()})

    def _execute_late(self, _: Request, __: bytes) -> Response:
        return JSONResponse({"executed": self._faults.late.execute()})

    def _forget_late(self, _: Request, __: bytes) -> Response:
        self._faults.late.forget()
        return Response(status_code=204)

    def _spoil(self, method: str, number: str, body: bytes) -> Response:
        """The rules of `/_sandbox/faults`: GET shows them, POST adds, PUT replaces all, DELETE removes."""
        if method == "GET" and not number:
            return JSONResponse({"rules": self._faults.shown()})
        if method in ("PUT", "POST") and not number:
            given = loads(body)
            rules = given.get("rules", [given]) if isinstance(given, dict) else given
            return JSONResponse({"rules": self._faults.add(rules, replace=method == "PUT")}, 201)
        if method == "DELETE":
            gone = self._faults.remove(int(number)) if number else self._faults.clear()
            return Response(status_code=204 if gone else 404)
        return JSONResponse({"error": f"There is no {method} faults/{number} in the admin API."}, 404)

    def _plant(self, set_name: str, given: Any) -> Response:
        rows = given if isinstance(given, list) else [given]
        if set_name not in self._store.tables:
            return JSONResponse({"error": f"There is no set {set_name}."}, 404)
        return JSONResponse({"planted": self._loader.plant(self._system, set_name, rows)})
