"""What the package tells Airflow about itself: its connection types and their forms."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The entry point `apache_airflow_provider`."""
    return {
        "package-name": "prospect-to-cash",
        "name": "Prospect to cash",
        "description": "Dynamics 365 Sales and Finance & Operations, connected through Postgres and dbt.",
        "connection-types": [
            {
                "connection-type": "d365_sales",
                "hook-class-name": "prospect_to_cash.hooks.sales.SalesHook",
                "hook-name": "Dynamics 365 Sales",
                "conn-fields": _fields(),
                "ui-field-behaviour": _behaviour("https://org.crm4.dynamics.com"),
            },
            {
                "connection-type": "d365_finops",
                "hook-class-name": "prospect_to_cash.hooks.finops.FinOpsHook",
                "hook-name": "Dynamics 365 Finance & Operations",
                "conn-fields": {**_fields(), "companies": _COMPANIES},
                "ui-field-behaviour": _behaviour("https://env.operations.dynamics.com"),
            },
        ],
    }


_COMPANIES: dict[str, Any] = {
    "label": "Companies",
    "description": "Legal entities that the flows read and write, one a line, for instance usmf.",
    "schema": {"type": ["array", "null"], "items": {"type": "string"}},
}


def _fields() -> dict[str, Any]:
    text = {"type": ["string", "null"]}
    return {
        "tenant_id": {"label": "Tenant id", "description": "Directory (tenant) id in Entra.", "schema": text},
        "auth": {
            "label": "Sign in with",
            "description": "Client secret, certificate, or the managed identity of the machine.",
            "schema": {
                "type": "string",
                "enum": ["secret", "certificate", "managed_identity"],
                "default": "secret",
            },
        },
        "authority": {
            "label": "Authority",
            "description": "If empty, https://login.microsoftonline.com. National clouds have another one.",
            "schema": text,
        },
        "certificate_path": {
            "label": "Certificate path",
            "description": "PEM file with private key and certificate, readable by the workers.",
            "schema": text,
        },
        "certificate_thumbprint": {
            "label": "Certificate thumbprint",
            "description": "Only when the file holds no certificate.",
            "schema": text,
        },
    }


def _behaviour(host: str) -> dict[str, Any]:
    return {
        # The port is shown because the Test button of a saved connection needs one: Airflow 3.3 sends 0 for a blank
        # port and refuses the test, as the port differs from the stored one.
        "hidden-fields": ["schema"],
        "relabeling": {
            "host": "Environment URL",
            "port": "Port (443, for the Test button)",
            "login": "Client id",
            "password": "Client secret",
        },
        "placeholders": {"host": host, "port": "443", "login": "00000000-0000-0000-0000-000000000000"},
    }
