"""One system of a running sandbox, as a program reaches it."""

from __future__ import annotations

import json
import ssl
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from d365_sandbox.testing.admin_client import AdminClient
from d365_sandbox.testing.http import Answer, send

API_PATHS = {"sales": "/api/data/v9.2/", "finops": "/data/"}


class System:
    """Sales or F&O: where it is, a token for it, its admin API, and enough of a client to set up a test.

    `url` is the root URL, `api_url` the service root below it.
    """

    def __init__(
        self,
        name: str,
        url: str,
        tenant_id: str,
        client_id: str,
        client_secret: str,
        admin_token: str,
        ca_file: Path | None = None,
    ) -> None:
        self.name = name
        self.url = url
        self.api_url = url + API_PATHS[name]
        self.token_url = f"{url}/{tenant_id}/oauth2/v2.0/token"
        self._client = (client_id, client_secret)
        self._ca_file = ca_file
        self.admin = AdminClient(url, admin_token, lambda: self._trust)

    @cached_property
    def _trust(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=str(self._ca_file)) if self._ca_file else None

    def token(self) -> str:
        """A new access token for this system."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client[0],
            "client_secret": self._client[1],
            "scope": f"{self.url}/.default",
        }
        answer = send("POST", self.token_url, urlencode(form).encode(), {}, self._trust)
        if not answer.ok:
            raise RuntimeError(f"No token from {self.token_url}: {answer.status} {answer.text}")
        found: str = answer.json()["access_token"]
        return found

    @cached_property
    def _authorization(self) -> str:
        return f"Bearer {self.token()}"

    def send(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request with a token and a JSON body; `path` is a full URL or relative to `api_url`.

        Underscores in names of headers become hyphens: `If_Match="*"`.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Authorization", self._authorization)
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            named.setdefault("Content-Type", "application/json")
        url = path if path.startswith("http") else self.api_url + path
        return send(method, url, content, named, self._trust)

    def create(self, set_name: str, row: dict[str, Any]) -> dict[str, Any]:
        """Create a row and return it as the system shows it. Raises RuntimeError when it is refused."""
        answer = self.send("POST", set_name, row, Prefer="return=representation")
        if answer.status != 201:
            raise RuntimeError(f"POST {set_name}: {answer.status} {answer.text}")
        found: dict[str, Any] = answer.json()
        return found

    def rows(self, path: str) -> list[dict[str, Any]]:
        """All rows of a set over all pages; `path` may have query options. Raises RuntimeError."""
        found: list[dict[str, Any]] = []
        while path:
            answer = self.send("GET", path)
            if answer.status != 200:
                raise RuntimeError(f"GET {path}: {answer.status} {answer.text}")
            page = answer.json()
            found += page["value"]
            path = page.get("@odata.nextLink", "")
        return found
