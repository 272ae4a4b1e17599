"""Binding the ports of both systems and serving until a signal."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sandbox.assembly import assemble
from sandbox.settings import Settings, SettingsError
from sandbox.tokens import TokenDesk

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


def bind(port: int, variable: str) -> Address:
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
    return Address(bound, f"http://{HOST}:{bound.getsockname()[1]}")


def run(settings: Settings) -> None:
    """Serve both systems until SIGTERM or SIGINT. Raises SettingsError before anything is served."""
    sales_at = bind(settings.sales_port, "SANDBOX_SALES_PORT")
    finops_at = bind(settings.finops_port, "SANDBOX_FINOPS_PORT")
    with sole_use(settings.home):
        desk = TokenDesk(settings)
        desk.audiences = [sales_at.url, finops_at.url]
        systems = assemble(settings, desk)
        servers = [_Server(_config(app)) for app in systems.applications]
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(_serve(settings, servers, (sales_at, finops_at)))
        finally:
            (settings.home / "sandbox.json").unlink(missing_ok=True)
            systems.close()


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


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
    )


async def _serve(settings: Settings, servers: list[_Server], addresses: tuple[Address, Address]) -> None:
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
    _announce(settings, sales_url, finops_url)
    await asyncio.gather(*tasks)


def _announce(settings: Settings, sales_url: str, finops_url: str) -> None:
    """Write sandbox.json in one step and say how to get a token."""
    content = {
        "sales_url": sales_url,
        "finops_url": finops_url,
        "tenant_id": settings.tenant_id,
        "client_id": settings.client_id,
        "pid": os.getpid(),
    }
    unfinished = settings.home / "sandbox.json.unfinished"
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(settings.home / "sandbox.json")
    print(f"Sales                  {sales_url}/api/data/v9.2/")
    print(f"Finance and Operations {finops_url}/data/")
    print("A token (for Finance and Operations use its own URL in scope):")
    print(
        f"  curl -s {sales_url}/{settings.tenant_id}/oauth2/v2.0/token -d grant_type=client_credentials "
        f"-d client_id={settings.client_id} -d client_secret={settings.client_secret} "
        f"-d scope={sales_url}/.default",
        flush=True,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
