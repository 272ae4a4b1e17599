"""A token endpoint like that of Microsoft Entra (v2.0, client credentials with a secret) and the check of its
tokens.

The request and answer forms are those of the public v2.0 endpoint; statuses per error code are assumed.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sandbox.settings import Settings

Answer = tuple[int, dict[str, Any]]


class TokenDesk:
    """Issues opaque bearer tokens for either system and knows for whom each was issued.

    `audiences` are the root URLs of the systems; it may still be empty when the desk is made, because a free
    port is only known after binding.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._issued: dict[str, tuple[str, float]] = {}
        self.audiences: list[str] = []

    def grant(self, tenant: str, form: bytes) -> Answer:
        """Answer a token request with a status and a JSON object."""
        given = dict(parse_qsl(form.decode("utf-8", "replace"), keep_blank_values=True))
        if tenant.lower() != self._settings.tenant_id:
            return _error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        for name in ("grant_type", "client_id", "scope"):
            if not given.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                return _error(400, "invalid_request", 900144, text)
        if given["grant_type"] != "client_credentials":
            text = f"The app requested an unsupported grant type '{given['grant_type']}'."
            return _error(400, "unsupported_grant_type", 70003, text)
        if given["client_id"] != self._settings.client_id:
            text = f"Application with identifier '{given['client_id']}' was not found in the directory."
            return _error(400, "unauthorized_client", 700016, text)
        if not given.get("client_secret"):
            text = (
                "The request body must contain the following parameter: 'client_assertion' "
                "or 'client_secret'."
            )
            return _error(401, "invalid_client", 7000218, text)
        if not secrets.compare_digest(given["client_secret"].encode(), self._settings.client_secret.encode()):
            return _error(401, "invalid_client", 7000215, "Invalid client secret provided.")
        return self._grant_for(given["scope"])

    def _grant_for(self, scope: str) -> Answer:
        if " " in scope or not scope.endswith("/.default"):
            text = f"The provided value for scope {scope} is not valid: it must end with /.default."
            return _error(400, "invalid_scope", 1002012, text)
        audience = scope.removesuffix("/.default")
        if _canonical(audience.rstrip("/")) not in self.audiences:
            text = f"The resource principal named {audience} was not found in the tenant."
            return _error(400, "invalid_resource", 500011, text)
        now, seconds = self._now(), self._settings.token_seconds
        self._issued = {t: issued for t, issued in self._issued.items() if issued[1] > now}
        token = secrets.token_urlsafe(48)
        self._issued[token] = (_canonical(audience), now + seconds)
        return 200, {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        }

    def accepts(self, authorization: str, root: str) -> bool:
        """Whether the Authorization header holds a fresh token that was issued for exactly
        this root URL."""
        scheme, _, token = authorization.partition(" ")
        audience, expires = self._issued.get(token.strip(), ("", 0.0))
        return scheme.lower() == "bearer" and audience == _canonical(root) and self._now() < expires

    def challenge(self, root: str) -> str:
        """The WWW-Authenticate header of a 401 (its details are assumed)."""
        authorize = f"{root}/{self._settings.tenant_id}/oauth2/authorize"
        return f"Bearer authorization_uri={authorize}, resource_id={root}/"

    def discovery(self, tenant: str, root: str) -> Answer:
        """The OpenID configuration that client libraries read first."""
        if tenant.lower() != self._settings.tenant_id:
            return _error(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        base = f"{root}/{tenant}"
        return 200, {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "tenant_region_scope": "EU",
        }


def _canonical(url: str) -> str:
    """A root URL with the loopback host spelled in one way; a trailing slash stays and makes another
    audience."""
    parts = urlsplit(url.lower())
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _error(status: int, error: str, code: int, text: str) -> Answer:
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    return status, {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation}",
        "error_codes": [code],
        "timestamp": stamp,
        "trace_id": trace,
        "correlation_id": correlation,
    }
