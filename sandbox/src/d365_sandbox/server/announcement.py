"""How to reach a started sandbox: the file sandbox.json for programs, a few printed lines for people."""

from __future__ import annotations

import json
import os

from d365_sandbox.server.settings import Settings
from d365_sandbox.server.tls import Certificate
from d365_sandbox.testing.home import CARD


def write_card(settings: Settings, sales_url: str, finops_url: str, certificate: Certificate | None) -> None:
    """Write sandbox.json in one step; it holds no secret."""
    content = {
        "sales_url": sales_url,
        "finops_url": finops_url,
        "tenant_id": settings.tenant_id,
        "client_id": settings.client_id,
        "pid": os.getpid(),
    }
    if certificate is not None:
        content["ca_file"] = str(certificate.authority.resolve())
    unfinished = settings.home / f"{CARD}.unfinished"
    unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(settings.home / CARD)


def announcement(settings: Settings, sales_url: str, finops_url: str, certificate: Certificate | None) -> str:
    """Where both systems are and how to call them."""
    trust = f"--cacert {certificate.authority} " if certificate else ""
    lines = [
        f"Sales                  {sales_url}/api/data/v9.2/",
        f"Finance and Operations {finops_url}/data/",
    ]
    if certificate is not None:
        lines.append(f"Certificate authority  {certificate.authority}")
    lines += [
        "A token (for Finance and Operations use its own URL in scope):",
        f"  curl -s {trust}{sales_url}/{settings.tenant_id}/oauth2/v2.0/token -d grant_type=client_credentials "
        f"-d client_id={settings.client_id} -d client_secret={settings.client_secret} "
        f"-d scope={sales_url}/.default",
    ]
    if settings.admin_token:
        lines.append(
            f"Administration (header X-Sandbox-Admin): {sales_url}/_sandbox/requests, .../faults, .../clock"
        )
    else:
        lines.append("Administration and faults are off: set SANDBOX_ADMIN_TOKEN (see the README).")
    return "\n".join(lines)
