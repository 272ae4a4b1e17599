"""How an entity is read: one function per strategy that a card may name."""

from __future__ import annotations

from collections.abc import Callable

from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import Read
from prospect_to_cash.strategies import compare, delta, package, window
from prospect_to_cash.strategies.extraction import Extraction, Tally

Strategy = Callable[[Extraction], Tally]

STRATEGIES: dict[str, Strategy] = {
    "window": window.extract,
    "delta": delta.extract,
    "compare": compare.extract,
    "package": package.extract,
}


def strategy_of(read: Read, card: str) -> Strategy:
    """The function that reads the entity. Raises Misconfigured for a name that is not known."""
    if read.strategy not in STRATEGIES:
        raise Misconfigured(
            f"Card {card}, {read.entity}: strategy '{read.strategy}' is not known; use "
            f"{' or '.join(STRATEGIES)}."
        )
    return STRATEGIES[read.strategy]
