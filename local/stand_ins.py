"""The local stand-ins of both systems as a child process whose records and ports outlive it."""

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

from local import ports
from local.errors import LocalError
from local.paths import Paths
from local.services import Service

CLIENT_ID = "sandbox"
CLIENT_SECRET = "sandbox-secret"  # documented; it opens nothing but the stand-ins
USUAL_PORTS = {"sales": 8081, "finops": 8082}


@dataclass(frozen=True)
class Records:
    """What the stand-ins hold when they start for the first time: a folder of CSVs, or generated sizes."""

    data: Path | None = None
    accounts: int | None = None
    products: int | None = None
    contacts: int | None = None
    quotes: int | None = None

    @classmethod
    def named(cls, data: str | None, accounts: int | None, products: int | None) -> Records:
        """LocalError when the folder is not there or sizes are given for it too."""
        if data is None:
            return cls(None, accounts, products)
        if accounts is not None or products is not None:
            raise LocalError("DATA brings its own records: leave out ACCOUNTS and PRODUCTS.")
        folder = Path(data).expanduser().resolve()
        if not any(folder.glob("*.csv")):
            raise LocalError(f"{folder} holds no CSV file: name a folder of CSVs with DATA.")
        return cls(folder)

    def arguments(self) -> list[str]:
        said = {
            "--data": self.data,
            "--accounts": self.accounts,
            "--products": self.products,
            "--contacts": self.contacts,
            "--quotes": self.quotes,
        }
        return [word for name, value in said.items() if value is not None for word in (name, str(value))]

    def fingerprint(self) -> str:
        """Changes when another folder, other files or other sizes are named."""
        digest = hashlib.sha256(repr(self.arguments()).encode())
        for path in sorted(self.data.rglob("*.csv")) if self.data else ():
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class StandIns:
    """Root URLs of the running servers, and the tenant whose tokens they take."""

    sales_url: str
    finops_url: str
    tenant_id: str


def running(paths: Paths) -> StandIns | None:
    """The stand-ins of this home if they run, whoever started them."""
    try:
        said = json.loads((paths.sandbox / "sandbox.json").read_text(encoding="utf-8"))
        found = StandIns(said["sales_url"], said["finops_url"], said["tenant_id"])
        os.kill(int(said["pid"]), 0)
    except (OSError, ValueError, KeyError):
        return None
    return found if all(ports.answers(_port(url)) for url in (found.sales_url, found.finops_url)) else None


def start(paths: Paths, records: Records, environment: Mapping[str, str]) -> StandIns:
    """Start them unless they run; LocalError says why they did not start."""
    found = running(paths)
    if found is not None:
        return found
    service = Service("sandbox", paths.home)
    service.stop()
    (paths.sandbox / "sandbox.json").unlink(missing_ok=True)
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
    reason = (service.last_words(1) or "no reason given").rstrip(".")
    raise LocalError(f"The stand-ins did not start: {reason} (all of it: {service.log}).")


def stop(paths: Paths) -> bool:
    """Stop them if we started them."""
    return Service("sandbox", paths.home).stop()


def command(paths: Paths, records: Records) -> list[str]:
    """How to start them, on the ports they had before: F&O is known by host and port."""
    words = [sys.executable, "-m", "sandbox", "--home", str(paths.sandbox), *records.arguments()]
    for system in USUAL_PORTS:
        words += [f"--{system}-port", str(_choose_port(paths, system))]
    return words


def settle_records(paths: Paths, records: Records) -> None:
    """Remember which records a first start brings; LocalError when others than those there are named."""
    before = paths.recall().get("records")
    if before is None:
        forget(paths)
        paths.remember(records=records.fingerprint())
    elif records != Records() and records.fingerprint() != before:
        raise LocalError(
            "The stand-ins hold other records: `make demo` with these starts afresh, `make clean` too."
        )


def forget(paths: Paths) -> None:
    """Throw their records away; LocalError when they are being served by somebody else."""
    if running(paths) and not stop(paths):
        raise LocalError("The stand-ins run in another terminal with other records: end them first.")
    shutil.rmtree(paths.sandbox, ignore_errors=True)
    paths.sandbox.mkdir(parents=True)


def _choose_port(paths: Paths, system: str) -> int:
    variable, key = f"SANDBOX_{system.upper()}_PORT", f"{system}_port"
    named, remembered = ports.from_environment(variable), paths.recall().get(key)
    if named:
        wanted, remedy = named, f"name another one with {variable}"
    elif isinstance(remembered, int):
        wanted, remedy = remembered, "end the program that took it, or start afresh with `make clean`"
    else:
        usual = USUAL_PORTS[system]
        wanted = usual if named is None and ports.is_free(usual) else ports.any_free()
        remedy = "try again"
    if not ports.is_free(wanted):
        raise LocalError(f"Port {wanted} of the {system} stand-in is taken by another program: {remedy}.")
    paths.remember(**{key: wanted})
    return wanted


def _port(url: str) -> int:
    return urlsplit(url).port or 80
