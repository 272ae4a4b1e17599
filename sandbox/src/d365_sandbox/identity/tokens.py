"""Access tokens of both systems: issued for one audience, and valid only while this desk remembers them.

A token has the three parts of a JWT, because clients look into it, with the claims of a v1.0 app token. Its
third part is random and no signature: what counts is the desk's own table (assumed: nobody checks signatures
but the systems).
"""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from d365_sandbox.identity.audiences import Audiences
from d365_sandbox.identity.clients import Client

STRICT_ABOUT_SLASHES = frozenset({"finops"})


@dataclass(frozen=True, slots=True)
class Issued:
    """One token and for whom it is."""

    token: str
    audience: str
    client: Client
    expires: float
    seconds: int


class TokenDesk:
    """Issues bearer tokens for either system and knows the client of each.

    `audiences` and `roots` are filled when the ports are bound. A trailing slash in the audience is another
    audience for the systems in `strict`: F&O compares exactly (finops sheet, section 1), Dataverse takes both.
    """

    def __init__(
        self,
        tenants: Sequence[str],
        clients: Sequence[Client],
        seconds: int = 3599,
        strict: frozenset[str] = STRICT_ABOUT_SLASHES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._tenants = tuple(name.lower() for name in tenants)
        self.clients = tuple(clients)
        self.seconds = seconds
        self._strict = strict
        self._now = now
        self._issued: dict[str, Issued] = {}
        self.audiences = Audiences()
        self.roots: tuple[str, ...] = ()

    @property
    def tenant(self) -> str:
        return self._tenants[0]

    def is_tenant(self, name: str) -> bool:
        return name.lower() in self._tenants

    def client(self, client_id: str) -> Client | None:
        return next((c for c in self.clients if c.client_id.lower() == client_id.lower()), None)

    def issue(self, client: Client, audience: str, by: str) -> Issued:
        """A new token for a client; `by` is 1 for a secret and 2 for a certificate (claim `appidacr`)."""
        now = self._now()
        self._issued = {text: issued for text, issued in self._issued.items() if issued.expires > now}
        token = self._jwt(client, audience, by, int(now))
        issued = Issued(token, audience, client, now + self.seconds, self.seconds)
        self._issued[token] = issued
        return issued

    def expire_all(self) -> int:
        """Expire every token issued so far and return their number."""
        count = len(self._issued)
        self._issued.clear()
        return count

    def holder(self, authorization: str, system: str) -> Client | None:
        """The client whose valid token for this system is in the Authorization header."""
        scheme, _, token = authorization.partition(" ")
        issued = self._issued.get(token.strip())
        if issued is None or scheme.lower() != "bearer" or self._now() >= issued.expires:
            return None
        if system in self._strict and issued.audience.endswith("/"):
            return None
        return issued.client if self.audiences.belongs(issued.audience, system) else None

    def client_of(self, authorization: str) -> str:
        """The id of the client whose token the Authorization header holds; nothing for an unknown one."""
        issued = self._issued.get(authorization.partition(" ")[2].strip())
        return issued.client.client_id if issued else ""

    def challenge(self, authorization: str, root: str) -> str:
        """The WWW-Authenticate header of a 401 (its details are assumed)."""
        authorize = f"{root}/{self.tenant}/oauth2/authorize"
        text = f"Bearer authorization_uri={authorize}, resource_id={root}/"
        if authorization:
            text += (
                ', error="invalid_token", error_description="The token expired or is for another audience."'
            )
        return text

    def _jwt(self, client: Client, audience: str, by: str, now: int) -> str:
        object_id = str(uuid.uuid5(uuid.NAMESPACE_OID, client.client_id))
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.seconds,
            "appid": client.client_id,
            "appidacr": by,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": self.tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        parts = ({"typ": "JWT", "alg": "RS256", "kid": "sandbox"}, claims)
        encoded = [_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts]
        return ".".join([*encoded, _base64url(secrets.token_bytes(256))])


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
