"""Settings of how callers reach the sandbox: TLS, host names behind a proxy, clients, compression."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from d365_sandbox.identity.clients import Client, read_clients
from d365_sandbox.web.transport import Transport

_TRUE = ("1", "true", "yes", "on")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*(?!\d+$){_LABEL}")


@dataclass(frozen=True, slots=True)
class Access:
    """`tls` serves HTTPS in place of HTTP, with `tls_files` or a certificate of the sandbox's own, which stands
    for `tls_names` too. `urls` are further root URLs per system, as callers know them through a proxy.
    `lenient_slashes` lets F&O take tokens whose audience ends in a slash. `identity_header` is the secret of
    the App Service form of managed identities; without one the client's secret stands in."""

    tls: bool = False
    tls_files: tuple[Path, Path] | None = None
    tls_names: tuple[str, ...] = ()
    urls: tuple[tuple[str, str], ...] = ()
    certificate: Path | None = None
    more_clients: tuple[Client, ...] = ()
    strangers: tuple[str, ...] = ()
    without_roles: tuple[str, ...] = ()
    lenient_slashes: bool = False
    identity_header: str = ""
    transport: Transport = field(default_factory=Transport)


def read_access(environment: Mapping[str, str]) -> Access:
    """Access settings from SANDBOX_* variables. Raises ValueError."""
    files = [environment.get(name, "") for name in ("SANDBOX_TLS_CERT", "SANDBOX_TLS_KEY")]
    if any(files) and not all(files):
        raise ValueError("SANDBOX_TLS_CERT and SANDBOX_TLS_KEY belong together: set both or none.")
    strangers, without_roles = (
        tuple(filter(None, environment.get(f"SANDBOX_CLIENTS_WITHOUT_{what}", "").split(",")))
        for what in ("USER", "ROLES")
    )
    try:
        clients = read_clients(environment.get("SANDBOX_CLIENTS", ""), strangers, without_roles)
    except ValueError as error:
        raise ValueError(f"SANDBOX_CLIENTS: {error}") from None
    return Access(
        tls=_true(environment, "SANDBOX_TLS") or all(files),
        tls_files=(Path(files[0]), Path(files[1])) if all(files) else None,
        tls_names=_names(environment, own=_true(environment, "SANDBOX_TLS") and not any(files)),
        urls=tuple(_urls(environment)),
        certificate=_certificate(environment.get("SANDBOX_CLIENT_CERTIFICATE", "")),
        more_clients=clients,
        strangers=strangers,
        without_roles=without_roles,
        lenient_slashes=_true(environment, "SANDBOX_LENIENT_SLASHES"),
        identity_header=environment.get("SANDBOX_IDENTITY_HEADER", ""),
        transport=Transport(zipped=_true(environment, "SANDBOX_GZIP")),
    )


def _names(environment: Mapping[str, str], own: bool) -> tuple[str, ...]:
    """Further host names of the sandbox's own certificate."""
    names = [name.strip().lower() for name in environment.get("SANDBOX_TLS_NAMES", "").split(",")]
    names = [name for name in names if name]
    if names and not own:
        raise ValueError(
            "SANDBOX_TLS_NAMES needs SANDBOX_TLS=1 and no SANDBOX_TLS_CERT: it names hosts in the certificate "
            "that the sandbox makes."
        )
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(
                f"SANDBOX_TLS_NAMES: '{name}' is no host name; write names such as org.crm.dynamics.com, with "
                f"commas between."
            )
    return tuple(names)


def _urls(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    for system, name in (("sales", "SANDBOX_SALES_URL"), ("finops", "SANDBOX_FINOPS_URL")):
        for url in filter(None, environment.get(name, "").split(",")):
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{name} is '{url}': write a root URL such as https://sales.example.")
            found.append((system, url.rstrip("/")))
    return found


def _certificate(text: str) -> Path | None:
    if text and not Path(text).is_file():
        raise ValueError(f"SANDBOX_CLIENT_CERTIFICATE: there is no file {text}; name a PEM certificate.")
    return Path(text) if text else None


def _true(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").strip().lower() in _TRUE
