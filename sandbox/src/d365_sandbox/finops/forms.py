"""The JSON format that a caller asks for: how much metadata, and numbers as numbers or as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LEVEL = re.compile(r"odata\.metadata\s*=\s*(minimal|full|none)", re.IGNORECASE)
_STRINGS = re.compile(r"IEEE754Compatible\s*=\s*true", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """`level` is none, minimal or full; `strings` writes decimals and 64-bit integers as text
    (IEEE754Compatible)."""

    level: str = "minimal"
    strings: bool = False

    @property
    def content_type(self) -> str:
        text = f"application/json; odata.metadata={self.level}; odata.streaming=true"
        return f"{text}; IEEE754Compatible=true" if self.strings else text


def read_form(accept: str, chosen: str) -> Form:
    """The form that `$format`, or else the Accept header, asks for."""
    text = chosen if ";" in chosen else accept
    level = _LEVEL.search(text)
    return Form(level[1].lower() if level else "minimal", _STRINGS.search(text) is not None)
