"""The admin API under `/_sandbox/`: what tests use to look at the sandbox and to spoil its data.

It is off unless SANDBOX_ADMIN_TOKEN is set; the header X-Sandbox-Admin must then hold that token.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.clock import Clock
from sandbox.loading import Loader
from sandbox.odata_subset.json_text import loads
from sandbox.request_log import RequestLog
from sandbox.settings import Settings
from sandbox.store.store import Store


class Admin:
    """The admin API of one system."""

    def __init__(
        self, settings: Settings, system: str, store: Store, log: RequestLog, clock: Clock, loader: Loader
    ) -> None:
        self._token = settings.admin_token
        self._system = system
        self._store = store
        self._log = log
        self._clock = clock
        self._loader = loader
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
        if what == "requests" and method == "GET":
            since = int(request.query_params.get("since", "0"))
            return JSONResponse({"requests": self._log.since(since)})
        if what == "requests" and method == "DELETE":
            self._log.clear()
            return Response(status_code=204)
        if what == "counts" and method == "GET":
            return JSONResponse(self._store.counts())
        if what == "clock" and method == "POST":
            self._clock.offset = timedelta(seconds=float(loads(body)["offset_seconds"]))
            return JSONResponse({"now": self._clock.stamp()})
        if what.startswith("rows/") and method == "PUT":
            return self._plant(what.removeprefix("rows/"), loads(body))
        if self.more is not None:
            answer = self.more(method, what, loads(body) if body else None)
            if answer is not None:
                return JSONResponse(answer)
        return JSONResponse({"error": f"There is no {method} {what} in the admin API."}, 404)

    def _plant(self, set_name: str, given: Any) -> Response:
        rows = given if isinstance(given, list) else [given]
        if set_name not in self._store.tables:
            return JSONResponse({"error": f"There is no set {set_name}."}, 404)
        return JSONResponse({"planted": self._loader.plant(self._system, set_name, rows)})
