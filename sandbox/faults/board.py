"""The rules that are set on one system."""

from __future__ import annotations

from typing import Any

from sandbox.faults.exchange import Exchange
from sandbox.faults.rules import Rule, read_rule
from sandbox.web import Arrived


class FaultBoard:
    """Rules in the order in which they were set; each request runs through all of them."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._next = 1
        self.current: Arrived | None = None

    @property
    def any_set(self) -> bool:
        return bool(self._rules)

    def add(self, given: list[Any], replace: bool) -> list[dict[str, Any]]:
        """Set more rules, or others in place of all. Raises ValueError, and then nothing changes."""
        new = [read_rule(self._next + n, rule) for n, rule in enumerate(given)]
        self._next += len(new)
        self._rules = new if replace else [*self._rules, *new]
        return [rule.shown() for rule in new]

    def remove(self, number: int) -> bool:
        """Take one rule away; whether there was one."""
        before = len(self._rules)
        self._rules = [rule for rule in self._rules if rule.number != number]
        return len(self._rules) < before

    def clear(self) -> bool:
        self._rules = []
        return True

    def shown(self) -> list[dict[str, Any]]:
        return [rule.shown() for rule in self._rules]

    def struck(self, exchange: Exchange) -> list[Rule]:
        """The rules that strike this request, which counts in each that fits."""
        return [rule for rule in self._rules if rule.strikes(exchange)]
