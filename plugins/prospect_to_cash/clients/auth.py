"""Tokens of Entra ID, by msal: client secret, certificate or managed identity.

msal takes https authorities only and asks each for its endpoints first. Our own authority (the local sandbox,
plain http on this machine) is therefore named to msal as https, and the HTTP client that msal is given, which
is allowed to decide how requests travel, answers that first question with the documented Entra paths and
sends the rest as http.
"""

import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msal
import requests

from prospect_to_cash.clients.throttle import retry_after
from prospect_to_cash.clients.transport import (
    checked_origin,
    deadline_session,
    plain_failures,
    request_deadline,
    total_timeout,
)
from prospect_to_cash.errors import Misconfigured, Throttled, Unavailable

ENTRA = "https://login.microsoftonline.com"
Way = Literal["secret", "certificate", "managed_identity"]
RENEW_BEFORE = 300.0  # seconds before expiry; a token must outlive the request it goes with

_REMEDIES = {
    7000215: "The client secret is wrong: copy its value (not its id) into the connection's password.",
    7000222: "The client secret has expired: make a new one and put it into the connection's password.",
    700016: "The tenant does not know the application: check the client id (login) and the tenant id.",
    90002: "There is no such tenant: check the tenant id.",
    900023: "There is no such tenant: check the tenant id.",
    500011: "The tenant does not know the environment: check the host, and that it belongs to this tenant.",
    700027: "The certificate is not the one registered with the application: check path and thumbprint.",
    7000229: "The application is unknown in the tenant: an administrator must consent to it first.",
}


@dataclass(frozen=True)
class Credentials:
    """Who we are. `secret` is the client secret, or the pass phrase of the certificate's key if it has one.

    `certificate_path` names a PEM file with private key and certificate; `certificate_thumbprint` (SHA-1) is
    only needed when that file has no certificate. A managed identity needs nothing; `client_id` picks a
    user-assigned one.
    """

    tenant_id: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    auth: Way = "secret"
    authority: str = ENTRA
    certificate_path: str = ""
    certificate_thumbprint: str = ""


class TokenSource:
    """The current token for one environment, kept in memory, for any number of threads."""

    def __init__(self, credentials: Credentials, origin: str) -> None:
        self._credentials = credentials
        self._origin = origin
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def __repr__(self) -> str:
        return f"TokenSource({self._credentials.client_id!r} for {self._origin})"

    @property
    def client_id(self) -> str:
        return self._credentials.client_id or self._credentials.auth

    def token(self) -> str:
        """A token that is not about to expire. Raises Misconfigured, Throttled, Unavailable."""
        with self._lock:
            if time.monotonic() >= self._renew_at:
                self._acquire()
            return self._token

    def renew(self, refused: str) -> str:
        """A token other than the `refused` one.

        Of many threads that were refused the same token, one fetches the next for all.
        """
        with self._lock:
            if self._token == refused:
                self._acquire()
            return self._token

    def _acquire(self) -> None:
        answer = self._ask()
        token = answer.get("access_token")
        if not token:
            raise _refusal(answer, self._credentials)
        lifetime = float(answer.get("expires_in", 3600))
        self._token = str(token)
        self._renew_at = time.monotonic() + max(lifetime - RENEW_BEFORE, lifetime / 2)

    def _ask(self) -> Mapping[str, Any]:
        credentials = self._credentials
        if credentials.auth == "managed_identity":
            return self._ask_machine()
        application = _application(credentials)
        try:
            return dict(application.acquire_token_for_client(scopes=[f"{self._origin}/.default"]))
        except json.JSONDecodeError:
            raise Unavailable(
                f"{credentials.authority} answers the request for a token with no JSON."
            ) from None
        except ValueError:  # cryptography, when the key is used for the first time
            raise _bad_certificate(credentials) from None

    def _ask_machine(self) -> Mapping[str, Any]:
        name = self._credentials.client_id
        identity = (
            msal.UserAssignedManagedIdentity(client_id=name) if name else msal.SystemAssignedManagedIdentity()
        )
        try:
            client = msal.ManagedIdentityClient(identity, http_client=_TokenClient(""))
            return dict(client.acquire_token_for_client(resource=self._origin))
        except Unavailable as error:
            raise Unavailable(f"No service for managed identities answers on this machine: {error}") from None
        except (msal.ManagedIdentityError, ValueError):
            raise Misconfigured(
                "This machine has no managed identity: use a secret or a certificate here."
            ) from None


