"""The skip token of change tracking: where a page of an initial load or of a list of changes ended.

It looks like that of other reads with `istracking="True"` (dataverse sheet, sections 4 and 5). The inner
cookie is opaque to callers; here it holds the row version at which the read began, so that changes between
two pages are reported by the next token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote
from xml.sax.saxutils import quoteattr

_OUTER = re.compile(r'<cookie pagenumber="(\d{1,9})" pagingcookie="([^"]*)" istracking="True" />')
_INNER = re.compile(r'<cookie page="\d+" until="(\d{1,18})" in="(rows|deletes)" after="([0-9a-f-]*)" />')


class CookieError(ValueError):
    """The skip token is not one that this server gave out."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended. `until` is the newest version that the read covers, `after` the last row's id or
    version, and `part` the list that it was in."""

    page: int
    until: int
    part: str
    after: str


def bake(place: Place) -> str:
    """The encoded `$skiptoken` that leads on from this place."""
    inner = f'<cookie page="{place.page}" until="{place.until}" in="{place.part}" after={quoteattr(place.after)} />'
    twice = quote(quote(inner, safe=""), safe="")
    return quote(
        f'<cookie pagenumber="{place.page + 1}" pagingcookie="{twice}" istracking="True" />', safe=""
    )


def read(token: str) -> Place:
    """The place that a decoded skip token names. Raises CookieError."""
    outer = _OUTER.fullmatch(token)
    inner = _INNER.fullmatch(unquote(unquote(outer[2]))) if outer else None
    if outer is None or inner is None:
        raise CookieError("Malformed XML in the Paging Cookie")
    return Place(int(outer[1]) - 1, int(inner[1]), inner[2], inner[3])
