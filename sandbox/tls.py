"""A certificate authority and a server certificate of the sandbox's own, made once per folder."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

HOSTS = ("localhost", "host.docker.internal", "sandbox")
_LASTS = timedelta(days=365)


class TlsError(ValueError):
    """A certificate cannot be used or made; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server needs, and the file by which a caller knows it."""

    certificate: Path
    key: Path
    authority: Path


def given(certificate: Path, key: Path) -> Certificate:
    """A certificate of the user's own. Raises TlsError when a file is missing."""
    for path in (certificate, key):
        if not path.is_file():
            raise TlsError(
                f"There is no file {path}: name a PEM file in SANDBOX_TLS_CERT and SANDBOX_TLS_KEY."
            )
    return Certificate(certificate, key, certificate)


def own(folder: Path, names: tuple[str, ...] = ()) -> Certificate:
    """The certificate in the folder for localhost, 127.0.0.1 and these names, made anew when there is none, it
    ends soon or stands for other names.

    Raises TlsError when the library that makes it is missing.
    """
    found = Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    try:
        from cryptography import x509
    except ImportError:
        raise TlsError(
            "SANDBOX_TLS=1 needs the package cryptography: install it, or name files in SANDBOX_TLS_CERT "
            "and SANDBOX_TLS_KEY."
        ) from None
    if found.key.is_file() and found.authority.is_file() and found.certificate.is_file():
        standing = x509.load_pem_x509_certificate(found.certificate.read_bytes())
        lasts = standing.not_valid_after_utc > datetime.now(UTC) + timedelta(days=7)
        if lasts and _names(standing) == {*HOSTS, *names}:
            return found
    folder.mkdir(parents=True, exist_ok=True)
    _make(found, tuple(dict.fromkeys((*HOSTS, *names))))
    return found


def _names(certificate: x509.Certificate) -> set[str]:
    """The host names that a certificate stands for."""
    from cryptography import x509

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName))


def _make(wanted: Certificate, hosts: tuple[str, ...]) -> None:
    """An authority whose key is thrown away, and a server certificate that it signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    authority_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sandbox of prospect to cash")])
    authority = _signed(name, name, authority_key, authority_key, None, ())
    key = ec.generate_private_key(ec.SECP256R1())
    own_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    server = _signed(own_name, name, key, authority_key, authority, hosts)
    wanted.authority.write_bytes(authority.public_bytes(Encoding.PEM))
    wanted.certificate.write_bytes(server.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM))
    wanted.key.touch(mode=0o600)
    wanted.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    signing_key: EllipticCurvePrivateKey,
    authority: x509.Certificate | None,
    hosts: tuple[str, ...],
) -> x509.Certificate:
    """A certificate for `key` and these hosts; without an authority it is one itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID

    now, is_authority = datetime.now(UTC), authority is None
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LASTS)
        .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
        .add_extension(_usage(is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    if not is_authority:
        addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
        names = x509.SubjectAlternativeName([*(x509.DNSName(host) for host in hosts), *addresses])
        made = made.add_extension(names, critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return made.sign(signing_key, SHA256())


def _usage(is_authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
