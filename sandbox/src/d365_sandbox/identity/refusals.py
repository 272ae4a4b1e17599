"""Errors of Entra, with an AADSTS code in their description. Statuses per code are assumed."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

Answer = tuple[int, dict[str, Any]]


class NotGranted(Exception):
    """A token request that is refused."""

    def __init__(self, status: int, error: str, code: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.error = error
        self.code = code
        self.text = text

    def answer(self) -> Answer:
        """Status and JSON body."""
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        description = (
            f"AADSTS{self.code}: {self.text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {stamp}"
        )
        return self.status, {
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
        }


def missing(name: str) -> NotGranted:
    text = f"The request body must contain the following parameter: '{name}'."
    return NotGranted(400, "invalid_request", 900144, text)


def no_tenant(tenant: str) -> NotGranted:
    text = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
    return NotGranted(400, "invalid_request", 90002, text)


def no_audience(audience: str, tenant: str) -> NotGranted:
    text = f"The resource principal named {audience} was not found in the tenant named {tenant}."
    return NotGranted(400, "invalid_resource", 500011, text)
