"""Effects on pages: rows that come again, pages that come twice. Both happen in practice, because paging is no
snapshot and gateways repeat."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from d365_sandbox.faults.bodies import json_of
from d365_sandbox.faults.exchange import Effect, Exchange
from d365_sandbox.json_text import dumps
from d365_sandbox.web.messages import Reply

_REMEMBERED = 1000
_NEXT = "@odata.nextLink"


@dataclass(slots=True)
class Overlap(Effect):
    """A page begins with the last `rows` of the page before it."""

    rows: int = 1
    kind = "overlap"
    _tails: OrderedDict[str, list[Any]] = field(default_factory=OrderedDict)

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        answer = json_of(reply)
        rows = answer.get("value") if answer else None
        if answer is None or not isinstance(rows, list):
            return reply
        before = self._tails.get(_place(exchange.url), [])
        if _NEXT in answer:
            self._tails[_place(answer[_NEXT])] = rows[len(rows) - self.rows :] if self.rows else []
            if len(self._tails) > _REMEMBERED:
                self._tails.popitem(last=False)
        if before:
            reply.body = dumps({**answer, "value": [*before, *rows]})
        return reply


@dataclass(slots=True)
class Duplicate(Effect):
    """Every page that has a next one leads to itself once, so that it is delivered twice."""

    kind = "duplicate"
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        answer = json_of(reply)
        place = _place(exchange.url)
        if answer is None or _NEXT not in answer or place in self._seen:
            self._seen.pop(place, None)
            return reply
        self._seen[place] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        reply.body = dumps({**answer, _NEXT: exchange.url})
        return reply


def _place(url: str) -> str:
    """Path and query, decoded: a caller may encode them in another way."""
    parts = urlsplit(url)
    return unquote(f"{parts.path}?{parts.query}")
