"""The text form of a record's key in a raw table."""

from __future__ import annotations

import json
from collections.abc import Sequence

from prospect_to_cash.clients.finops.client import COMPANY

# Company ids are compared without regard to case and come back in either.
LOWERED = frozenset({COMPANY})


def key_text(fields: Sequence[str], values: Sequence[str]) -> str:
    """The value itself, or for a composite key a JSON list as ``jsonb_build_array`` writes it."""
    parts = [value.lower() if name in LOWERED else value for name, value in zip(fields, values, strict=True)]
    return parts[0] if len(parts) == 1 else json.dumps(parts, ensure_ascii=False)


def key_values(fields: Sequence[str], key: str) -> dict[str, str]:
    """The key fields of a raw key; the reverse of ``key_text``."""
    values = [key] if len(fields) == 1 else json.loads(key)
    return dict(zip(fields, values, strict=True))


def storable(text: str) -> str:
    """The text with characters that Postgres cannot store as escapes (``\\u0000``, ``\\ud800``)."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")
