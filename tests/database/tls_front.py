"""TLS in front of the embedded Postgres, which is built without it: the server's side of the SSLRequest handshake.

The client's connection is encrypted and its certificate is required; the bytes go on to the real server.
"""

import datetime
import ipaddress
import socket
import ssl
import struct
import threading
from contextlib import suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


class Authority:
    """A certificate authority that writes its certificates into a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(_pem(self._sign(self._subject, self._key, ca=True)))

    def issue(self, name: str) -> tuple[str, str]:
        """Paths of a certificate for `name` and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate, private = (
            self.folder / f"{self.name}-{name}.pem",
            self.folder / f"{self.name}-{name}.key",
        )
        certificate.write_bytes(_pem(self._sign(subject, key, ca=False)))
        private.touch(mode=0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return str(certificate), str(private)

    def _sign(self, subject, key, ca):
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        until = now + datetime.timedelta(days=1)
        builder = x509.CertificateBuilder(
            self._subject, subject, key.public_key(), x509.random_serial_number(), now, until
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


class TlsFront:
    """Listens on `port`; `sessions` holds the TLS version of each session."""

    def __init__(self, authority: Authority, postgres_port: int) -> None:
        self.sessions: list[str] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*authority.issue("server"))
        self._context.load_verify_locations(authority.path)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._target = ("127.0.0.1", postgres_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._session, args=(client,), daemon=True).start()

    def _session(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            encrypted = self._encrypted(client)
            if encrypted is None:
                return
            self.sessions.append(encrypted.version() or "")
            with encrypted, socket.create_connection(self._target) as server:
                threading.Thread(target=_copy, args=(server, encrypted), daemon=True).start()
                _copy(encrypted, server)

    def _encrypted(self, client: socket.socket) -> ssl.SSLSocket | None:
        """The session after the handshake; None for a client that does not ask for TLS."""
        while True:
            _, code = struct.unpack("!II", client.recv(8, socket.MSG_WAITALL))
            if code == SSL_REQUEST:
                client.sendall(b"S")
                return self._context.wrap_socket(client, server_side=True)
            if code != GSS_REQUEST:
                return None
            client.sendall(b"N")


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
