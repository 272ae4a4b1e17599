"""The stand-ins of both systems as a child process; their records and ports are kept for the next start."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from d365_sandbox import CARD
from local import ports
from local.errors import LocalError
from local.paths import Paths
from local.services import Service

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-secret"  # not a secret: it is in the README and valid only for the stand-ins
DEFAULT_PORTS = {"sales": 8081, "finops": 8082}


@dataclass(frozen=True)
class Records:
    """The records at the first start of the stand-ins: a folder of CSV files, or numbers of generated records."""

    data: Path | None = None
    accounts: int | None = None
    products: int | None = None
    contacts: int | None = None
    quotes: int | None = None

    @classmethod
    def from_options(cls, data: str | None, accounts: int | None, products: int | None) -> Records:
        """From options; LocalError if the folder has no CSV files or numbers are given too."""
        if data is None:
            return cls(None, accounts, products)
        if accounts is not None or products is not None:
            raise LocalError(
                "DATA cannot be combined with ACCOUNTS or PRODUCTS: give either a folder or numbers."
            )
        folder = Path(data).expanduser().resolve()
        if not any(folder.glob("*.csv")):
            raise LocalError(f"{folder} has no CSV files: set DATA to a folder of CSV files.")
        return cls(folder)

    def arguments(self) -> list[str]:
        """Options for the command `serve`."""
        options = {
            "--data": self.data,
            "--accounts": self.accounts,
            "--products": self.products,
            "--contacts": self.contacts,
            "--quotes": self.quotes,
        }
        return [text for name, value in options.items() if value is not None for text in (name, str(value))]

    def fingerprint(self) -> str:
        """A hash of the folder, its files and the numbers."""
        digest = hashlib.sha256(repr(self.arguments()).encode())
        for path in sorted(self.data.rglob("*.csv")) if self.data else ():
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class StandIns:
    """Root URLs of the running servers, and the tenant whose tokens they accept."""

    sales_url: str
    finops_url: str
    tenant_id: str


def running(paths: Paths) -> StandIns | None:
    """The stand-ins of this home if they are running, even if another process started them."""
    try:
        card = json.loads((paths.sandbox / CARD).read_text(encoding="utf-8"))
        found = StandIns(card["sales_url"], card["finops_url"], card["tenant_id"])
        os.kill(int(card["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return found if all(ports.is_open(_port(url)) for url in (found.sales_url, found.finops_url)) else None


def start(paths: Paths, records: Records, environment: Mapping[str, str]) -> StandIns:
    """Start the stand-ins if they are not running; LocalError if they do not start."""
    found = running(paths)
    if found is not None:
        return found
    service = Service("sandbox", paths.home)
    service.stop()
    (paths.sandbox / CARD).unlink(missing_ok=True)
    service.start(command(paths, records), environment, paths.root)
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = running(paths)
        if found is not None:
            return found
        if not service.alive():
            break
        time.sleep(0.05)
    service.stop()
    reason = (service.log_tail(1) or "no reason given").rstrip(".")
    raise LocalError(f"The stand-ins did not start: {reason} (full log: {service.log}).")


def stop(paths: Paths) -> bool:
    """Stop the stand-ins if `start` started them; return whether they were running."""
    return Service("sandbox", paths.home).stop()


def command(paths: Paths, records: Records) -> list[str]:
    """The command that serves them, on the ports of the last start: F&O is identified by host and port."""
    arguments = [
        sys.executable,
        "-m",
        "d365_sandbox",
        "serve",
        "--home",
        str(paths.sandbox),
        *records.arguments(),
    ]
    for system in DEFAULT_PORTS:
        arguments += [f"--{system}-port", str(_choose_port(paths, system))]
    return arguments


def settle_records(paths: Paths, records: Records) -> None:
    """Remember the records of the first start; LocalError if later ones differ."""
    before = paths.recall().get("records")
    if before is None:
        forget(paths)
        paths.remember(records=records.fingerprint())
    elif records != Records() and records.fingerprint() != before:
        raise LocalError(
            "The stand-ins already have other records: run `make demo` with the new ones, or `make clean` first."
        )


def forget(paths: Paths) -> None:
    """Delete their records; LocalError if another terminal serves them."""
    if running(paths) and not stop(paths):
        raise LocalError("The stand-ins are running in another terminal with other records: stop them first.")
    shutil.rmtree(paths.sandbox, ignore_errors=True)
    paths.sandbox.mkdir(mode=0o700, parents=True)


def _choose_port(paths: Paths, system: str) -> int:
    variable, key = f"SANDBOX_{system.upper()}_PORT", f"{system}_port"
    configured, remembered = ports.from_environment(variable), paths.recall().get(key)
    if configured:
        wanted, remedy = configured, f"choose another one with {variable}"
    elif isinstance(remembered, int):
        wanted, remedy = remembered, "stop that program, or start over with `make clean`"
    else:
        default = DEFAULT_PORTS[system]
        wanted = default if configured is None and ports.is_free(default) else ports.any_free()
        remedy = "try again"
    if not ports.is_free(wanted):
        raise LocalError(f"Port {wanted} of the {system} stand-in is in use by another program: {remedy}.")
    paths.remember(**{key: wanted})
    return wanted


def _port(url: str) -> int:
    return urlsplit(url).port or 80
