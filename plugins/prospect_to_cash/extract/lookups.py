"""Records looked up by their keys, where pages leave a doubt about them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prospect_to_cash.clients.odata.literals import is_guid
from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.extract.extraction import Extraction
from prospect_to_cash.extract.raw_keys import key_values

LOOKUP_AT_ONCE = 1000


def confirmations(job: Extraction, keys: list[str]) -> Iterator[Page]:
    """The records among ``keys`` that the source still has, looked up by key: pages can shift during a read."""
    numbers = job.table.numeric_key_fields()
    for start in range(0, len(keys), LOOKUP_AT_ONCE):
        asked = [key_values(job.read.key, key) for key in keys[start : start + LOOKUP_AT_ONCE]]
        observed_at = datetime.now(UTC)
        rows = list(
            job.client.lookup(job.read.entity, [_typed(key, numbers) for key in asked], job.read.select)
        )
        yield Page(rows=rows, observed_at=observed_at)


def _typed(key: dict[str, str], numbers: frozenset[str]) -> dict[str, Any]:
    """The key as a filter writes it: numbers, and a GUID that is the only key field, without quotes."""
    if len(key) == 1:
        key = {name: UUID(value) if is_guid(value) else value for name, value in key.items()}  # type: ignore[misc]
    return {name: int(value) if name in numbers else value for name, value in key.items()}
