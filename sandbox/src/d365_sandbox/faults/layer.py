"""Applies fault rules to requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

from starlette.requests import Request
from starlette.responses import Response

from d365_sandbox.clock import Clock
from d365_sandbox.faults.board import FaultBoard
from d365_sandbox.faults.exchange import Delivery, Exchange
from d365_sandbox.faults.rules import Rule
from d365_sandbox.faults.sending import SpoiledResponse
from d365_sandbox.identity.tokens import TokenDesk
from d365_sandbox.web.messages import Arrived, Call, Produce, Reply, arrived
from d365_sandbox.web.request_log import RequestLog
from d365_sandbox.web.roots import root_of


class FaultLayer:
    """Applies one system's rules to requests and to parts of batches."""

    def __init__(
        self,
        system: str,
        board: FaultBoard,
        desk: TokenDesk,
        log: RequestLog,
        clock: Clock,
        type_of: Callable[[str], str],
    ) -> None:
        self._system = system
        self._board = board
        self._desk = desk
        self._log = log
        self._clock = clock
        self._type_of = type_of

    @property
    def any_set(self) -> bool:
        return self._board.any_set

    async def carry(self, request: Request, body: bytes, produce: Produce) -> Response:
        """Answer a request; `produce` asks the service and logs what it answered."""
        exchange = self._exchange(request, body)
        rules = self._board.struck(exchange)
        exchange.arrived.faults = tuple(name for rule in rules for name in rule.names)
        reply = _instead(rules, exchange)
        if reply is None:
            reply = _spoiled(rules, exchange, self._produced(produce, exchange.arrived))
        else:
            came = exchange.arrived
            self._log.add(came.method, came.path, came.query, reply.status, faults=came.faults)
            for seconds in _postponed(rules)[:1]:
                self._board.late.postpone(
                    seconds, came.method, came.path, lambda: self._produced(produce, came)
                )
        delivery = Delivery()
        for rule in rules:
            for effect in rule.effects:
                effect.deliver(delivery)
        return SpoiledResponse(reply, {**reply.headers, "Date": self._clock.http_date()}, delivery)

    def _produced(self, produce: Produce, came: Arrived) -> Reply:
        self._board.current = came
        try:
            return produce(came)
        finally:
            self._board.current = None

    def part(self, call: Call, operate: Callable[[], Reply]) -> Reply:
        """Answer one part of a batch; `operate` asks the service."""
        came = Arrived(call.method, call.path, call.query)
        exchange = Exchange(
            self._system,
            call.root,
            call.body,
            came,
            self._desk,
            "bearer",
            self._http_date,
            self._type_of,
            True,
        )
        rules = self._board.struck(exchange)
        if not rules:
            return operate()
        if self._board.current is not None:
            self._board.current.faults += tuple(name for rule in rules for name in rule.names)
        reply = _instead(rules, exchange)
        if reply is None:
            call.query = came.query
            reply = _spoiled(rules, exchange, operate())
        return reply

    def _exchange(self, request: Request, body: bytes) -> Exchange:
        authorization = request.headers.get("authorization", "")
        return Exchange(
            self._system, root_of(request), body, arrived(request), self._desk, authorization,
            self._http_date, self._type_of,
        )  # fmt: skip

    def _http_date(self, seconds: float) -> str:
        later = self._clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
        return format_datetime(later, usegmt=True)


def _postponed(rules: list[Rule]) -> list[float]:
    """After how many seconds the request is carried out, by each rule that postpones it."""
    found = (effect.postponed for rule in rules for effect in rule.effects)
    return [seconds for seconds in found if seconds is not None]


def _instead(rules: list[Rule], exchange: Exchange) -> Reply | None:
    for rule in rules:
        for effect in rule.effects:
            reply = effect.before(exchange)
            if reply is not None:
                return reply
    return None


def _spoiled(rules: list[Rule], exchange: Exchange, reply: Reply) -> Reply:
    """The answer after all effects; they get a copy, because a service may keep its own."""
    reply = replace(reply, headers=dict(reply.headers))
    for rule in rules:
        for effect in rule.effects:
            reply = effect.after(exchange, reply)
    return reply
