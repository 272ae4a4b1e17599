"""The admin API of one system, as a program calls it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from d365_sandbox.testing.http import Answer, send


class AdminError(RuntimeError):
    """The admin API refused a request; the message has its status and its own words."""


class AdminClient:
    """Looks at one system and changes it from outside: request log, rows, clock, tokens, faults, parameters.

    Every method but `send` raises AdminError when the request is refused.
    """

    def __init__(self, root: str, token: str, trust: Callable[[], ssl.SSLContext | None]) -> None:
        self._root = root
        self._token = token
        self._trust = trust

    def send(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request to `/_sandbox/<path>` with a JSON body (bytes are sent as they are)."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"X-Sandbox-Admin": self._token, "Content-Type": "application/json"}
        return send(method, f"{self._root}/_sandbox/{path}", content, headers, self._trust())

    def requests(self, since: int = 0, **wanted: str | int) -> list[dict[str, Any]]:
        """Logged requests numbered above `since`; `wanted` is any of method, path, status and fault."""
        query = urlencode({"since": since, **wanted})
        found: list[dict[str, Any]] = self._call("GET", f"requests?{query}")["requests"]
        return found

    def forget_requests(self) -> None:
        self._call("DELETE", "requests")

    def counts(self) -> dict[str, int]:
        """Rows per set."""
        found: dict[str, int] = self._call("GET", "counts")
        return found

    def move_clock(self, seconds: float) -> str:
        """Set the clock so many seconds ahead of the machine's; returns the sandbox's time."""
        now: str = self._call("POST", "clock", {"offset_seconds": seconds})["now"]
        return now

    def expire_tokens(self) -> None:
        self._call("POST", "tokens", {"expire": True})

    def plant(self, set_name: str, rows: Iterable[Mapping[str, Any]] | bytes) -> int:
        """Store rows (a list, or JSON text as bytes) without any validation; returns how many."""
        content = rows if isinstance(rows, bytes) else list(rows)
        planted: int = self._call("PUT", f"rows/{set_name}", content)["planted"]
        return planted

    def set_faults(self, *rules: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Put these fault rules in place of all others; none clears them."""
        if not rules:
            self._call("DELETE", "faults")
            return []
        found: list[dict[str, Any]] = self._call("PUT", "faults", rules)["rules"]
        return found

    def late(self) -> list[dict[str, Any]]:
        """Method and path of the requests that the fault `late` has postponed, in the order in which they came."""
        found: list[dict[str, Any]] = self._call("GET", "late")["late"]
        return found

    def execute_late(self) -> int:
        """Let all postponed requests be carried out now; returns how many."""
        executed: int = self._call("POST", "late")["executed"]
        return executed

    def forget_late(self) -> None:
        """Let no postponed request ever be carried out."""
        self._call("DELETE", "late")

    def parameters(self, **changed: Any) -> dict[str, Any]:
        """Change parameters of F&O, and show all of them."""
        found: dict[str, Any] = self._call("PUT" if changed else "GET", "parameters", changed or None)
        return found

    def _call(self, method: str, path: str, body: object = None) -> Any:
        answer = self.send(method, path, body)
        if not answer.ok:
            raise AdminError(f"{method} {path}: {answer.status} {answer.text}")
        return answer.json() if answer.body else None
