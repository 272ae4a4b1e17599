"""The skip token of the Web API: a URL-encoded XML cookie with the page number and the last row's sort
values."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from sandbox.description import Entity, Wire
from sandbox.odata_subset.matching import Order


class CookieError(ValueError):
    """The skip token is not one that this server gave out."""


def bake(entity: Entity, order: Order, page: int, values: list[Wire], row_id: str) -> str:
    """The encoded `$skiptoken` that leads to this page, after the row with these sort values."""
    columns = []
    for (name, _), value in zip(order, values, strict=True):
        last = "" if value is None else str(value)
        columns.append(f'<{name} last={quoteattr(last)} lastnull="{int(value is None)}" />')
    columns.append(f'<{entity.key_fields[0]} last={quoteattr("{" + row_id.upper() + "}")} lastnull="0" />')
    inner = f'<cookie page="{page - 1}">{"".join(columns)}</cookie>'
    twice = quote(quote(inner, safe=""), safe="")
    return quote(f'<cookie pagenumber="{page}" pagingcookie="{twice}" istracking="False" />', safe="")


def read(entity: Entity, order: Order, token: str) -> tuple[int, list[Wire], str]:
    """Page number, sort values and row id of a decoded skip token. Raises CookieError."""
    outer = re.fullmatch(r'<cookie pagenumber="(\d+)" pagingcookie="([^"]*)" istracking="False" />', token)
    if outer is None:
        raise CookieError("Malformed XML in the Paging Cookie")
    try:
        columns = list(ElementTree.fromstring(unquote(unquote(outer[2]))))
    except ElementTree.ParseError:
        raise CookieError("Malformed XML in the Paging Cookie") from None
    if [c.tag for c in columns] != [*(name for name, _ in order), entity.key_fields[0]]:
        raise CookieError("Malformed XML in the Paging Cookie")
    values = [_value(entity, c.tag, c.get("last", ""), c.get("lastnull") == "1") for c in columns[:-1]]
    return int(outer[1]), values, columns[-1].get("last", "").strip("{}").lower()


def _value(entity: Entity, name: str, text: str, is_null: bool) -> Wire:
    if is_null:
        return None
    kind = entity.fields[name].kind
    if kind == "boolean":
        return text == "True"
    if kind in ("integer", "choice", "decimal"):
        try:
            return float(text)
        except ValueError:
            return text
    return text
