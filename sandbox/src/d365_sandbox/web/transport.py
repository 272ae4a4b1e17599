"""How answers leave the sandbox."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Transport:
    """How answers leave: `zipped` compresses larger ones for callers that accept gzip (off, because it costs
    more than making them), `largest_body` bounds requests (413 beyond; the bound is assumed)."""

    zipped: bool = False
    largest_body: int = 128 * 1024 * 1024
