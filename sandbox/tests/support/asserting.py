"""Certificates and client assertions for the tests of tokens."""

import base64
import time
import uuid
from datetime import UTC, datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Signer:
    """A key with its certificate."""

    def __init__(self, folder):
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
        now = datetime.now(UTC)
        self.certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(self.key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
            .sign(self.key, SHA256())
        )  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "client.pem"
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def pem(self):
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def thumbprint(self, algorithm):
        return base64.urlsafe_b64encode(self.certificate.fingerprint(algorithm)).rstrip(b"=").decode()

    def assertion(self, audience, header=None, algorithm="RS256", **changes):
        now = int(time.time())
        claims = {
            "aud": audience, "iss": "sandbox", "sub": "sandbox", "exp": now + 600, "nbf": now,
            "jti": str(uuid.uuid4()), **changes,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"x5t": self.thumbprint(SHA1())} if header is None else header
        return jwt.encode(claims, self.pem(), algorithm, headers=header)

    def ask(self, client, assertion=None, audience=None, **form):
        token_url = f"{client.url}/{client.tenant}/oauth2/v2.0/token"
        assertion = assertion or self.assertion(audience or token_url)
        return client.ask_token(
            client_secret="", client_assertion_type=KIND, client_assertion=assertion, **form
        )


def sha256_header(signer):
    return {"x5t#S256": signer.thumbprint(SHA256())}
