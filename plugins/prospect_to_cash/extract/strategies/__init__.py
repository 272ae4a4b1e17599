"""The strategies that a card may name, one function each."""

from __future__ import annotations

from collections.abc import Callable

from prospect_to_cash.extract.extraction import Extraction, ReadResult
from prospect_to_cash.extract.strategies import compare, delta, package, window

Strategy = Callable[[Extraction], ReadResult]

STRATEGIES: dict[str, Strategy] = {
    "window": window.extract,
    "delta": delta.extract,
    "compare": compare.extract,
    "package": package.extract,
}
