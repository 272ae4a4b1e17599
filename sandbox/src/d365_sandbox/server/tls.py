"""A certificate authority and a server certificate of the sandbox's own, made once per folder by trustme."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509

HOSTS = ("localhost", "host.docker.internal", "sandbox")
ADDRESSES = ("127.0.0.1", "::1")
_LASTS = timedelta(days=365)
_RENEWED_BEFORE_END = timedelta(days=7)


class TlsError(ValueError):
    """A certificate cannot be used or made; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """The two files a server needs, and the authority that its callers must trust."""

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
    """The certificate in the folder, for localhost, the loopback addresses and these names.

    It is made again when there is none, when it ends within a week, or when its names differ. Raises TlsError when a
    name cannot stand in a certificate.
    """
    found = Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    if not _still_fits(found, {*HOSTS, *names}):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(found, tuple(dict.fromkeys((*HOSTS, *names))))
    return found


def _still_fits(found: Certificate, names: set[str]) -> bool:
    if not all(path.is_file() for path in (found.certificate, found.key, found.authority)):
        return False
    certificate = x509.load_pem_x509_certificate(found.certificate.read_bytes())
    lasts = certificate.not_valid_after_utc > datetime.now(UTC) + _RENEWED_BEFORE_END
    return lasts and _names(certificate) == names


def _names(certificate: x509.Certificate) -> set[str]:
    """The host names that a certificate is for."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName))


def _make(wanted: Certificate, hosts: tuple[str, ...]) -> None:
    """Write an authority, whose key is thrown away, and a server certificate that it signed."""
    authority = trustme.CA(organization_name="Dynamics 365 sandbox", organization_unit_name="Sandbox")
    try:
        server = authority.issue_cert(
            *hosts, *ADDRESSES, common_name="localhost", not_after=datetime.now(UTC) + _LASTS
        )
    except ValueError as error:
        raise TlsError(f"SANDBOX_TLS_NAMES: a name cannot stand in a certificate ({error}).") from None
    pem = authority.cert_pem.bytes()
    wanted.authority.write_bytes(pem)
    wanted.certificate.write_bytes(b"".join(part.bytes() for part in server.cert_chain_pems) + pem)
    wanted.key.unlink(missing_ok=True)
    with open(os.open(wanted.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as key:
        key.write(server.private_key_pem.bytes())
