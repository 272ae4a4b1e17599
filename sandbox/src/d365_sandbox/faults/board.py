"""The rules that are set on one system."""

from __future__ import annotations

from typing import Any

from d365_sandbox.faults.exchange import Exchange
from d365_sandbox.faults.late import LateRequests
from d365_sandbox.faults.rules import Rule, read_rule
from d365_sandbox.web.messages import Arrived


class FaultBoard:
    """Rules in the order in which they were set; each request runs through all of them. `late` are the requests
    that are still to be carried out."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._next = 1
        self.current: Arrived | None = None
        self.late = LateRequests()

    @property
    def any_set(self) -> bool:
        return bool(self._rules)

    def add(self, given: list[Any], replace: bool) -> list[dict[str, Any]]:
        """Add rules, or replace all of them. Raises ValueError without changing anything."""
        new = [read_rule(self._next + n, rule) for n, rule in enumerate(given)]
        self._next += len(new)
        self._rules = new if replace else [*self._rules, *new]
        return [rule.shown() for rule in new]

    def remove(self, number: int) -> bool:
        """Remove one rule; returns whether there was one."""
        before = len(self._rules)
        self._rules = [rule for rule in self._rules if rule.number != number]
        return len(self._rules) < before

    def clear(self) -> bool:
        self._rules = []
        return True

    def shown(self) -> list[dict[str, Any]]:
        return [rule.shown() for rule in self._rules]

    def struck(self, exchange: Exchange) -> list[Rule]:
        """The rules that apply to this request; it counts in every rule that it matches."""
        return [rule for rule in self._rules if rule.strikes(exchange)]
