"""Tokens of Entra ID, acquired by msal: client secret, certificate or managed identity.

Error codes: learn.microsoft.com/entra/identity-platform/reference-error-codes.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msal

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.http.msal_client import MsalHttpClient
from prospect_to_cash.clients.http.transport import AnswerLost, Busy, NotSent, checked_origin
from prospect_to_cash.errors import Misconfigured, P2CError, Throttled, Unavailable

ENTRA = "https://login.microsoftonline.com"
AuthMethod = Literal["secret", "certificate", "managed_identity"]
RENEW_BEFORE = 300.0  # seconds before expiry; a token must outlive the request it is sent with
LOOP_WAIT = 300.0  # seconds; Entra ID names no wait when it stops a client that asks too often

_THROTTLED = (50196, 90055)
"""AADSTS codes: a loop of requests was detected; the tenant has too many requests."""
_REMEDIES = {
    7000215: "The client secret is wrong: copy its value (not its id) into the connection's password.",
    7000222: "The client secret has expired: create a new one and put it into the connection's password.",
    700016: "The tenant does not know the application: check the client id (login) and the tenant id.",
    90002: "The tenant does not exist: check the tenant id.",
    900023: "The tenant does not exist: check the tenant id.",
    500011: "The tenant does not know the environment: check the host, and that it belongs to this tenant.",
    700027: "The certificate is not registered with the application: check certificate path and thumbprint.",
    7000229: "The tenant has no service principal for the application: an administrator must consent to it first.",
}


@dataclass(frozen=True)
class Credentials:
    """The identity of the application.

    `secret` is the client secret, or the pass phrase of the certificate's key if it has one. `certificate_path`
    names a PEM file with private key and certificate; `certificate_thumbprint` (SHA-1) is only needed when that
    file holds no certificate. A managed identity needs nothing; `client_id` selects a user-assigned one.
    """

    tenant_id: str = ""
    client_id: str = ""
    secret: str = field(default="", repr=False)
    auth: AuthMethod = "secret"
    authority: str = ENTRA
    certificate_path: str = ""
    certificate_thumbprint: str = ""


class TokenSource:
    """The current token for one environment, kept in memory. Threads may share it."""

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
        """A token that does not expire soon. Raises NotSent, Busy, Throttled, Misconfigured."""
        with self._lock:
            if boottime() >= self._renew_at:
                self._acquire()
            return self._token

    def renew(self, refused: str) -> str:
        """A token other than the `refused` one.

        When many threads were refused the same token, one of them acquires the next for all.
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
        self._renew_at = boottime() + max(lifetime - RENEW_BEFORE, lifetime / 2)

    def _ask(self) -> Mapping[str, Any]:
        """msal's answer. The business request has not been sent yet, so a lost answer is NotSent."""
        try:
            if self._credentials.auth == "managed_identity":
                return self._ask_machine()
            return self._ask_authority()
        except AnswerLost as error:
            raise NotSent(str(error)) from None

    def _ask_authority(self) -> Mapping[str, Any]:
        credentials = self._credentials
        application = _application(credentials)
        try:
            return dict(application.acquire_token_for_client(scopes=[f"{self._origin}/.default"]))
        except json.JSONDecodeError:
            raise Unavailable(
                f"{credentials.authority} answered the token request with something other than JSON."
            ) from None
        except ValueError:  # from cryptography, when the key is used for the first time
            raise _bad_certificate(credentials) from None

    def _ask_machine(self) -> Mapping[str, Any]:
        client_id = self._credentials.client_id
        identity = (
            msal.UserAssignedManagedIdentity(client_id=client_id)
            if client_id
            else msal.SystemAssignedManagedIdentity()
        )
        try:
            client = msal.ManagedIdentityClient(identity, http_client=MsalHttpClient())
            return dict(client.acquire_token_for_client(resource=self._origin))
        except (NotSent, AnswerLost) as error:
            raise NotSent(f"This machine's managed identity endpoint does not answer: {error}") from None
        except (msal.ManagedIdentityError, ValueError):
            raise Misconfigured(
                "This machine has no managed identity: assign one, or use a secret or a certificate."
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
            http_client=MsalHttpClient(authority),
        )
    except ValueError as error:
        if "authority" not in str(error):
            raise _bad_certificate(credentials) from None
        raise Misconfigured(
            f"{authority} does not know the tenant {credentials.tenant_id}: check tenant id and authority."
        ) from None


def _credential(credentials: Credentials) -> Any:
    """The client credential in the form that msal expects. Raises Misconfigured."""
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
        reason = error.strerror if isinstance(error, OSError) else "it is not a PEM file"
        raise Misconfigured(
            f"The certificate {credentials.certificate_path!r} cannot be read: {reason}."
        ) from None
    credential = {"private_key": pem, "passphrase": credentials.secret or None}
    if credentials.certificate_thumbprint:
        return {**credential, "thumbprint": credentials.certificate_thumbprint}
    _, begin, rest = pem.partition("-----BEGIN CERTIFICATE-----")
    return {**credential, "public_certificate": begin + rest}


def _bad_certificate(credentials: Credentials) -> Misconfigured:
    return Misconfigured(
        f"The certificate {credentials.certificate_path!r} cannot be used: the file must hold the private "
        "key and the certificate in PEM, and the password must be the pass phrase of the key if it has one."
    )


def _refusal(answer: Mapping[str, Any], credentials: Credentials) -> P2CError:
    """Why there is no token, with the remedy where one is known."""
    description = str(answer.get("error_description") or answer.get("error") or "no reason given")
    if answer.get("error") == "temporarily_unavailable":
        return Busy(f"{credentials.authority} issues no token at the moment.")
    found = re.search(r"AADSTS(\d+)", description)
    listed = answer.get("error_codes")
    code = int(found[1]) if found else listed[0] if isinstance(listed, list) and listed else 0
    if code in _THROTTLED:
        return Throttled(
            f"{credentials.authority} throttles token requests (AADSTS{code}): retry in {LOOP_WAIT:.0f} seconds.",
            LOOP_WAIT,
        )
    if code in _REMEDIES:
        return Misconfigured(f"{_REMEDIES[code]} (AADSTS{code})")
    name = credentials.client_id or "the managed identity"
    return Misconfigured(f"No token for {name}: {description.splitlines()[0][:300]}")
