"""Binding the ports of both systems and serving until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from d365_sandbox.faults.connection import Connection
from d365_sandbox.identity.tokens import STRICT_ABOUT_SLASHES, TokenDesk
from d365_sandbox.server import tls
from d365_sandbox.server.announcement import announcement, write_card
from d365_sandbox.server.assembly import assemble
from d365_sandbox.server.settings import TENANT_NAME, Settings, SettingsError, read_settings
from d365_sandbox.server.tls import Certificate
from d365_sandbox.testing.home import CARD

HOST = "127.0.0.1"


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Address:
    """Where one system is served."""

    socket: socket.socket
    url: str


def bind(port: int, variable: str, scheme: str = "http") -> Address:
    """A listening socket on the loopback interface. Raises SettingsError when the port is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
        bound.listen(2048)
    except OSError as error:
        bound.close()
        raise SettingsError(
            f"Port {port} cannot be used ({os.strerror(error.errno or 0)}): set {variable} to a "
            f"free port, or to 0 for any."
        ) from None
    return Address(bound, f"{scheme}://{HOST}:{bound.getsockname()[1]}")


def serve(arguments: Sequence[str]) -> int:
    """`d365-sandbox serve`: serve until a signal. A setting that cannot be used is one sentence and exit status 2."""
    try:
        run(read_settings(arguments))
    except SettingsError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    return 0


def run(settings: Settings) -> None:
    """Serve both systems until SIGTERM or SIGINT. Raises SettingsError before anything is served.

    What the process writes is readable by its user alone.
    """
    os.umask(0o077)
    scheme = "https" if settings.access.tls else "http"
    sales_at = bind(settings.sales_port, "SANDBOX_SALES_PORT", scheme)
    finops_at = bind(settings.finops_port, "SANDBOX_FINOPS_PORT", scheme)
    with sole_use(settings.home):
        certificate = _certificate(settings)
        systems = assemble(settings, _desk(settings, sales_at.url, finops_at.url))
        servers = [_Server(_config(app, certificate)) for app in systems.applications]
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(settings, servers, (sales_at, finops_at), certificate))
        finally:
            (settings.home / CARD).unlink(missing_ok=True)
            systems.close()


def _desk(settings: Settings, sales_url: str, finops_url: str) -> TokenDesk:
    """The token desk, which knows under which URLs the systems are reached."""
    strict = frozenset() if settings.access.lenient_slashes else STRICT_ABOUT_SLASHES
    desk = TokenDesk((settings.tenant_id, TENANT_NAME), settings.clients(), settings.token_seconds, strict)
    urls = (*settings.access.urls, ("sales", sales_url), ("finops", finops_url))
    for system, url in urls:
        desk.audiences.declare(system, url)
    desk.roots = tuple(url for _, url in urls)
    return desk


def _certificate(settings: Settings) -> Certificate | None:
    access = settings.access
    if not access.tls:
        return None
    try:
        if access.tls_files:
            return tls.given(*access.tls_files)
        return tls.own(settings.home / "tls", access.tls_names)
    except tls.TlsError as error:
        raise SettingsError(str(error)) from None


@contextlib.contextmanager
def sole_use(home: Path) -> Iterator[None]:
    """Hold the folder for one process. Raises SettingsError when another sandbox uses it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SettingsError(
                f"Another sandbox uses {home}: stop it, or name another folder with --home."
            ) from None
        yield


def _config(app: ASGIApp, certificate: Certificate | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        proxy_headers=False,
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )


async def _serve(
    settings: Settings,
    servers: list[_Server],
    addresses: tuple[Address, Address],
    certificate: Certificate | None,
) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    tasks = [
        asyncio.create_task(server.serve(sockets=[address.socket]))
        for server, address in zip(servers, addresses, strict=True)
    ]
    while not all(server.started for server in servers) and not any(task.done() for task in tasks):
        await asyncio.sleep(0.01)
    sales_url, finops_url = (address.url for address in addresses)
    write_card(settings, sales_url, finops_url, certificate)
    print(announcement(settings, sales_url, finops_url, certificate), flush=True)
    await asyncio.gather(*tasks)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
