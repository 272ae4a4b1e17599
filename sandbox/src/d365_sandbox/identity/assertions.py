"""Client assertions: a JWT signed with the key of a registered certificate in place of a secret.

What is checked follows section 1 of the Dataverse fact sheet: the thumbprint in the header, the signature,
`aud`, `iss` = `sub` = client id, a short `exp` and a `jti` that was not used before (refusing a repeated one is
assumed).
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from d365_sandbox.identity.audiences import place
from d365_sandbox.identity.refusals import NotGranted

if TYPE_CHECKING:
    from jwt.types import Options

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LONGEST = 24 * 3600


_SIGNATURE_ALONE: Options = {
    "verify_aud": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class Assertions:
    """Checks assertions and remembers their `jti` until they expire."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._used: dict[str, float] = {}

    def check(self, assertion: str, client_id: str, certificate: Path | None, roots: tuple[str, ...]) -> None:
        """Raises NotGranted unless the assertion stands for the client; `roots` are the root URLs under
        which the token endpoint is known."""
        import jwt

        try:
            header = jwt.get_unverified_header(assertion)
            claims = self._claims(assertion, header, certificate)
        except jwt.PyJWTError:
            raise NotGranted(
                400, "invalid_request", 50027, "Invalid JWT token. The token is malformed."
            ) from None
        if claims is None:
            text = "Client assertion failed signature validation. The key was not found by its thumbprint."
            raise NotGranted(401, "invalid_client", 700027, text)
        self._check_claims(claims, client_id, roots)

    def _claims(
        self, assertion: str, header: dict[str, Any], certificate: Path | None
    ) -> dict[str, Any] | None:
        """The claims, or nothing when no registered key made the signature."""
        import jwt
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from cryptography.hazmat.primitives.hashes import SHA1, SHA256

        if certificate is None or header.get("alg") not in ("RS256", "PS256"):
            return None
        registered = x509.load_pem_x509_certificate(certificate.read_bytes())
        key = registered.public_key()
        prints = {
            "x5t": registered.fingerprint(SHA1()),
            "x5t#S256": registered.fingerprint(SHA256()),
        }
        given = [(_bytes(header[name]), value) for name, value in prints.items() if name in header]
        if not given or any(text != value for text, value in given) or not isinstance(key, RSAPublicKey):
            return None
        try:
            found = jwt.decode(assertion, key, algorithms=[header["alg"]], options=_SIGNATURE_ALONE)
        except jwt.InvalidSignatureError:
            return None
        return dict(found)

    def _check_claims(self, claims: dict[str, Any], client_id: str, roots: tuple[str, ...]) -> None:
        now = self._now()
        if claims.get("iss") != client_id or claims.get("sub") != client_id:
            text = "Client assertion application identifier doesn't match 'client_id' parameter."
            raise NotGranted(400, "invalid_client", 700021, text)
        if not _is_token_url(claims.get("aud"), roots):
            text = "Client assertion audience claim does not match Realm issuer."
            raise NotGranted(401, "invalid_client", 700023, text)
        ends, begins = claims.get("exp"), claims.get("nbf", 0)
        if not isinstance(ends, int | float) or not isinstance(begins, int | float):
            raise NotGranted(400, "invalid_request", 50027, "Invalid JWT token. No expiry is present.")
        if not (begins - 300 <= now < ends <= now + _LONGEST):
            text = "Client assertion is not within its valid time range."
            raise NotGranted(401, "invalid_client", 700024, text)
        self._use(claims.get("jti"), now, ends)

    def _use(self, jti: object, now: float, ends: float) -> None:
        self._used = {name: end for name, end in self._used.items() if end > now}
        if not isinstance(jti, str) or not jti or jti in self._used:
            text = "Assertion failed validation: its 'jti' is missing or was used before."
            raise NotGranted(401, "invalid_client", 50013, text)
        self._used[jti] = ends


def _is_token_url(audience: object, roots: tuple[str, ...]) -> bool:
    if not isinstance(audience, str):
        return False
    parts = urlsplit(audience)
    path = parts.path.rstrip("/")
    return path.endswith(("/oauth2/v2.0/token", "/oauth2/token", "/v2.0")) and place(
        f"{parts.scheme}://{parts.netloc}"
    ) in {place(root) for root in roots}


def _bytes(text: object) -> bytes:
    """A base64url value of a JWT header; older libraries send the SHA-1 thumbprint in plain base64."""
    plain = str(text).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4))
    except ValueError:
        return b""
