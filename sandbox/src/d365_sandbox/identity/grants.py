"""Token requests in the forms of the v2.0 endpoint (`scope`), of the v1 endpoint (`resource`) and of managed
identities. Only client credentials are granted: there are no users and no refresh tokens."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from d365_sandbox.identity.assertions import KIND, Assertions
from d365_sandbox.identity.clients import Client
from d365_sandbox.identity.discovery import MANY_TENANTS
from d365_sandbox.identity.refusals import NotGranted, missing, no_audience, no_tenant
from d365_sandbox.identity.tokens import Issued, TokenDesk

Form = Mapping[str, str]


class Grants:
    """Decides on token requests."""

    def __init__(self, desk: TokenDesk, assertions: Assertions) -> None:
        self._desk = desk
        self._assertions = assertions

    def by_form(
        self, tenant: str, body: bytes, authorization: str, root: str, version: int
    ) -> dict[str, Any]:
        """The answer to a request on `/{tenant}/oauth2/v2.0/token` (version 2) or `/{tenant}/oauth2/token`.

        Raises NotGranted.
        """
        form = _form(body, authorization)
        self._check_tenant(tenant)
        wanted = "scope" if version == 2 else "resource"
        for name in ("grant_type", "client_id", wanted):
            if not form.get(name):
                raise missing(name)
        if form["grant_type"] != "client_credentials":
            text = f"The app requested an unsupported grant type '{form['grant_type']}'."
            raise NotGranted(400, "unsupported_grant_type", 70003, text)
        client = self._client(form, root)
        by = "2" if "client_assertion" in form else "1"
        audience = _audience_of_scope(form["scope"]) if version == 2 else form["resource"]
        issued = self._issue(client, audience, by)
        return _v2(issued) if version == 2 else _v1(issued)

    def by_managed_identity(self, resource: str) -> dict[str, Any]:
        """A token of the first client, for whoever runs on this machine. Raises NotGranted."""
        if not resource:
            raise missing("resource")
        issued = self._issue(self._desk.clients[0], resource, "2")
        return {**_v1(issued), "client_id": issued.client.client_id}

    def _check_tenant(self, tenant: str) -> None:
        if tenant.lower() in MANY_TENANTS:
            text = (
                "Tenant-identifying information was not found in the request or implied by any credentials."
            )
            raise NotGranted(400, "invalid_request", 50059, text)
        if not self._desk.is_tenant(tenant):
            raise no_tenant(tenant)

    def _client(self, form: Form, root: str) -> Client:
        client = self._desk.client(form["client_id"])
        if client is None:
            text = f"Application with identifier '{form['client_id']}' was not found in the directory."
            raise NotGranted(400, "unauthorized_client", 700016, text)
        if form.get("client_assertion"):
            if form.get("client_assertion_type") != KIND:
                raise missing("client_assertion_type")
            roots = (root, *self._desk.roots)
            self._assertions.check(form["client_assertion"], client.client_id, client.certificate, roots)
        elif not form.get("client_secret"):
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise NotGranted(401, "invalid_client", 7000218, text)
        elif not secrets.compare_digest(form["client_secret"].encode(), client.secret.encode()):
            text = f"Invalid client secret provided for app '{client.client_id}'."
            raise NotGranted(401, "invalid_client", 7000215, text)
        return client

    def _issue(self, client: Client, audience: str, by: str) -> Issued:
        if not self._desk.audiences.is_known(audience):
            raise no_audience(audience, self._desk.tenant)
        return self._desk.issue(client, audience, by)


def _form(body: bytes, authorization: str) -> dict[str, str]:
    """The form, with client id and secret from a Basic header where the form has none."""
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            client_id, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
        except ValueError:
            return form
        form.setdefault("client_id", unquote_plus(client_id))
        form.setdefault("client_secret", unquote_plus(secret))
    return form


def _audience_of_scope(scope: str) -> str:
    """`https://host/.default` names `https://host`, `https://host//.default` names `https://host/`."""
    if " " in scope or not scope.endswith("/.default"):
        text = f"The provided value for scope {scope} is not valid: client credentials ask for /.default."
        raise NotGranted(400, "invalid_scope", 1002012, text)
    return scope.removesuffix("/.default")


def _v2(issued: Issued) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "expires_in": issued.seconds,
        "ext_expires_in": issued.seconds,
        "access_token": issued.token,
    }


def _v1(issued: Issued) -> dict[str, Any]:
    """The v1 form writes its numbers as strings."""
    return {
        "token_type": "Bearer",
        "expires_in": str(issued.seconds),
        "ext_expires_in": str(issued.seconds),
        "expires_on": str(int(issued.expires)),
        "not_before": str(int(issued.expires) - issued.seconds),
        "resource": issued.audience,
        "access_token": issued.token,
    }
