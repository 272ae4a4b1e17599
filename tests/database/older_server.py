"""A front of the embedded Postgres that reports an older version: it rewrites one parameter of the server's greeting."""

import socket
import threading
from contextlib import suppress


class OlderServer:
    """Listens on `port` and passes everything on; `server_version` 18.x becomes `major`.x (two digits)."""

    def __init__(self, postgres_port: int, major: int) -> None:
        self._postgres_port = postgres_port
        self._major = str(major).encode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._postgres_port))
                threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, rewrite: bool) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(65536):
                name = b"server_version\0"
                if rewrite and name in data:
                    at = data.index(name) + len(name)
                    data = data[:at] + self._major + data[at + 2 :]
                target.sendall(data)
