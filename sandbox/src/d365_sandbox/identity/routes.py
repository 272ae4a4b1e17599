"""The paths under which tokens and discovery documents are served, on either system's port."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from d365_sandbox.identity import discovery
from d365_sandbox.identity.assertions import Assertions
from d365_sandbox.identity.grants import Grants
from d365_sandbox.identity.refusals import NotGranted, no_tenant
from d365_sandbox.identity.tokens import TokenDesk
from d365_sandbox.json_text import dumps
from d365_sandbox.web.messages import Reply, Responder
from d365_sandbox.web.roots import root_of


class IdentityRoutes:
    """Token and discovery requests that reach one system's port."""

    def __init__(self, desk: TokenDesk, assertions: Assertions, system: str, identity_header: str) -> None:
        self._desk = desk
        self._grants = Grants(desk, assertions)
        self._system = system
        self._identity_header = identity_header

    def routes(
        self, endpoint: Callable[[Responder], Callable[[Request], Awaitable[Response]]]
    ) -> list[Route]:
        """The routes; `endpoint` makes of a function that answers one that the application can call."""
        well_known = ".well-known/openid-configuration"
        posts: Mapping[str, Responder] = {
            "/{tenant}/oauth2/v2.0/token": self._token(2),
            "/{tenant}/oauth2/token": self._token(1),
        }
        gets: Mapping[str, Responder] = {
            "/{tenant}/v2.0/" + well_known: self._configuration(2),
            "/{tenant}/" + well_known: self._configuration(1),
            "/{tenant}/discovery/instance": self._instance,
            "/{tenant}/discovery/v2.0/keys": self._keys,
            "/{tenant}/discovery/keys": self._keys,
            "/metadata/identity/oauth2/token": self._managed_by_metadata,
            "/msi/token": self._managed_by_header,
        }
        return [
            *(Route(path, endpoint(answer), methods=["POST"]) for path, answer in posts.items()),
            *(Route(path, endpoint(answer), methods=["GET"]) for path, answer in gets.items()),
        ]

    def _token(self, version: int) -> Responder:
        def answer(request: Request, body: bytes) -> Reply:
            root = root_of(request)
            self._desk.audiences.learn(self._system, root)
            authorization = request.headers.get("authorization", "")
            tenant = request.path_params["tenant"]
            return _granted(lambda: self._grants.by_form(tenant, body, authorization, root, version))

        return answer

    def _configuration(self, version: int) -> Responder:
        def answer(request: Request, body: bytes) -> Reply:
            tenant = request.path_params["tenant"]
            if tenant.lower() not in discovery.MANY_TENANTS and not self._desk.is_tenant(tenant):
                return _json(*no_tenant(tenant).answer())
            return _json(200, discovery.openid_configuration(root_of(request), tenant, version))

        return answer

    def _instance(self, request: Request, body: bytes) -> Reply:
        return _json(200, discovery.instance_discovery(root_of(request), self._desk.tenant))

    def _keys(self, request: Request, body: bytes) -> Reply:
        """No keys: tokens are known to the desk and not signed."""
        return _json(200, {"keys": []})

    def _managed_by_metadata(self, request: Request, body: bytes) -> Reply:
        """The instance metadata service of a virtual machine: the header `Metadata: true` is required."""
        if request.headers.get("metadata", "").lower() != "true":
            text = "Required metadata header not specified"
            return _json(400, {"error": "invalid_request", "error_description": text})
        return self._managed(request)

    def _managed_by_header(self, request: Request, body: bytes) -> Reply:
        """The endpoint of an App Service: X-IDENTITY-HEADER holds the secret of the environment."""
        given = request.headers.get("x-identity-header", "")
        if not secrets.compare_digest(given.encode(), self._identity_header.encode()):
            return _json(401, {"statusCode": 401, "message": "X-IDENTITY-HEADER is missing or wrong."})
        return self._managed(request)

    def _managed(self, request: Request) -> Reply:
        resource = request.query_params.get("resource", "")
        self._desk.audiences.learn(self._system, root_of(request))
        return _granted(lambda: self._grants.by_managed_identity(resource))


def _granted(ask: Callable[[], dict[str, Any]]) -> Reply:
    try:
        return _json(200, ask())
    except NotGranted as refusal:
        return _json(*refusal.answer())


def _json(status: int, answer: dict[str, Any]) -> Reply:
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
    }
    return Reply(status, headers, dumps(answer))
