"""Schema drift: columns of a set appear, disappear or change their type."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from d365_sandbox.dataverse import errors as sales_errors
from d365_sandbox.faults.bodies import json_of
from d365_sandbox.faults.exchange import Effect, Exchange
from d365_sandbox.finops import errors as finops_errors
from d365_sandbox.json_text import dumps, loads
from d365_sandbox.web.messages import Reply

_EDM = {"string": "Edm.String", "integer": "Edm.Int32", "number": "Edm.Decimal", "boolean": "Edm.Boolean"}
_KINDS = {"str": "string", "bool": "boolean", "int": "integer", "float": "number"}


@dataclass(frozen=True, slots=True)
class Drift(Effect):
    """Drift of one set: `added` columns with their value, `dropped` ones, `retyped` ones with their new type
    (string, integer, number, boolean). A dropped column that a caller names is refused as an unknown one;
    `$metadata` shows all three."""

    set: str
    added: dict[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    retyped: dict[str, str] = field(default_factory=dict)
    kind = "drift"

    def __post_init__(self) -> None:
        for name, kind in self.retyped.items():
            if kind not in _EDM:
                raise ValueError(f"retyped: '{kind}' of {name} is none of {', '.join(_EDM)}.")

    def before(self, exchange: Exchange) -> Reply | None:
        if exchange.set_name != self.set:
            return None
        gone = self._named_gone(exchange)
        if gone:
            return _unknown(exchange, gone, exchange.type_of(self.set))
        exchange.selected = _selected(exchange.arrived.query)
        exchange.arrived.query = self._without_added(exchange.arrived.query)
        return None

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        if exchange.path.endswith("/$metadata"):
            text = reply.body.decode("utf-8", "surrogatepass")
            reply.body = self._described(text, exchange.type_of(self.set)).encode("utf-8", "surrogatepass")
            return reply
        answer = json_of(reply) if exchange.set_name == self.set and reply.status < 300 else None
        if answer is None:
            return reply
        wanted = self._wanted(exchange)
        rows = answer.get("value")
        if isinstance(rows, list):
            answer["value"] = [self._row(row, wanted) for row in rows]
        else:
            answer = self._row(answer, wanted)
        reply.body = dumps(answer)
        return reply

    def _row(self, row: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
        if "reason" in row or not isinstance(row, dict):
            return row
        kept = {
            name: _as(value, self.retyped[name]) if name in self.retyped else value
            for name, value in row.items()
            if name.partition("@")[0] not in self.dropped
        }
        return {**kept, **added}

    def _wanted(self, exchange: Exchange) -> dict[str, Any]:
        """The added columns that a caller sees: all without `$select`, else those it named."""
        named = exchange.selected
        return self.added if named is None else {n: v for n, v in self.added.items() if n in named}

    def _named_gone(self, exchange: Exchange) -> str:
        query = re.sub(r"'(?:[^']|'')*'", "", exchange.decoded_query)
        words = set(re.findall(r"[A-Za-z_]\w*", query))
        if exchange.arrived.method in ("POST", "PATCH", "PUT"):
            words |= _members(exchange.body)
        return next((name for name in self.dropped if name in words), "")

    def _without_added(self, query: str) -> str:
        """The service does not know added columns: they leave `$select`, and come back into the rows."""
        pieces = query.split("&")
        for at, piece in enumerate(pieces):
            name, _, text = piece.partition("=")
            if unquote(name) == "$select":
                names = [n.strip() for n in unquote(text).split(",")]
                kept = [n for n in names if n not in self.added]
                pieces[at] = f"{name}={','.join(kept)}" if kept else ""
        return "&".join(filter(None, pieces))

    def _described(self, csdl: str, type_name: str) -> str:
        found = re.search(rf'<EntityType Name="{re.escape(type_name)}".*?</EntityType>', csdl, re.DOTALL)
        if found is None:
            return csdl
        text = found[0]
        for name in self.dropped:
            text = re.sub(
                rf'\s*<Property Name="{re.escape(name)}"(?:[^>]*/>|.*?</Property>)', "", text, flags=re.DOTALL
            )
        for name, kind in self.retyped.items():
            text = re.sub(rf'(<Property Name="{re.escape(name)}" Type=")[^"]*', rf"\g<1>{_EDM[kind]}", text)
        new = "".join(
            f'<Property Name="{name}" Type="{_EDM[_KINDS.get(type(value).__name__, "string")]}" />'
            for name, value in self.added.items()
        )
        text = text.replace("</EntityType>", f"{new}</EntityType>")
        return csdl[: found.start()] + text + csdl[found.end() :]


def _selected(query: str) -> frozenset[str] | None:
    for piece in query.split("&"):
        name, _, text = piece.partition("=")
        if unquote(name) == "$select":
            return frozenset(n.strip() for n in unquote(text).split(","))
    return None


def _members(body: bytes) -> set[str]:
    try:
        given = loads(body)
    except ValueError:
        return set()
    return set(given) if isinstance(given, dict) else set()


def _unknown(exchange: Exchange, name: str, type_name: str) -> Reply:
    if exchange.system == "finops":
        text = (
            f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.DataEntities.{type_name}'."
        )
        return finops_errors.bad_request(text).reply(in_batch=exchange.in_batch)
    text = f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{type_name}'."
    return sales_errors.bad_query(text).reply()


def _as(value: Any, kind: str) -> Any:
    """A value in its new type; one that has no such form becomes null."""
    if value is None:
        return None
    if kind == "string":
        return str(value)
    if kind == "boolean":
        return bool(value)
    try:
        return int(value) if kind == "integer" else float(value)
    except ValueError:
        return None
