"""Pages of a collection, cut into the bytes of their rows as the system sent them.

Cutting costs a tenth of parsing and keeps every digit. The fast cut searches for `},{"<first key>"`: a quote inside
a JSON string is escaped, so this text only occurs between two objects, and three counts prove that these objects are
the rows. Any other layout is cut by a JSON decoder.
"""

import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime

import orjson

from prospect_to_cash.clients.http.transport import Transient

BOM = b"\xef\xbb\xbf"
_VALUE = re.compile(rb'"value"\s*:\s*\[')
_FIRST_KEY = re.compile(rb'\{("(?:[^"\\]|\\.)*"):[^\s]')
_SPACE = re.compile(r"\s*")
_DECODER = json.JSONDecoder(strict=False)


class Garbled(Transient):
    """An answer that is incomplete or not in the expected form."""


@dataclass(frozen=True)
class Page:
    """Some rows of a collection, each as the bytes that the system sent.

    `observed_at` is the start of the request, UTC. Rows are cut, not parsed, so they may be invalid JSON.
    `delta_link` is on the last page of a collection that is read with change tracking; `deleted` are the ids of
    records that a page of changes reports as deleted.
    """

    rows: list[bytes] = field(repr=False)
    observed_at: datetime
    request_id: str = ""
    next_link: str | None = None
    delta_link: str | None = None
    count: int | None = None
    deleted: tuple[str, ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    @classmethod
    def read(cls, body: bytes, observed_at: datetime, request_id: str = "") -> "Page":
        """Cut one answer into a page. Raises Garbled when it is not a collection in JSON."""
        body = body.removeprefix(BOM)
        rows, envelope = _cut_fast(body) or _cut_slow(body)
        count = envelope.get("@odata.count", envelope.get("@count"))
        return cls(
            rows=rows,
            observed_at=observed_at,
            request_id=request_id,
            next_link=_link(envelope, "nextLink"),
            delta_link=_link(envelope, "deltaLink"),
            count=count if isinstance(count, int) and not isinstance(count, bool) else None,
            body=body,
        )

    def split_slow(self) -> "Page":
        """The same page cut by a JSON decoder: exact for every layout, ten times slower. Raises Garbled."""
        rows, _ = _cut_slow(self.body)
        return replace(self, rows=rows)


def whole_rows(page: Page) -> list[bytes]:
    """The rows of a page, each checked to be a JSON object. Raises Garbled."""
    for row in page.rows:
        if _parsed(row) is None:
            raise Garbled("A record in the answer is not a JSON object.")
    return page.rows


def _link(envelope: dict[str, object], name: str) -> str | None:
    """A link of the envelope; OData 4.01 omits the `odata.` of annotations."""
    link = envelope.get(f"@odata.{name}", envelope.get(f"@{name}"))
    return link if isinstance(link, str) and link else None


def _cut_fast(body: bytes) -> tuple[list[bytes], dict[str, object]] | None:
    """Rows and envelope of a compact page whose rows begin with the same key; None when that is not proven."""
    value = _VALUE.search(body)
    if not value:
        return None
    start = value.end()
    if body[start : start + 1] == b"]":
        envelope = _parsed(body)
        return ([], envelope) if envelope is not None and envelope.get("value") == [] else None
    first = _FIRST_KEY.match(body, start)
    end = body.rfind(b"}]")
    if not first or end < start:
        return None
    envelope = _parsed(body[:start] + b"true" + body[end + 1 :])
    if envelope is None or envelope.get("value") != [True]:  # "value" was a list deeper in the answer
        return None
    rows = _compact_rows(body, start, end, b"{" + first[1])
    return (rows, envelope) if rows else None


def _compact_rows(body: bytes, start: int, end: int, opening: bytes) -> list[bytes] | None:
    """The rows between two positions, all of which begin with `opening`; None when that is not proven."""
    pieces = body[start + len(opening) : end].split(b"}," + opening)
    if body.count(b"},{", start, end) != len(pieces) - 1:  # another first key, a list, or braces in a text
        return None
    if body.count(opening, start, end) != len(pieces):  # an object within a row begins like a row
        return None
    if body.count(b"}, {", start, end):  # not compact throughout
        return None
    rows = [opening + piece + b"}" for piece in pieces]
    return rows if _parsed(rows[-1]) is not None else None


def _parsed(text: bytes) -> dict[str, object] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _cut_slow(body: bytes) -> tuple[list[bytes], dict[str, object]]:
    """Rows and envelope of any collection in JSON. Raises Garbled."""
    text = body.decode("utf-8", "surrogateescape")  # so that the bytes of a row come back unchanged
    rows: list[bytes] | None = None
    envelope: dict[str, object] = {}
    try:
        at = _expect(text, 0, "{")
        while text[at] != "}":
            name, at = _DECODER.raw_decode(text, at)
            at = _expect(text, at, ":")
            if name == "value" and text[at] == "[":
                rows, at = _cut_array(text, at)
            else:
                envelope[name], at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
            if text[at] != "}":
                at = _expect(text, at, ",")
    except (ValueError, IndexError, TypeError, RecursionError):
        raise Garbled("The answer is not a collection in JSON, or is incomplete.") from None
    if rows is None or text[at + 1 :].strip():
        raise Garbled("The answer is JSON, but not a collection: it has no list of values.")
    return rows, envelope


def _cut_array(text: str, at: int) -> tuple[list[bytes], int]:
    rows = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        if text[at] != "{":
            raise ValueError("a row that is not an object")
        _, end = _DECODER.raw_decode(text, at)
        rows.append(text[at:end].encode("utf-8", "surrogateescape"))
        at = _skip(text, end)
        if text[at] != "]":
            at = _expect(text, at, ",")
    return rows, at + 1


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _expect(text: str, at: int, sign: str) -> int:
    """The position after `sign`, which must be the next character after any space."""
    at = _skip(text, at)
    if text[at] != sign:
        raise ValueError(sign)
    return _skip(text, at + 1)
