"""The Prefer header."""

from __future__ import annotations

import re

_PREFERENCE = re.compile(r'\s*([\w.-]+)\s*(?:=\s*(?:"([^"]*)"|([^,;\s]+)))?\s*(?:[,;]|$)')


def read_preferences(header: str) -> dict[str, str]:
    """Preferences by lower-case name; one without a value has the value ''."""
    return {found[1].lower(): found[2] or found[3] or "" for found in _PREFERENCE.finditer(header)}


def page_size(preferences: dict[str, str], largest: int) -> tuple[int, str]:
    """The page size and what Preference-Applied says of it; sizes out of range fall back to the largest."""
    text = preferences.get("odata.maxpagesize", "")
    if text.isdigit() and 1 <= int(text) <= largest:
        return int(text), f"odata.maxpagesize={text}"
    return largest, ""
