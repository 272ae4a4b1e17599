"""The skip token of the Web API: a URL-encoded XML cookie with the page number and the last row's sort
values.

A token that does not fit the request's order is refused; that the real service checks this is assumed.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from d365_sandbox.odata.addresses import is_guid
from d365_sandbox.odata.matching import Order
from d365_sandbox.schemas.entity import Entity, Wire

_COOKIE = re.compile(
    r'<cookie pagenumber="([0-9]{1,9})" pagingcookie="([^"]*)" istracking="(?:False|True)" />'
)
_NOT_IN_XML = re.compile("[%\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_BROKEN = "Malformed XML in the Paging Cookie"


class CookieError(ValueError):
    """The skip token is not one that this server gave out."""


def bake(entity: Entity, order: Order, page: int, values: list[Wire], row_id: str) -> str:
    """The encoded `$skiptoken` that leads to this page, after the row with these sort values."""
    columns = []
    for (name, _), value in zip(order, values, strict=True):
        last = "" if value is None else _shielded(str(value))
        columns.append(f'<{_tag(name)} last={quoteattr(last)} lastnull="{int(value is None)}" />')
    columns.append(f'<{entity.key_fields[0]} last={quoteattr("{" + row_id.upper() + "}")} lastnull="0" />')
    inner = f'<cookie page="{page - 1}">{"".join(columns)}</cookie>'
    twice = quote(quote(inner, safe=""), safe="")
    return quote(f'<cookie pagenumber="{page}" pagingcookie="{twice}" istracking="False" />', safe="")


def read(entity: Entity, kinds: list[str], order: Order, token: str) -> tuple[int, list[Wire], str]:
    """Page number, sort values and row id of a decoded skip token; `kinds` are those of the sort columns.

    Raises CookieError.
    """
    outer = _COOKIE.fullmatch(token)
    if outer is None:
        raise CookieError(_BROKEN)
    inner, row_id = _inner(entity, order, unquote(unquote(outer[2])))
    columns = list(inner)
    if inner.get("page") != str(int(outer[1]) - 1):
        raise CookieError(_BROKEN)
    values = [_value(kind, c) for kind, c in zip(kinds, columns, strict=False)]
    return int(outer[1]), values, row_id


def last_row(entity: Entity, order: Order, text: str) -> str:
    """The row that the inner cookie names: what FetchXML is given back as `paging-cookie`. Raises CookieError."""
    return _inner(entity, order, text)[1]


def _inner(entity: Entity, order: Order, text: str) -> tuple[ElementTree.Element, str]:
    if "<!" in text or "<?" in text:
        raise CookieError(_BROKEN)
    try:
        inner = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError):
        raise CookieError(_BROKEN) from None
    columns = list(inner)
    tags = [*(_tag(name) for name, _ in order), entity.key_fields[0]]
    row_id = columns[-1].get("last", "").strip("{}").lower() if columns else ""
    if [c.tag for c in columns] != tags or not is_guid(row_id):
        raise CookieError(_BROKEN)
    return inner, row_id


def _value(kind: str, column: ElementTree.Element) -> Wire:
    if column.get("lastnull") == "1":
        return None
    text = unquote(column.get("last", ""), errors="surrogatepass")
    if kind == "boolean":
        return text == "True"
    if kind in ("integer", "choice", "decimal"):
        if not re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,3})?", text):
            raise CookieError(_BROKEN)
        return float(text)
    return text


def _tag(name: str) -> str:
    return name.replace("/", ".")


def _shielded(text: str) -> str:
    """Characters that XML cannot hold, percent-encoded."""
    return _NOT_IN_XML.sub(lambda found: quote(found[0], safe="", errors="surrogatepass"), text)