def _application(credentials: Credentials) -> Any:
    authority = checked_origin(credentials.authority, "The connection's authority")
    if not credentials.tenant_id or not credentials.client_id:
        raise Misconfigured("The connection needs a tenant id and a client id (login).")
    try:
        return msal.ConfidentialClientApplication(
            credentials.client_id,
            client_credential=_credential(credentials),
            authority=f"https://{authority.partition('//')[2]}/{credentials.tenant_id}",
            instance_discovery=False,
            http_client=_TokenClient(authority),
        )
    except ValueError as error:
        if "authority" not in str(error):
            raise _bad_certificate(credentials) from None
        raise Misconfigured(
            f"{authority} does not know the tenant {credentials.tenant_id}: check tenant id and authority."
        ) from None


def _credential(credentials: Credentials) -> Any:
    """What msal calls a client credential. Raises Misconfigured."""
    if credentials.auth == "secret":
        if not credentials.secret:
            raise Misconfigured("The connection has no client secret (password).")
        return credentials.secret
    if credentials.auth != "certificate":
        raise Misconfigured(
            f"auth is {credentials.auth!r}: it must be secret, certificate or managed_identity."
        )
    try:
        pem = Path(credentials.certificate_path).read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no PEM file"
        raise Misconfigured(
            f"The certificate {credentials.certificate_path!r} cannot be read: {reason}."
        ) from None
    credential = {"private_key": pem, "passphrase": credentials.secret or None}
    if credentials.certificate_thumbprint:
        return {**credential, "thumbprint": credentials.certificate_thumbprint}
    _, begin, rest = pem.partition("-----BEGIN CERTIFICATE-----")
    return {**credential, "public_certificate": begin + rest}


class _TokenClient:
    """The HTTP client for msal: bounded in time, no redirects, plain http for one local authority."""

    def __init__(self, authority: str) -> None:
        self._session = deadline_session()
        self._plain = authority if urlsplit(authority).scheme == "http" else ""

    def get(self, url: str, **kwargs: Any) -> requests.Response:
        if self._plain and url.endswith("/.well-known/openid-configuration"):
            return _discovery(url)
        return self._send("GET", url, **kwargs)

    def post(self, url: str, **kwargs: Any) -> requests.Response:
        return self._send("POST", url, **kwargs)

    def close(self) -> None:
        self._session.close()

    def _send(self, method: str, url: str, **kwargs: Any) -> requests.Response:
        if self._plain and url.startswith(self._plain.replace("http:", "https:", 1) + "/"):
            url = url.replace("https:", "http:", 1)
        host = urlsplit(url).netloc
        seconds = min(request_deadline(), 30.0)
        with plain_failures(host, seconds):
            response = self._session.request(
                method, url, **{**kwargs, "timeout": total_timeout(seconds), "allow_redirects": False}
            )
        if response.status_code == 429:
            wait = retry_after(response.headers) or 30.0
            raise Throttled(f"{host} gives no token for {wait:.0f} seconds: too many requests.", wait)
        if response.status_code >= 500:
            raise Unavailable(f"{host} gives no token: HTTP {response.status_code}.")
        if 300 <= response.status_code < 400:
            raise Misconfigured(
                f"{host} sends the request for a token elsewhere: check the connection's authority."
            )
        return response


def _discovery(url: str) -> requests.Response:
    """The answer to msal's first question, for an authority that has a token endpoint and nothing else."""
    root = url.removesuffix("/v2.0/.well-known/openid-configuration")
    response = requests.Response()
    response.status_code = 200
    endpoints = {
        "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
        "token_endpoint": f"{root}/oauth2/v2.0/token",
    }
    response._content = json.dumps({"issuer": f"{root}/v2.0", **endpoints}).encode()
    return response


def _bad_certificate(credentials: Credentials) -> Misconfigured:
    return Misconfigured(
        f"The certificate {credentials.certificate_path!r} cannot be used: the file must hold the private "
        "key and the certificate in PEM, and the password must be the pass phrase of the key if it has one."
    )


def _refusal(answer: Mapping[str, Any], credentials: Credentials) -> Misconfigured | Unavailable:
    """The reason why there is no token, as a sentence with the remedy where one is known."""
    description = str(answer.get("error_description") or answer.get("error") or "no reason given")
    if answer.get("error") == "temporarily_unavailable":
        return Unavailable(f"{credentials.authority} gives no token at the moment.")
    found = re.search(r"AADSTS(\d+)", description)
    remedy = _REMEDIES.get(int(found[1])) if found else None
    if found and remedy:
        return Misconfigured(f"{remedy} ({found[0]})")
    return Misconfigured(f"No token for {credentials.client_id}: {description.splitlines()[0][:300]}")
