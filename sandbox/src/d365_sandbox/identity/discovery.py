"""What client libraries read before they ask for a token (OpenID configuration, instance discovery)."""

from __future__ import annotations

from typing import Any

MANY_TENANTS = ("common", "organizations", "consumers")


def openid_configuration(root: str, tenant: str, version: int) -> dict[str, Any]:
    """The configuration of one tenant, or of all (`/common`), in the form of the v1 or v2.0 endpoint."""
    base = f"{root}/{tenant}"
    issued_by = "{tenantid}" if tenant in MANY_TENANTS else tenant
    oauth2 = f"{base}/oauth2" if version == 1 else f"{base}/oauth2/v2.0"
    keys = "discovery/keys" if version == 1 else "discovery/v2.0/keys"
    return {
        "issuer": f"{root}/{issued_by}/" if version == 1 else f"{root}/{issued_by}/v2.0",
        "authorization_endpoint": f"{oauth2}/authorize",
        "token_endpoint": f"{oauth2}/token",
        "token_endpoint_auth_methods_supported": [
            "client_secret_post",
            "private_key_jwt",
            "client_secret_basic",
        ],
        "jwks_uri": f"{base}/{keys}",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "appid", "tid", "oid", "ver"],
        "tenant_region_scope": None if tenant in MANY_TENANTS else "EU",
    }


def instance_discovery(root: str, tenant: str) -> dict[str, Any]:
    """The hosts that form one authority: only the requested one."""
    host = root.partition("://")[2]
    return {
        "tenant_discovery_endpoint": f"{root}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }
